//! Templates: found in the project or built in, rendered strictly, and parsed into the work of a run.

use super::check;
use super::embedded;
use super::source::{Mistake, SourceText, noted};
use super::work::Work;
use super::yaml_text;
use crate::failure::{Failure, nearest};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, ErrorKind, OutputSpanKind, UndefinedBehavior};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error as _;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Steps that a template may take: enough for any run, and an end to a loop without one.
const FUEL: u64 = 1_000_000;

/// Bytes that a template may render to: far more than any run, and an end to a loop that writes without one.
const LONGEST: usize = 4 << 20;

/// All templates that a project can use: its own in `templates/<kind>/<name>.yaml.j2`, then the built-in ones.
#[derive(Debug, Clone)]
pub struct Library {
    folder: PathBuf,
}

impl Library {
    /// The templates of a project.
    pub fn of(project: &Path) -> Self {
        Library { folder: project.join("templates") }
    }

    /// Names of all templates of a kind (`run`, `method`, `transfer`), sorted.
    pub fn names(&self, kind: &str) -> BTreeSet<String> {
        let built_in = embedded::TEMPLATES.iter().filter_map(|(path, _)| path.strip_prefix(kind)?.strip_prefix('/'));
        let files = std::fs::read_dir(self.folder.join(kind)).into_iter().flatten().flatten();
        let own = files.filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".yaml.j2")?.to_owned()));
        built_in.map(str::to_owned).chain(own).collect()
    }

    /// The text of a template, by path without ending: `run/quick`.
    pub fn find(&self, path: &str) -> Option<SourceText> {
        // A template is named inside templates/ only; `..` in a name would read any file.
        if path.split('/').any(|part| part.is_empty() || part.starts_with('.')) {
            return None;
        }
        let name = format!("templates/{path}.yaml.j2");
        if let Ok(text) = std::fs::read_to_string(self.folder.join(format!("{path}.yaml.j2"))) {
            return Some(SourceText::new(name, text));
        }
        let (_, text) = embedded::TEMPLATES.iter().find(|(known, _)| *known == path)?;
        Some(SourceText::new(format!("{name} (built in)"), *text))
    }
}

/// A template, compiled, with everything it includes.
pub struct Template {
    environment: Environment<'static>,
    library: Library,
    path: String,
    title: String,
    parsed: Mutex<HashMap<String, Arc<Rendered>>>,
}

/// Takes text up to a limit.
#[derive(Default)]
struct Bounded {
    bytes: Vec<u8>,
}

impl Write for Bounded {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + more.len() > LONGEST {
            return Err(io::Error::other("the text is too long"));
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a template rendered to.
#[derive(Debug, PartialEq)]
pub struct Rendered {
    /// The work, checked.
    pub work: Work,
}

/// A template that was asked for and is not there; travels through minijinja as the source of an error.
#[derive(Debug, Clone)]
struct Unknown {
    path: String,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no template {}", self.path)
    }
}

impl std::error::Error for Unknown {}

impl Template {
    /// Compiles a template of a kind. The failure has no place: the caller knows who asked for the template.
    pub fn load(library: &Library, kind: &str, name: &str) -> Result<Template, Failure> {
        let path = format!("{kind}/{name}");
        let Some(SourceText { name: title, .. }) = library.find(&path) else { return Err(unknown(library, &path)) };
        let mut environment = Environment::new();
        let loader = library.clone();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_debug(true);
        // A custom escape marks captured blocks as safe, so that they are not quoted as texts.
        environment.set_auto_escape_callback(|_| AutoEscape::Custom("yaml".into()));
        environment.set_formatter(yaml_text::write);
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
        environment.set_syntax(syntax.map_err(|error| Failure::input(error.to_string()))?);
        environment.set_loader(move |name| match loader.find(name.trim_end_matches(".yaml.j2")) {
            Some(source) => Ok(Some(source.text)),
            None => {
                let unknown = Unknown { path: name.trim_end_matches(".yaml.j2").to_owned() };
                Err(minijinja::Error::new(ErrorKind::BadInclude, unknown.to_string()).with_source(unknown))
            }
        });
        let template = Template { environment, library: library.clone(), path, title, parsed: Mutex::default() };
        template.compiled().map_err(|error| template.explain(&error, &[]))?;
        Ok(template)
    }

