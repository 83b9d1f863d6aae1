//! A table in LaTeX: booktabs, numbers by siunitx.

use super::super::question::label;
use super::cell::Figure;
use super::{Cell, Column, Mark, Table, show};

impl Table {
    /// The table as a `table` environment. It needs the packages booktabs and siunitx, and no other.
    pub fn to_latex(&self) -> String {
        let aligned = "l".repeat(self.row_axes.len()) + &"r".repeat(self.columns.len());
        let mut text = format!(
            "\\begin{{table}}\n  \\centering\n  \\caption{{{}}}\n  \\label{{tab:{}}}\n  \\begin{{tabular}}{{{aligned}}}\n    \\toprule\n",
            escaped(&self.title),
            self.name
        );
        text += &self.latex_heads();
        text += "    \\midrule\n";
        for (key, cells) in self.rows.iter().zip(&self.cells) {
            let cells = cells.iter().zip(&self.columns).map(|(cell, column)| self.latex_cell(cell.as_ref(), column));
            text += &line(key.iter().map(|value| escaped(&label(value))).chain(cells));
        }
        if !self.references.is_empty() {
            text += "    \\midrule\n";
        }
        for reference in &self.references {
            let values = reference.values.iter().zip(&self.columns).map(|(value, column)| {
                value.map(|value| format!("\\num{{{}}}", show(&column.quantity.metric, value))).unwrap_or_default()
            });
            let blank = self.row_axes.iter().skip(1).map(|_| String::new());
            let name = format!("\\textit{{{}}}", escaped(&reference.name));
            text += &line(std::iter::once(name).chain(blank).chain(values));
        }
        text += "    \\bottomrule\n  \\end{tabular}\n";
        for note in self.key("Bold", "underlined").into_iter().chain(self.notes()) {
            text += &format!("  \\par\\smallskip{{\\footnotesize {}}}\n", escaped(&note));
        }
        text + "\\end{table}\n"
    }

    fn latex_heads(&self) -> String {
        let levels = self.levels();
        let mut text = String::new();
        for (at, level) in levels.iter().enumerate() {
            let innermost = at + 1 == levels.len();
            let axes = self.row_axes.iter().map(|axis| if innermost { escaped(axis) } else { String::new() });
            let spans = level.iter().map(|span| match span.columns {
                1 => format!("{{{}}}", escaped(&span.text)),
                columns => format!("\\multicolumn{{{columns}}}{{c}}{{{}}}", escaped(&span.text)),
            });
            text += &line(axes.chain(spans));
            if !innermost {
                let mut from = self.row_axes.len() + 1;
                let rules = level.iter().map(|span| {
                    let rule = format!("\\cmidrule(lr){{{from}-{}}}", from + span.columns - 1);
                    from += span.columns;
                    rule
                });
                text += &format!("    {}\n", rules.collect::<Vec<_>>().join(" "));
            }
        }
        text
    }

    fn latex_cell(&self, cell: Option<&Cell>, column: &Column) -> String {
        let Some(cell) = cell else { return String::new() };
        let metric = &column.quantity.metric;
        let Some(figure) = cell.figure(metric, self.spread) else {
            return if cell.instead() == "-" { "--".into() } else { format!("\\textit{{{}}}", escaped(&cell.instead())) };
        };
        let number = number(&figure);
        let number = match cell.mark {
            Mark::Best => format!("{{\\bfseries\\boldmath {number}}}"),
            Mark::Second => format!("\\underline{{{number}}}"),
            Mark::None => number,
        };
        let remarks = cell.remarks(metric);
        if remarks.is_empty() { number } else { format!("{number} {{\\scriptsize ({})}}", escaped(&remarks.join(", "))) }
    }
}

fn number(figure: &Figure) -> String {
    let finite = |text: &String| text.parse::<f64>().is_ok_and(f64::is_finite);
    let power = figure.power.map(|power| format!("e{power}")).unwrap_or_default();
    let num = |text: &String| if finite(text) { format!("\\num{{{text}{power}}}") } else { text.clone() };
    match (&figure.width, &figure.ends) {
        // The power belongs to both.
        (Some(width), _) if finite(&figure.center) && finite(width) => {
            format!("\\num{{{} \\pm {width}{}}}", figure.center, power.replace('e', " e"))
        }
        (None, Some([low, high])) => format!("{} [{}, {}]", num(&figure.center), num(low), num(high)),
        _ => num(&figure.center),
    }
}

