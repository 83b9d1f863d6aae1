//! Drawings as a page has them: each once, for light and for dark grounds, and no larger than they must be.

use crate::report::plot::Drawn;
use indexmap::IndexSet;

/// The colours in which drawings for light and for dark grounds differ: pairs, each a variable of the page.
#[derive(Default)]
pub(super) struct Colors(IndexSet<[String; 2]>);

impl Colors {
    /// A drawing with what it tells a reader who points at it.
    pub fn drawing(&mut self, plot: &Drawn) -> String {
        let svg = joined(&self.united(&plot.svg, &plot.svg_dark));
        let end = svg.rfind("</svg>").unwrap_or(svg.len());
        [&svg[..end], &plot.hints, &svg[end..]].concat()
    }

    /// One drawing of two that differ in nothing but colours, which stand as `#RRGGBB`.
    fn united(&mut self, light: &str, dark: &str) -> String {
        let mut united = String::new();
        for (n, (light, dark)) in light.split('#').zip(dark.split('#')).enumerate() {
            match (light.get(..6), dark.get(..6)) {
                (Some(a), Some(b)) if n > 0 && a != b => {
                    let (color, _) = self.0.insert_full([a.to_owned(), b.to_owned()]);
                    united += &format!("var(--p{color}){}", &light[6..]);
                }
                _ => united += &format!("{}{light}", if n > 0 { "#" } else { "" }),
            }
        }
        united
    }

    /// The variables.
    pub fn css(&self) -> String {
        let variable = |(color, [light, dark]): (usize, &[String; 2])| format!("  --p{color}: light-dark(#{light}, #{dark});\n");
        format!(":root {{\n{}}}", self.0.iter().enumerate().map(variable).collect::<String>())
    }
}

/// Neighbouring strokes of one look as one path: plotters writes each dash of a line by itself.
fn joined(svg: &str) -> String {
    let (mut text, mut open) = (String::new(), None);
    for line in svg.split_inclusive('\n') {
        let stroke = line.strip_prefix("<polyline ").and_then(|line| line.strip_suffix(" \"/>\n"));
        let stroke = stroke.and_then(|stroke| stroke.split_once(" points=\""));
        let look = stroke.map(|(look, _)| look);
        if open.is_some() && open != look {
            text += "\"/>\n";
        }
        text += &match stroke {
            Some((_, points)) if open == look => format!("M{points}"),
            Some((look, points)) => format!("<path {look} d=\"M{points}"),
            None => line.to_owned(),
        };
        open = look;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_is_one_for_both_grounds() {
        let mut colors = Colors::default();
        let rect = |color: &str| format!("<rect fill=\"#{color}\"/>\n");
        let text = "<text fill=\"#222222\">\n# 1\n</text>\n".to_owned();
        let light = [rect("FFFFFF"), text, rect("440154"), rect("FFFFFF")].concat();
        let dark = light.replace("#FFFFFF", "#181A1E").replace("#222222", "#E8E8E8");
        insta::assert_snapshot!(colors.united(&light, &dark), @r##"
        <rect fill="var(--p0)"/>
        <text fill="var(--p1)">
        # 1
        </text>
        <rect fill="#440154"/>
        <rect fill="var(--p0)"/>
        "##);
        assert_eq!(colors.css(), ":root {\n  --p0: light-dark(#FFFFFF, #181A1E);\n  --p1: light-dark(#222222, #E8E8E8);\n}");
    }

    #[test]
    fn dashes_are_one_path() {
        let stroke = |color: &str, points: &str| format!("<polyline fill=\"none\" stroke=\"{color}\" points=\"{points} \"/>\n");
        let svg = [stroke("a", "1,2 3,4"), stroke("a", "5,6 7,8"), stroke("b", "1,2 3,4"), "</svg>\n".to_owned()].concat();
        insta::assert_snapshot!(joined(&svg), @r#"
        <path fill="none" stroke="a" d="M1,2 3,4M5,6 7,8"/>
        <path fill="none" stroke="b" d="M1,2 3,4"/>
        </svg>
        "#);
    }
}