    /// What a person calls the template.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Renders, parses and checks. Equal texts are parsed once. The failure shows the template or the rendered text.
    pub fn render(&self, variables: &BTreeMap<&str, minijinja::Value>) -> Result<Arc<Rendered>, Failure> {
        let names: Vec<&str> = variables.keys().copied().collect();
        let text = self.text(variables).map_err(|error| self.explain(&error, &names))?;
        if let Some(rendered) = self.parsed().get(&text) {
            return Ok(rendered.clone());
        }
        let source = SourceText { name: format!("{} (rendered)", self.title()), text, context_lines: 2 };
        let work: Work = source.parse_or_mistake().map_err(|mistake| self.written_by(mistake, &source, variables))?;
        check::check(&work).map_err(|wrong| self.written_by(wrong.mistake(&source), &source, variables))?;
        // Another thread may have parsed the same text meanwhile; the first one stays, so that equal texts share one work.
        Ok(self.parsed().entry(source.text).or_insert_with(|| Arc::new(Rendered { work })).clone())
    }

    fn text(&self, variables: &BTreeMap<&str, minijinja::Value>) -> Result<String, minijinja::Error> {
        let mut text = Bounded::default();
        self.compiled()?.render_captured_to(minijinja::Value::from_pairs(variables.clone()), &mut text)?;
        Ok(String::from_utf8_lossy(&text.bytes).into_owned())
    }

    fn parsed(&self) -> MutexGuard<'_, HashMap<String, Arc<Rendered>>> {
        self.parsed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All variables that the template and what it includes can read, after it was rendered.
    ///
    /// Where one file of a folder was included, all of that folder counts: a variable of one method is no mistake where
    /// another method is asked for.
    pub fn variables(&self) -> BTreeSet<String> {
        let included = self.environment.templates().map(|(name, _)| name.trim_end_matches(".yaml.j2").to_owned());
        let included: Vec<String> = included.filter(|path| *path != self.path).collect();
        let folders: BTreeSet<&str> =
            included.iter().filter_map(|path| path.rsplit_once('/')).map(|(folder, _)| folder).collect();
        let siblings =
            folders.iter().flat_map(|folder| self.library.names(folder).into_iter().map(move |name| format!("{folder}/{name}")));
        let all: BTreeSet<String> = siblings.chain(included.iter().cloned()).chain([self.path.clone()]).collect();
        let mut variables = BTreeSet::new();
        for path in all {
            let Ok(template) = self.environment.get_template(&format!("{path}.yaml.j2")) else { continue };
            variables.extend(template.undeclared_variables(false));
            variables.extend(given_defaults(template.source()));
        }
        variables
    }

    fn compiled(&self) -> Result<minijinja::Template<'_, '_>, minijinja::Error> {
        self.environment.get_template(&format!("{}.yaml.j2", self.path))
    }

    /// The failure of a text that is no run: shows the text, and names the line of the template that wrote it.
    fn written_by(&self, mistake: Mistake, source: &SourceText, variables: &BTreeMap<&str, minijinja::Value>) -> Failure {
        let origin = mistake.span.as_ref().and_then(|span| self.origin(span.start, variables));
        let mut failure = mistake.failure(source);
        failure.message = format!("{} renders to no run: {}", self.title(), failure.message);
        match origin {
            Some(origin) => noted(failure, &format!("written by {origin}")),
            None => failure,
        }
    }

    /// The line of a template that wrote the byte at an offset of the rendered text.
    fn origin(&self, offset: usize, variables: &BTreeMap<&str, minijinja::Value>) -> Option<String> {
        let (_, spans) = self.compiled().ok()?.render_with_spans(minijinja::Value::from_pairs(variables.clone())).ok()?;
        let span = spans.iter().find(|span| span.output_range().contains(&offset))?;
        let source = self.library.find(span.name().trim_end_matches(".yaml.j2"))?;
        let within = match span.kind() {
            OutputSpanKind::Raw => offset - span.output_range().start,
            _ => 0,
        };
        let start = span.source_range().start + within;
        let line = source.text.get(..start)?.matches('\n').count();
        Some(format!("{}:{}: {}", source.name, line + 1, source.text.lines().nth(line)?.trim()))
    }

