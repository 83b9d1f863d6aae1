//! Rules over numbers that types cannot say. Each error begins with the path of the key, as it is written in YAML.

/// Nothing, or what is wrong.
pub(crate) type Checked = Result<(), String>;

/// Whole numbers with a least value.
pub(crate) fn at_least(key: &str, value: u64, least: u64) -> Checked {
    ensure(value >= least, || format!("{key} ({value}) must be at least {least}"))
}

/// Finite and above 0.
pub(crate) fn positive(key: &str, value: f64) -> Checked {
    ensure(value.is_finite() && value > 0.0, || format!("{key} ({value}) must be above 0"))
}

/// Finite and 0 or more.
pub(crate) fn not_negative(key: &str, value: f64) -> Checked {
    ensure(value.is_finite() && value >= 0.0, || format!("{key} ({value}) must be a finite number of 0 or more"))
}

/// From 0 to 1.
pub(crate) fn share(key: &str, value: f64) -> Checked {
    ensure((0.0..=1.0).contains(&value), || format!("{key} ({value}) must lie between 0 and 1"))
}

/// Layer widths: at least one, none of them 0.
pub(crate) fn widths(key: &str, widths: &[usize]) -> Checked {
    ensure(!widths.is_empty() && !widths.contains(&0), || format!("{key} must list at least one width, each above 0"))
}

/// Any other rule.
pub(crate) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(otherwise()) }
}
