//! A table in HTML.

use super::super::question::label;
use super::{Cell, Column, Mark, Table, show};

impl Table {
    /// The table as an HTML element with caption and notes, heads nested; each cell names its runs, which a page can lead to.
    pub fn to_html(&self) -> String {
        let mut text = format!("<table>\n<caption>{}</caption>\n<thead>\n", escaped(&self.title));
        let levels = self.levels();
        for (at, level) in levels.iter().enumerate() {
            text += "<tr>";
            if at == 0 {
                let deep = levels.len();
                self.row_axes
                    .iter()
                    .for_each(|axis| text += &format!("<th scope=\"col\" rowspan=\"{deep}\">{}</th>", escaped(axis)));
            }
            for span in level {
                let scope = if span.columns > 1 { "colgroup" } else { "col" };
                text += &format!("<th scope=\"{scope}\" colspan=\"{}\">{}</th>", span.columns, escaped(&span.text));
            }
            text += "</tr>\n";
        }
        text += "</thead>\n<tbody>\n";
        for (key, cells) in self.rows.iter().zip(&self.cells) {
            let heads = key.iter().map(|value| format!("<th scope=\"row\">{}</th>", escaped(&label(value))));
            let cells = cells.iter().zip(&self.columns).map(|(cell, column)| self.html_cell(cell.as_ref(), column));
            text += &format!("<tr>{}</tr>\n", heads.chain(cells).collect::<String>());
        }
        text += "</tbody>\n";
        if !self.references.is_empty() {
            text += "<tbody class=\"reference\">\n";
            for reference in &self.references {
                let width = self.row_axes.len();
                let cells = reference.values.iter().zip(&self.columns).map(|(value, column)| {
                    format!("<td>{}</td>", value.map(|value| show(&column.quantity.metric, value)).unwrap_or_default())
                });
                let head = format!("<th scope=\"row\" colspan=\"{width}\">{}</th>", escaped(&reference.name));
                text += &format!("<tr>{head}{}</tr>\n", cells.collect::<String>());
            }
            text += "</tbody>\n";
        }
        let width = self.row_axes.len() + self.columns.len();
        let notes: String = self.notes().iter().map(|note| format!("<p>{}</p>", escaped(note))).collect();
        if !notes.is_empty() {
            text += &format!("<tfoot><tr><td colspan=\"{width}\">{notes}</td></tr></tfoot>\n");
        }
        text + "</table>\n"
    }

    fn html_cell(&self, cell: Option<&Cell>, column: &Column) -> String {
        let Some(cell) = cell else { return "<td></td>".into() };
        let runs: Vec<String> = cell.samples.iter().flat_map(|sample| &sample.runs).map(ToString::to_string).collect();
        let metric = &column.quantity.metric;
        let (number, remarks) = (cell.figure(metric, self.spread), cell.remarks(metric).join(", "));
        let number = escaped(&number.map_or_else(|| cell.instead(), |figure| figure.text()));
        let number = match cell.mark {
            Mark::Best => format!("<b>{number}</b>"),
            Mark::Second => format!("<u>{number}</u>"),
            Mark::None => number,
        };
        let remarks = if remarks.is_empty() { remarks } else { format!(" <small>{}</small>", escaped(&remarks)) };
        let title = cell.gain.as_ref().and_then(|gain| {
            let p = gain.comparison.as_ref()?.p?;
            Some(format!(" title=\"p {}, corrected {}\"", small(p), small(gain.adjusted?)))
        });
        format!("<td data-runs=\"{}\"{}>{number}{remarks}</td>", runs.join(" "), title.unwrap_or_default())
    }
}

/// A p value to four decimals.
fn small(p: f64) -> String {
    if p < 1e-4 { "&lt; 0.0001".into() } else { format!("= {p:.4}") }
}

/// Text that HTML shows as it is, also within quotation marks.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