fn line(cells: impl Iterator<Item = String>) -> String {
    format!("    {} \\\\\n", cells.collect::<Vec<_>>().join(" & "))
}

/// Text that LaTeX shows as it is, also at the beginning of a line of a table. It needs no package, and no character is left in it
/// at which pdflatex stops.
pub(in crate::report) fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for character in text.chars() {
        match character {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => {
                safe.push('\\');
                safe.push(character);
            }
            // After the `\\` of the line before, these would be read as its arguments.
            '[' => safe.push_str("{[}"),
            '*' => safe.push_str("{*}"),
            // Two of them would be a dash.
            '-' if safe.ends_with('-') => safe.push_str("{}-"),
            ' '..='~' if !"\\~^<>".contains(character) => safe.push(character),
            // An empty line would end the caption that it stands in.
            '\n' | '\r' | '\t' => safe.push_str(if safe.ends_with(' ') { "" } else { " " }),
            other => match sign(other) {
                Some(command) => safe.push_str(command),
                None => safe.push_str(&foreign(other)),
            },
        }
    }
    safe
}

/// A character that no table knows: a letter of Europe as it is, which inputenc and the fonts of T1 have, and of others the code,
/// so that two labels that differ still do.
fn foreign(character: char) -> String {
    match character {
        // What T1 lacks.
        'Ħ' | 'ħ' | 'ĸ' | 'Ŀ' | 'ŀ' | 'ŉ' | 'Ŧ' | 'ŧ' | 'ſ' => format!("U+{:04X}", character as u32),
        '\u{a1}'..='\u{17f}' => character.into(),
        _ if character.is_control() => String::new(),
        _ => format!("U+{:04X}", character as u32),
    }
}

/// The command for a character that stands for something in LaTeX, or that it does not know.
fn sign(character: char) -> Option<&'static str> {
    SIGNS.iter().find(|(signs, _)| signs.contains(character)).map(|(_, command)| *command)
}

