//! Expressions over the axes: `when:`, `exclude:` and `--only`.

use crate::failure::Failure;
use crate::spec::SourceText;
use minijinja::value::ValueKind;
use minijinja::{Environment, Expression, UndefinedBehavior, Value};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

/// The values that an expression is about; an axis that is absent at a point is none.
pub(crate) type Scope = BTreeMap<String, Value>;

static LANGUAGE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_debug(true);
    environment.set_fuel(Some(100_000));
    environment
});

/// A compiled expression that remembers where it stands.
pub(crate) struct Condition<'a> {
    text: &'a str,
    source: &'a SourceText,
    path: Vec<String>,
    compiled: Expression<'static, 'static>,
}

impl<'a> Condition<'a> {
    /// Compiles the expression at a key path of a source; it may use the `known` names.
    pub(crate) fn new(source: &'a SourceText, path: &[&str], text: &'a str, known: &[&str]) -> Result<Self, Failure> {
        let path: Vec<String> = path.iter().map(|key| (*key).to_owned()).collect();
        let compiled = LANGUAGE.compile_expression_owned(text.to_owned()).map_err(|error| {
            let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
            let within = error.range().filter(|range| range.end <= text.len()).unwrap_or(0..text.len());
            let within_start = text.floor_char_boundary(within.start);
            let failure = place(source, &path, text, within, &format!("`{text}` is not an expression: {detail}"), "here");
            match text[..within_start].ends_with('=') || text[within_start..].starts_with('=') {
                true => failure.hint("`=` compares nothing; write `==`"),
                false => failure.hint("for example: method == 'mae' and mask_ratio > 0.5"),
            }
        })?;
        let condition = Condition { text, source, path, compiled };
        condition.known_names_only(known)?;
        Ok(condition)
    }

    /// Whether the expression holds. None (an absent axis) does not hold.
    pub(crate) fn holds(&self, scope: &Scope) -> Result<bool, Failure> {
        let value = self.compiled.eval(Value::from_pairs(scope.clone())).map_err(|error| {
            let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
            let within = error.range().filter(|range| range.end <= self.text.len()).unwrap_or(0..self.text.len());
            self.failure(within, &format!("`{}` cannot be evaluated: {detail}", self.text), "here")
        })?;
        match value.kind() {
            ValueKind::Bool => Ok(value.is_true()),
            ValueKind::None | ValueKind::Undefined => Ok(false),
            other => {
                let message = format!("`{}` is a {other} ({value}), not true or false", self.text);
                Err(self
                    .failure(0..self.text.len(), &message, "not a condition")
                    .hint("compare it with something: ==, !=, <, >, in"))
            }
        }
    }

    /// The expression as it was written.
    pub(crate) fn text(&self) -> &str {
        self.text
    }

    /// A failure that points at the expression.
    pub(crate) fn failure(&self, within: Range<usize>, message: &str, label: &str) -> Failure {
        place(self.source, &self.path, self.text, within, message, label)
    }

    /// The names of variables in the expression.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        let names = self.compiled.undeclared_variables(false);
        let mut names: Vec<String> =
            names.into_iter().filter(|name| !LANGUAGE.globals().any(|(global, _)| global == name)).collect();
        names.sort();
        names.into_iter()
    }

    fn known_names_only(&self, known: &[&str]) -> Result<(), Failure> {
        let Some(name) = self.names().find(|name| !known.contains(&name.as_str())) else { return Ok(()) };
        let at = word(self.text, &name).unwrap_or(0..self.text.len());
        let failure = self.failure(at, &format!("`{name}` is no axis and no constant"), "not known here");
        let failure = failure.nearest(&name, known.iter().copied());
        Err(match known.is_empty() {
            true => failure.hint("no names are known here: a `when` can use constants and earlier axes"),
            false => failure.hint(format!("names known here: {}", known.join(", "))),
        })
    }
}

fn place(source: &SourceText, path: &[String], text: &str, within: Range<usize>, message: &str, label: &str) -> Failure {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    source.failure_within(&path, text, within, message, label)
}

/// Where a name stands in an expression as a whole word.
fn word(text: &str, name: &str) -> Option<Range<usize>> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).map(|(start, _)| start..start + name.len()).find(|span| {
        !text[..span.start].ends_with(part) && !text[span.end..].starts_with(part) && !text[..span.start].ends_with(['\'', '"'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str) -> Result<bool, String> {
        let source = SourceText::new("--only", text);
        let scope = Scope::from([
            ("method".to_owned(), Value::from("mae")),
            ("mask_ratio".to_owned(), Value::from(0.75)),
            ("weight".to_owned(), Value::from(())),
        ]);
        let condition = Condition::new(&source, &[], text, &["method", "mask_ratio", "weight"]).map_err(|f| f.to_string())?;
        condition.holds(&scope).map_err(|f| f.to_string())
    }

    #[test]
    fn an_absent_axis_is_none_and_compares_as_nothing() {
        assert_eq!(holds("method == 'mae' and mask_ratio >= 0.75"), Ok(true));
        assert_eq!(holds("weight == 0.1"), Ok(false));
        assert_eq!(holds("weight is none"), Ok(true));
        assert_eq!(holds("weight and weight > 0.05"), Ok(false));
        assert_eq!(holds("method in ['mae', 'vic_mae']"), Ok(true));
    }

    #[test]
    fn mistakes_are_pointed_at() {
        let said = ["mask_ratoi > 1", "method = 'mae'", "mask_ratio", "method.foo.bar", "mask_ratio >"]
            .map(|text| holds(text).unwrap_err());
        insta::assert_snapshot!(said.join("\n\n"), @r"
        `mask_ratoi` is no axis and no constant
         --> --only:1:1
          |
        1 | mask_ratoi > 1
          | ^^^^^^^^^^ not known here
        hint: did you mean `mask_ratio`?
        hint: names known here: method, mask_ratio, weight

        `method = 'mae'` is not an expression: unexpected input after expression
         --> --only:1:8
          |
        1 | method = 'mae'
          |        ^ here
        hint: `=` compares nothing; write `==`

        `mask_ratio` is a number (0.75), not true or false
         --> --only:1:1
          |
        1 | mask_ratio
          | ^^^^^^^^^^ not a condition
        hint: compare it with something: ==, !=, <, >, in

        `method.foo.bar` cannot be evaluated: `method.foo` is undefined
         --> --only:1:7
          |
        1 | method.foo.bar
          |       ^^^^^^^^ here

        `mask_ratio >` is not an expression: unexpected end of input, expected expression
         --> --only:1:12
          |
        1 | mask_ratio >
          |            ^ here
        hint: for example: method == 'mae' and mask_ratio > 0.5
        ");
    }
}
