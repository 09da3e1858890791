//! Which numbers can be compared, and how.

/// A number of an event or a pattern, if comparing it loses nothing: one that a double holds to the last of its digits. Others,
/// such as long account numbers, are equal only to the same text.
pub(crate) fn comparable(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
    // Fifteen digits are always held; most numbers are shorter.
    if text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(value);
    }
    // The shortest text that reads as this double is the number the double stands for.
    (Decimal::read(text)? == Decimal::read(&format!("{value:e}"))?).then_some(value)
}

/// `0.{digits} × 10^exponent`, without zeros at either end of the digits.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    fn read(text: &str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, text),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = || whole.bytes().chain(fraction.bytes());
        let leading = all().take_while(|digit| *digit == b'0').count();
        let mut digits: Vec<u8> = all().skip(leading).collect();
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        if digits.is_empty() {
            return Some(Self { negative: false, digits, exponent: 0 });
        }
        let shift = i64::try_from(whole.len()).ok()?.checked_sub(i64::try_from(leading).ok()?)?;
        let exponent = exponent.parse::<i64>().ok()?.checked_add(shift)?;
        Some(Self { negative, digits, exponent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_comparable_as_long_as_a_double_holds_them() {
        for (text, expected) in [
            ("0", Some(0.0)),
            ("-0", Some(0.0)),
            ("300", Some(300.0)),
            ("3.0e2", Some(300.0)),
            ("0.1", Some(0.1)),
            ("301.8", Some(301.8)),
            ("-5e-7", Some(-5e-7)),
            ("1.7976931348623157e308", Some(f64::MAX)),
            ("9007199254740993", None),
            ("123456789012345678901234567890", None),
            ("1e309", None),
            ("1e-400", None),
            ("1e99999999999999999999", None),
            ("0.30000000000000000001", None),
        ] {
            assert_eq!(comparable(text), expected, "{text}");
        }
    }
}