    /// Turns minijinja's error into a failure that points into the template that caused it.
    fn explain(&self, error: &minijinja::Error, names: &[&str]) -> Failure {
        let mut cause = error;
        while let Some(inner) = cause.source().and_then(|source| source.downcast_ref::<minijinja::Error>()) {
            cause = inner;
        }
        let asked = cause.source().and_then(|source| source.downcast_ref::<Unknown>());
        let path = cause.name().unwrap_or_default().trim_end_matches(".yaml.j2");
        let source = self.library.find(path).unwrap_or_default();
        let span = cause.range().or_else(|| line_of(&source.text, cause.line()?)).unwrap_or(0..0);
        if let Some(asked) = asked {
            let failure = unknown(&self.library, &asked.path);
            return if source.text.is_empty() { failure } else { failure.at(source.draw(span, "asked for here")) };
        }
        if cause.kind() == ErrorKind::WriteFailure {
            return Failure::input(format!("{} renders to more than {} MiB", self.title(), LONGEST >> 20))
                .hint("look for a loop that writes more than it should");
        }
        let detail = cause.detail().map_or_else(|| cause.kind().to_string(), str::to_owned);
        let failure = Failure::input(format!("{} cannot be rendered: {detail}", source.name))
            .at(source.draw(span.clone(), &cause.kind().to_string()));
        if cause.kind() != ErrorKind::UndefinedError {
            return failure;
        }
        let wanted = detail.split('`').nth(1).unwrap_or_default();
        failure
            .nearest(wanted, names.iter().copied())
            .hint(format!("variables here: {}", names.join(", ")))
            .hint(format!("give `{wanted}` in `with:` or as an axis, or write `{{{{ {wanted} | default(...) }}}}`"))
    }
}

/// Variables that a template reads only to give them a default under their own name: `{% set x = x | default(1) %}`.
fn given_defaults(text: &str) -> impl Iterator<Item = String> {
    let statements = text.split("{%").skip(1).filter_map(|rest| rest.split("%}").next()?.trim().strip_prefix("set "));
    let assigned = statements.filter_map(|statement| statement.split_once('=')).map(|(name, value)| (name.trim(), value));
    let part = |c: char| c.is_alphanumeric() || c == '_';
    assigned.filter(move |(name, value)| value.split(|c| !part(c)).any(|word| word == *name)).map(|(name, _)| name.to_owned())
}

fn line_of(text: &str, line: usize) -> Option<std::ops::Range<usize>> {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let content = text.get(before..)?.lines().next()?;
    Some(before + content.len() - content.trim_start().len()..before + content.len())
}

/// The failure of a template that is not there: names the nearest and all there are.
fn unknown(library: &Library, path: &str) -> Failure {
    let (kind, name) = path.split_once('/').unwrap_or(("run", path));
    let names = library.names(kind);
    let failure = Failure::input(format!("there is no {kind} template `{name}`"));
    let failure = match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure,
    };
    let known = names.into_iter().collect::<Vec<_>>().join(", ");
    failure.hint(format!("there are: {known}")).hint(format!("or write templates/{kind}/{name}.yaml.j2"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        let project = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(project.path().join("templates/run")).unwrap();
        std::fs::write(project.path().join("templates/run/odd.yaml.j2"), text).unwrap();
        let template = Template::load(&Library::of(project.path()), "run", "odd").unwrap();
        template.render(&BTreeMap::new()).unwrap_err().to_string()
    }

    #[test]
    fn a_template_is_bounded_in_time_and_size() {
        let loud = said("{% for i in range(100000) %}{{ 'x' * 1000 }}{% endfor %}");
        assert!(loud.contains("odd.yaml.j2 renders to more than 4 MiB\nhint: look for a loop"), "{loud}");
        let long = said("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}");
        assert!(long.contains("odd.yaml.j2 cannot be rendered: ") && long.contains("fuel"), "{long}");
    }

    #[test]
    fn a_template_cannot_be_named_outside_its_folder() {
        let library = Library::of(Path::new("."));
        for path in ["run/../../Cargo", "run//x", "../run/quick", "run/.hidden", "/etc/passwd"] {
            assert!(library.find(path).is_none(), "{path}");
        }
    }
}
