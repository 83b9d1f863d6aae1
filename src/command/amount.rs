//! Amounts on the command line: sizes, counts, rates and limits.

use crate::data::pack;
use crate::failure::Failure;
use std::str::FromStr;

/// `10` or `5%`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit(pub(super) pack::Limit);

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a number of files, or a share such as 5%".to_owned();
        match text.strip_suffix('%') {
            Some(share) => {
                let share: f64 = share.trim().parse().map_err(|_| wrong())?;
                if (0.0..=100.0).contains(&share) { Ok(Limit(pack::Limit::Share(share / 100.0))) } else { Err(wrong()) }
            }
            None => text.trim().parse().map(|count| Limit(pack::Limit::Count(count))).map_err(|_| wrong()),
        }
    }
}

/// `64GB`, `500 MB`, `2TiB`, `1000`.
pub(super) fn bytes(option: &str, text: &str) -> Result<u64, Failure> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => Some(1.0),
        "k" | "kb" => Some(1e3),
        "m" | "mb" => Some(1e6),
        "g" | "gb" => Some(1e9),
        "t" | "tb" => Some(1e12),
        "kib" => Some(1024.0),
        "mib" => Some(1024f64.powi(2)),
        "gib" => Some(1024f64.powi(3)),
        "tib" => Some(1024f64.powi(4)),
        _ => None,
    };
    match (number.parse::<f64>(), unit) {
        (Ok(number), Some(unit)) => Ok((number * unit) as u64),
        _ => Err(Failure::input(format!("`{option} {text}` is no size")).hint("write it as 500MB, 64GB or 2TB")),
    }
}

/// A whole number of at least 1, or the word that stands beside it.
pub(super) fn count(option: &str, text: &str, or: &str) -> Result<usize, Failure> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| Failure::input(format!("`{option} {text}` is neither a whole number above 0 nor {or}")))
}

/// A rate above 0.
pub(super) fn rate(option: &str, rate: f64) -> Result<(), Failure> {
    if rate.is_finite() && rate > 0.0 { Ok(()) } else { Err(Failure::input(format!("`{option} {rate}` is not above 0"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        let read = |text: &str| bytes("--budget", text).map_err(|error| error.message);
        assert_eq!(
            [read("64GB"), read("1.5 MiB"), read("7"), read("2t")],
            [Ok(64_000_000_000), Ok(1_572_864), Ok(7), Ok(2_000_000_000_000)]
        );
        assert_eq!(read("many"), Err("`--budget many` is no size".to_owned()));
        assert_eq!(read("3 parsecs"), Err("`--budget 3 parsecs` is no size".to_owned()));
    }

    #[test]
    fn limits_are_counts_or_shares() {
        assert_eq!("10".parse::<Limit>().unwrap().0, pack::Limit::Count(10));
        assert_eq!("2.5%".parse::<Limit>().unwrap().0, pack::Limit::Share(0.025));
        assert!("101%".parse::<Limit>().is_err() && "-1".parse::<Limit>().is_err() && "few".parse::<Limit>().is_err());
    }

    #[test]
    fn counts_and_rates_are_above_0() {
        assert_eq!(count("--frames", "16", "`all`").unwrap(), 16);
        assert_eq!(
            count("--frames", "0", "`all`").unwrap_err().message,
            "`--frames 0` is neither a whole number above 0 nor `all`"
        );
        assert!(rate("--fps", f64::NAN).is_err() && rate("--fps", 0.5).is_ok());
    }
}
