//! Numbers with units, from everything that begins like one.

use std::time::Duration;

use crate::syntax::ast::ExprKind;

/// Why a text that begins like a number is none; holds what to write instead, where that is known.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::syntax) enum NumberProblem {
    /// `3.10`, `1.2.3-rc`
    Version,
    /// `1.5h`
    Fraction(String),
    /// `5min`
    Unit(String),
    /// `1h30m`
    SeveralUnits(String),
    /// `5x`
    UnknownUnit,
    /// `1_000`
    Underscore(String),
    /// `0123`
    LeadingZero,
    TooLarge,
    Negative,
}

/// Milliseconds of the units of durations.
pub(crate) const DURATIONS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
pub(crate) const SIZES: [(&str, u64); 4] =
    [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

/// What people write for the units, by unit.
const UNIT_NAMES: [(&str, &[&str]); 9] = [
    ("ms", &["msec", "msecs", "millis", "milliseconds"]),
    ("s", &["sec", "secs", "second", "seconds", "S"]),
    ("m", &["min", "mins", "minute", "minutes"]),
    ("h", &["hr", "hrs", "hour", "hours", "H"]),
    ("d", &["day", "days", "D"]),
    ("KiB", &["K", "k", "KB", "kB", "kb", "Ki"]),
    ("MiB", &["M", "MB", "mb", "Mi"]),
    ("GiB", &["G", "g", "GB", "gb", "Gi"]),
    ("TiB", &["T", "TB", "tb", "Ti"]),
];

pub(in crate::syntax) fn parse(source: &str) -> Result<ExprKind, NumberProblem> {
    let (sign, unsigned) = match source.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", source),
    };
    let length = unsigned.find(|character: char| !character.is_ascii_digit()).unwrap_or(unsigned.len());
    let (digits, unit) = unsigned.split_at_checked(length).unwrap_or((unsigned, ""));
    if digits.len() > 1 && digits.starts_with('0') && unit.is_empty() {
        return Err(NumberProblem::LeadingZero);
    }
    if unit.is_empty() {
        return format!("{sign}{digits}").parse().map(ExprKind::Int).map_err(|_| NumberProblem::TooLarge);
    }
    let scales = DURATIONS.iter().chain(&SIZES);
    let Some((_, scale)) = scales.clone().find(|(name, _)| *name == unit) else {
        return Err(problem(digits, unit));
    };
    if sign == "-" {
        return Err(NumberProblem::Negative);
    }
    let number: u64 = digits.parse().map_err(|_| NumberProblem::TooLarge)?;
    let scaled = number.checked_mul(*scale).ok_or(NumberProblem::TooLarge)?;
    let is_size = SIZES.iter().any(|(name, _)| *name == unit);
    Ok(if is_size { ExprKind::Size(scaled) } else { ExprKind::Duration(Duration::from_millis(scaled)) })
}

fn problem(digits: &str, unit: &str) -> NumberProblem {
    let meant =
        |written: &str| UNIT_NAMES.iter().find(|(_, names)| names.contains(&written)).map(|(unit, _)| *unit);
    if let Some(unit) = meant(unit) {
        return NumberProblem::Unit(format!("{digits}{unit}"));
    }
    let is_underscored = unit.chars().all(|character| character.is_ascii_digit() || character == '_');
    if is_underscored && unit.starts_with('_') {
        return NumberProblem::Underscore(format!("{digits}{}", unit.replace('_', "")));
    }
    match unit.strip_prefix('.') {
        Some(rest) => fraction(digits, rest).unwrap_or(NumberProblem::Version),
        None if unit.starts_with('-') => NumberProblem::Version,
        None => several_units(digits, unit).map_or(NumberProblem::UnknownUnit, NumberProblem::SeveralUnits),
    }
}

/// `1h30m` in the last of its units.
fn several_units(first: &str, rest: &str) -> Option<String> {
    let (mut digits, mut rest) = (first, rest);
    let mut total = 0_u64;
    let mut previous = u64::MAX;
    loop {
        let length = rest.find(|character: char| character.is_ascii_digit()).unwrap_or(rest.len());
        let (unit, next) = rest.split_at_checked(length)?;
        let (_, scale) =
            DURATIONS.iter().find(|(name, _)| *name == unit).filter(|(_, scale)| *scale < previous)?;
        let number: u64 = digits.parse().ok()?;
        total = total.checked_add(number.checked_mul(*scale)?)?;
        previous = *scale;
        if next.is_empty() {
            return Some(format!("{}{unit}", total / scale));
        }
        let length = next.find(|character: char| !character.is_ascii_digit())?;
        (digits, rest) = next.split_at_checked(length)?;
    }
}

/// `1.5h` in a smaller unit.
fn fraction(whole: &str, rest: &str) -> Option<NumberProblem> {
    let length = rest.find(|character: char| !character.is_ascii_digit())?;
    let (decimals, unit) = rest.split_at_checked(length)?;
    let index = DURATIONS.iter().position(|(name, _)| *name == unit)?;
    let (_, scale) = DURATIONS.get(index)?;
    let (smaller, smaller_scale) = DURATIONS.get(index.checked_sub(1)?)?;
    let power = 10_u64.checked_pow(u32::try_from(decimals.len()).ok()?)?;
    let number: u64 = format!("{whole}{decimals}").parse().ok()?;
    let milliseconds = number.checked_mul(*scale)? / power;
    Some(NumberProblem::Fraction(format!("{}{smaller}", milliseconds / smaller_scale)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{NumberProblem, parse};
    use crate::syntax::ast::ExprKind;

    #[test]
    fn numbers_and_what_is_wrong_with_them() {
        let seconds = |seconds| Ok(ExprKind::Duration(Duration::from_secs(seconds)));
        for (source, expected) in [
            ("0", Ok(ExprKind::Int(0))),
            ("-12", Ok(ExprKind::Int(-12))),
            ("300ms", Ok(ExprKind::Duration(Duration::from_millis(300)))),
            ("90s", seconds(90)),
            ("5m", seconds(300)),
            ("7d", seconds(604_800)),
            ("64MiB", Ok(ExprKind::Size(64 << 20))),
            ("3.10", Err(NumberProblem::Version)),
            ("1.2.3-rc", Err(NumberProblem::Version)),
            ("2024-01-01", Err(NumberProblem::Version)),
            ("1.5h", Err(NumberProblem::Fraction("90m".into()))),
            ("1h30m", Err(NumberProblem::SeveralUnits("90m".to_owned()))),
            ("1d2h1s", Err(NumberProblem::SeveralUnits("93601s".to_owned()))),
            ("30m1h", Err(NumberProblem::UnknownUnit)),
            ("5min", Err(NumberProblem::Unit("5m".into()))),
            ("64MB", Err(NumberProblem::Unit("64MiB".into()))),
            ("5x", Err(NumberProblem::UnknownUnit)),
            ("1_000", Err(NumberProblem::Underscore("1000".into()))),
            ("0123", Err(NumberProblem::LeadingZero)),
            ("99999999999999999999", Err(NumberProblem::TooLarge)),
            ("99999999999999999d", Err(NumberProblem::TooLarge)),
            ("-5m", Err(NumberProblem::Negative)),
        ] {
            assert_eq!(parse(source), expected, "{source}");
        }
    }
}
