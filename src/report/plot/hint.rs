//! What a reader is told who points at a place of a plot. Only pages have it: a file that goes into a paper does not.

use super::frame::Bounds;
use crate::event::Metric;
use crate::report::statistics::Summary;
use crate::report::table::show;
use minijinja::HtmlEscape;

/// The most places of a plot; of more, some are left out, as a page holds many plots.
const MOST: usize = 400;
/// How far around a point its hint reaches, in units.
const REACH: f64 = 14.0;

/// A place of a drawing, and what is told there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hint {
    place: Bounds,
    text: String,
}

impl Hint {
    /// At a point.
    pub fn at((x, y): (f64, f64), text: String) -> Hint {
        Hint { place: Bounds { left: x - REACH, top: y - REACH, right: x + REACH, bottom: y + REACH }, text }
    }

    /// In all of a rectangle.
    pub fn within(place: Bounds, text: String) -> Hint {
        Hint { place, text }
    }
}

/// The hints as an SVG group that lies over the drawing and is not seen.
pub(super) fn group(hints: &[Hint]) -> String {
    let every = hints.len().div_ceil(MOST).max(1);
    let rect = |Hint { place, text }: &Hint| {
        let (x, y, width, height) = (place.left, place.top, place.width(), place.height());
        let text = HtmlEscape(text);
        format!("<rect x=\"{x:.0}\" y=\"{y:.0}\" width=\"{width:.0}\" height=\"{height:.0}\"><title>{text}</title></rect>\n")
    };
    let rects: String = hints.iter().step_by(every).map(rect).collect();
    format!("<g class=\"hints\" fill=\"transparent\">\n{rects}</g>\n")
}

/// A mean as it is told: with its deviation where there is one, and how many seeds it is of.
pub(super) fn told(summary: &Summary) -> String {
    let number = |value: f64| show(&Metric::new(""), value);
    let spread = summary.std.map(|std| format!(" ± {}", number(std))).unwrap_or_default();
    format!("{}{spread} (n = {})", number(summary.mean), summary.n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_bounded_and_escaped() {
        let hints: Vec<Hint> = (0..1000).map(|n| Hint::at((f64::from(n), 20.0), format!("a<b & \"{n}\""))).collect();
        let group = group(&hints);
        assert_eq!(group.matches("<rect").count(), 334);
        assert!(group.contains("<title>a&lt;b &amp; &quot;3&quot;</title>"), "{group}");
        assert!(group.contains("<rect x=\"-14\" y=\"6\" width=\"28\" height=\"28\">"), "{group}");
    }

    #[test]
    fn a_mean_is_told_with_its_spread_and_its_seeds() {
        assert_eq!(told(&Summary::of(&[60.0, 61.0]).unwrap()), "60.50 ± 0.7071 (n = 2)");
        assert_eq!(told(&Summary::of(&[1.5e-7]).unwrap()), "1.500e-7 (n = 1)");
    }
}
