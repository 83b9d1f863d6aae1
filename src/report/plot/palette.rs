//! Colours that everybody can tell apart, on paper and on a dark screen.

use plotters::style::RGBColor;

/// The colours of a drawing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Palette {
    /// What everything lies on.
    pub ground: RGBColor,
    /// Text and marks that carry data.
    pub ink: RGBColor,
    /// Text that explains.
    pub faint: RGBColor,
    /// Lines to read positions by.
    pub grid: RGBColor,
    series: [RGBColor; 8],
    /// The part of viridis that can be seen on the ground.
    scale: (f64, f64),
}

/// Okabe and Ito's colours for all kinds of colour vision (<https://jfly.uni-koeln.de/color/>), without the yellow, which is
/// lost on white, and with a grey.
pub(super) const LIGHT: Palette = Palette {
    ground: RGBColor(255, 255, 255),
    ink: RGBColor(34, 34, 34),
    faint: RGBColor(102, 102, 102),
    grid: RGBColor(230, 230, 230),
    series: [
        RGBColor(0, 114, 178),
        RGBColor(213, 94, 0),
        RGBColor(0, 158, 115),
        RGBColor(204, 121, 167),
        RGBColor(230, 159, 0),
        RGBColor(86, 180, 233),
        RGBColor(0, 0, 0),
        RGBColor(140, 140, 140),
    ],
    scale: (0.0, 0.93),
};

/// The same hues; the blues, the vermilion and the green are lighter, and what was black is white.
pub(super) const DARK: Palette = Palette {
    ground: RGBColor(24, 26, 30),
    ink: RGBColor(232, 232, 232),
    faint: RGBColor(168, 170, 174),
    grid: RGBColor(56, 59, 65),
    series: [
        RGBColor(51, 140, 204),
        RGBColor(232, 117, 34),
        RGBColor(20, 178, 134),
        RGBColor(214, 138, 182),
        RGBColor(230, 159, 0),
        RGBColor(134, 208, 247),
        RGBColor(245, 245, 245),
        RGBColor(140, 140, 140),
    ],
    scale: (0.15, 1.0),
};

impl Palette {
    /// The colour of the `n`th series.
    pub fn series(&self, n: usize) -> RGBColor {
        self.series[n % self.series.len()]
    }

    /// Whether the `n`th series has the colour of an earlier one, so that its line must have another form.
    pub fn repeats(&self, n: usize) -> bool {
        n >= self.series.len()
    }

    /// A lighter or darker one for areas: `share` of a colour over the ground.
    pub fn tint(&self, color: RGBColor, share: f64) -> RGBColor {
        mix(self.ground, color, share)
    }

    /// The colour of `share` (0 to 1) for lines: viridis without the end that is lost on the ground.
    pub fn scale(&self, share: f64) -> RGBColor {
        viridis(self.scale.0 + (self.scale.1 - self.scale.0) * share.clamp(0.0, 1.0))
    }
}

/// Every 16th colour of viridis (van der Walt and Smith, CC0), from low to high.
const VIRIDIS: [RGBColor; 17] = [
    RGBColor(68, 1, 84),
    RGBColor(72, 21, 104),
    RGBColor(72, 38, 119),
    RGBColor(69, 55, 129),
    RGBColor(63, 71, 136),
    RGBColor(57, 85, 140),
    RGBColor(50, 100, 142),
    RGBColor(45, 113, 142),
    RGBColor(39, 127, 142),
    RGBColor(33, 140, 141),
    RGBColor(31, 154, 138),
    RGBColor(41, 167, 132),
    RGBColor(69, 180, 118),
    RGBColor(109, 192, 96),
    RGBColor(156, 203, 67),
    RGBColor(205, 211, 38),
    RGBColor(253, 231, 37),
];

/// The colour of `share` (0 to 1) on a scale whose steps look alike.
pub(super) fn viridis(share: f64) -> RGBColor {
    let place = share.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let low = (place.floor() as usize).min(VIRIDIS.len() - 2);
    mix(VIRIDIS[low], VIRIDIS[low + 1], place - low as f64)
}

fn mix(a: RGBColor, b: RGBColor, share: f64) -> RGBColor {
    let channel = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * share).round() as u8;
    RGBColor(channel(a.0, b.0), channel(a.1, b.1), channel(a.2, b.2))
}

/// Black or white, whichever is easier to read on `ground` (WCAG 2.2 contrast).
pub(super) fn ink_on(ground: RGBColor) -> RGBColor {
    // The contrast to white, 1.05 / (L + 0.05), is larger than that to black, (L + 0.05) / 0.05, below this luminance.
    if luminance(ground) < 0.179 { RGBColor(255, 255, 255) } else { RGBColor(0, 0, 0) }
}

/// Relative luminance (WCAG 2.2), 0 to 1.
fn luminance(color: RGBColor) -> f64 {
    let linear = |channel: u8| {
        let share = f64::from(channel) / 255.0;
        if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(color.0) + 0.7152 * linear(color.1) + 0.0722 * linear(color.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contrast (WCAG 2.2), 1 to 21.
    fn contrast(a: RGBColor, b: RGBColor) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn the_scale_ends_where_viridis_ends_and_text_can_be_read_on_it() {
        assert_eq!(viridis(-1.0), RGBColor(68, 1, 84));
        assert_eq!(viridis(2.0), RGBColor(253, 231, 37));
        assert_eq!(ink_on(viridis(0.0)), RGBColor(255, 255, 255));
        assert_eq!(ink_on(viridis(1.0)), RGBColor(0, 0, 0));
    }

    #[test]
    fn text_and_series_can_be_seen_on_their_ground() {
        for palette in [LIGHT, DARK] {
            assert!(contrast(palette.ink, palette.ground) > 12.0);
            assert!(contrast(palette.faint, palette.ground) > 4.5);
            // Okabe and Ito's orange and sky blue are no darker on white; marks tell them apart too.
            let least = if palette == DARK { 4.5 } else { 2.0 };
            for n in 0..palette.series.len() {
                assert!(contrast(palette.series(n), palette.ground) > least, "{n}");
            }
            for share in [0.0, 0.5, 1.0] {
                assert!(contrast(palette.scale(share), palette.ground) > 1.6, "{share}");
            }
        }
    }
}
