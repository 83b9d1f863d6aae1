//! Numbers as people read them.

use crate::event::Metric;

/// The value of a metric: percentages with two decimals, all else with four significant digits.
pub fn show(metric: &Metric, value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let size = value.abs();
    if !is_percentage(metric) && size > 0.0 && !(1e-4..1e6).contains(&size) {
        return format!("{value:.3e}");
    }
    format!("{value:.*}", decimals(metric, value))
}

/// How many decimals a value is shown with; its deviation is shown with as many.
pub fn decimals(metric: &Metric, value: f64) -> usize {
    const SIGNIFICANT: i32 = 4;
    if is_percentage(metric) {
        return 2;
    }
    if value == 0.0 || !value.is_finite() {
        return 3;
    }
    let leading = value.abs().log10().floor() as i32;
    (SIGNIFICANT - 1 - leading).clamp(0, 12) as usize
}

fn is_percentage(metric: &Metric) -> bool {
    metric.known().is_some_and(|known| known.unit == "%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_have_two_decimals_and_others_four_digits() {
        let show = |metric: &str, value| show(&Metric::new(metric), value);
        assert_eq!(show("top1_k20", 64.196), "64.20");
        assert_eq!(show("loss", 0.123_456), "0.1235");
        assert_eq!(show("loss", 12.345_6), "12.35");
        assert_eq!(show("loss", 0.0), "0.000");
        assert_eq!(show("images", 51_200.0), "51200");
        assert_eq!(show("learning_rate", 1.5e-5), "1.500e-5");
        assert_eq!(show("loss", f64::NAN), "NaN");
    }
}
