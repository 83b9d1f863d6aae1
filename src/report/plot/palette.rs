//! Colours that everybody can tell apart.

use plotters::style::RGBColor;

/// Text and marks that carry data.
pub(super) const INK: RGBColor = RGBColor(34, 34, 34);
/// Text that explains.
pub(super) const FAINT_INK: RGBColor = RGBColor(102, 102, 102);
/// Lines to read positions by.
pub(super) const GRID: RGBColor = RGBColor(230, 230, 230);

/// Okabe and Ito's colours for all kinds of colour vision (<https://jfly.uni-koeln.de/color/>), without the yellow, which is
/// lost on white, and with a grey.
const SERIES: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
    RGBColor(140, 140, 140),
];

/// The colour of the `n`th series.
pub(super) fn series(n: usize) -> RGBColor {
    SERIES[n % SERIES.len()]
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
    let part = place - low as f64;
    let (a, b) = (VIRIDIS[low], VIRIDIS[low + 1]);
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * part).round() as u8;
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

/// Black or white, whichever is easier to read on `ground` (WCAG 2.2 contrast).
pub(super) fn ink_on(ground: RGBColor) -> RGBColor {
    let linear = |channel: u8| {
        let share = f64::from(channel) / 255.0;
        if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    };
    let luminance = 0.2126 * linear(ground.0) + 0.7152 * linear(ground.1) + 0.0722 * linear(ground.2);
    // The contrast to white, 1.05 / (L + 0.05), is larger than that to black, (L + 0.05) / 0.05, below this luminance.
    if luminance < 0.179 { RGBColor(255, 255, 255) } else { RGBColor(0, 0, 0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_ends_where_viridis_ends_and_text_can_be_read_on_it() {
        assert_eq!(viridis(-1.0), RGBColor(68, 1, 84));
        assert_eq!(viridis(2.0), RGBColor(253, 231, 37));
        assert_eq!(ink_on(viridis(0.0)), RGBColor(255, 255, 255));
        assert_eq!(ink_on(viridis(1.0)), RGBColor(0, 0, 0));
    }
}