/// Characters with the command that prints them; several where they look alike.
#[rustfmt::skip]
const SIGNS: &[(&str, &str)] = &[
    ("\\", "\\textbackslash{}"), ("~", "\\textasciitilde{}"), ("^", "\\textasciicircum{}"),
    ("<", "\\textless{}"), (">", "\\textgreater{}"),
    ("\u{a0}\u{202f}\u{2007}", "~"), ("\u{2002}\u{2003}\u{2009}\u{200a}", " "), ("\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}\u{ad}", ""),
    ("±", "$\\pm$"), ("†", "\\textdagger{}"), ("‡", "\\textdaggerdbl{}"), ("–", "--"), ("—", "---"), ("‐‑", "-"),
    ("−", "$-$"), ("·⋅", "$\\cdot$"), ("×", "$\\times$"), ("÷", "$\\div$"), ("…", "\\dots{}"), ("•", "$\\bullet$"),
    ("‘", "`"), ("’′", "'"), ("“", "``"), ("”″", "''"), ("„", ",,"),
    ("≤⩽", "$\\leq$"), ("≥⩾", "$\\geq$"), ("≠", "$\\neq$"), ("≈", "$\\approx$"), ("≡", "$\\equiv$"), ("∼", "$\\sim$"),
    ("∝", "$\\propto$"), ("≪", "$\\ll$"), ("≫", "$\\gg$"), ("∞", "$\\infty$"), ("√", "$\\surd$"), ("∑", "$\\sum$"),
    ("∏", "$\\prod$"), ("∂", "$\\partial$"), ("∇", "$\\nabla$"), ("∆", "$\\Delta$"), ("∈", "$\\in$"), ("∉", "$\\notin$"),
    ("∅", "$\\emptyset$"), ("∩", "$\\cap$"), ("∪", "$\\cup$"), ("⊂", "$\\subset$"), ("⊕", "$\\oplus$"), ("⊗", "$\\otimes$"),
    ("∘", "$\\circ$"), ("∥‖", "$\\|$"), ("ℓ", "$\\ell$"), ("∗", "$\\ast$"),
    ("←", "$\\leftarrow$"), ("→", "$\\rightarrow$"), ("↔", "$\\leftrightarrow$"), ("↑", "$\\uparrow$"), ("↓", "$\\downarrow$"),
    ("⇒", "$\\Rightarrow$"), ("✓✔", "$\\surd$"), ("✗✘", "$\\times$"), ("★⋆", "$\\star$"), ("‰", "\\textperthousand{}"),
    ("€", "\\texteuro{}"), ("™", "\\texttrademark{}"), ("µμ", "$\\mu$"), ("°", "$^\\circ$"),
    ("⁰", "$^0$"), ("¹", "$^1$"), ("²", "$^2$"), ("³", "$^3$"), ("⁴", "$^4$"), ("⁵", "$^5$"), ("⁶", "$^6$"), ("⁷", "$^7$"),
    ("⁸", "$^8$"), ("⁹", "$^9$"), ("⁻", "$^-$"), ("⁺", "$^+$"), ("ⁿ", "$^n$"),
    ("₀", "$_0$"), ("₁", "$_1$"), ("₂", "$_2$"), ("₃", "$_3$"), ("₄", "$_4$"), ("₅", "$_5$"), ("₆", "$_6$"), ("₇", "$_7$"),
    ("₈", "$_8$"), ("₉", "$_9$"), ("ₙ", "$_n$"), ("ₖ", "$_k$"), ("ᵢ", "$_i$"), ("ⱼ", "$_j$"), ("ₜ", "$_t$"), ("ₓ", "$_x$"),
    ("α", "$\\alpha$"), ("β", "$\\beta$"), ("γ", "$\\gamma$"), ("δ", "$\\delta$"), ("εϵ", "$\\varepsilon$"), ("ζ", "$\\zeta$"),
    ("η", "$\\eta$"), ("θ", "$\\theta$"), ("ι", "$\\iota$"), ("κ", "$\\kappa$"), ("λ", "$\\lambda$"), ("ν", "$\\nu$"),
    ("ξ", "$\\xi$"), ("ο", "o"), ("π", "$\\pi$"), ("ρ", "$\\rho$"), ("σ", "$\\sigma$"), ("ς", "$\\varsigma$"), ("τ", "$\\tau$"),
    ("υ", "$\\upsilon$"), ("φ", "$\\varphi$"), ("ϕ", "$\\phi$"), ("χ", "$\\chi$"), ("ψ", "$\\psi$"), ("ω", "$\\omega$"),
    ("Α", "A"), ("Β", "B"), ("Γ", "$\\Gamma$"), ("Δ", "$\\Delta$"), ("Ε", "E"), ("Ζ", "Z"), ("Η", "H"), ("Θ", "$\\Theta$"),
    ("Ι", "I"), ("Κ", "K"), ("Λ", "$\\Lambda$"), ("Μ", "M"), ("Ν", "N"), ("Ξ", "$\\Xi$"), ("Ο", "O"), ("Π", "$\\Pi$"),
    ("Ρ", "P"), ("Σ", "$\\Sigma$"), ("Τ", "T"), ("Υ", "$\\Upsilon$"), ("Φ", "$\\Phi$"), ("Χ", "X"), ("Ψ", "$\\Psi$"),
    ("Ω\u{2126}", "$\\Omega$"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_its_spread_are_one_number_to_siunitx() {
        let figure = |width: Option<&str>, ends: Option<[&str; 2]>, power| Figure {
            center: "9.114".into(),
            width: width.map(str::to_owned),
            ends: ends.map(|ends| ends.map(str::to_owned)),
            power,
        };
        assert_eq!(number(&figure(Some("0.012"), None, Some(-7))), r"\num{9.114 \pm 0.012 e-7}");
        assert_eq!(number(&figure(None, None, Some(-7))), r"\num{9.114e-7}");
        let ends = number(&figure(None, Some(["9.108", "9.120"]), Some(6)));
        assert_eq!(ends, r"\num{9.114e6} [\num{9.108e6}, \num{9.120e6}]");
        assert_eq!(number(&figure(Some("NaN"), None, None)), r"\num{9.114}");
    }

    #[test]
    fn text_stops_no_document() {
        assert_eq!(escaped("[0.2, 1.0] *best* 50 % ~a_b"), r"{[}0.2, 1.0] {*}best{*} 50 \% \textasciitilde{}a\_b");
        assert_eq!(escaped("one\n\n  two\r\nthree"), "one   two three");
        assert_eq!(escaped("λ ≥ −1, x₁², Łódź"), r"$\lambda$ $\geq$ $-$1, x$_1$$^2$, Łódź");
        assert_eq!(escaped("模型一 ħ \u{7}🙂"), "U+6A21U+578BU+4E00 U+0127 U+1F642");
        assert_eq!(escaped("--strict"), "-{}-strict");
    }

    #[test]
    fn every_sign_has_one_command() {
        let mut all: Vec<char> = SIGNS.iter().flat_map(|(signs, _)| signs.chars()).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
