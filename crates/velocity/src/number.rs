//! Numbers as Java's `Integer`, `Long` and `Double` behave under Velocity's operators.

use std::cmp::Ordering;

/// Java's integer types are one here: Velocity widens on overflow, so their borders do not show.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    Integer(i128),
    Double(f64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Number {
    pub(crate) fn as_double(self) -> f64 {
        match self {
            Self::Integer(value) => value as f64,
            Self::Double(value) => value,
        }
    }

    /// Java's narrowing to an integer: towards zero.
    pub(crate) fn as_integer(self) -> i128 {
        match self {
            Self::Integer(value) => value,
            Self::Double(value) => value as i128,
        }
    }

    /// `None` where Velocity's answer is null: division by zero.
    pub(crate) fn apply(self, operator: Arithmetic, other: Self) -> Option<Self> {
        if let (Self::Integer(left), Self::Integer(right)) = (self, other) {
            return integers(left, operator, right);
        }
        let (left, right) = (self.as_double(), other.as_double());
        Some(Self::Double(match operator {
            Arithmetic::Add => left + right,
            Arithmetic::Subtract => left - right,
            Arithmetic::Multiply => left * right,
            Arithmetic::Divide | Arithmetic::Remainder if right == 0.0 => return None,
            Arithmetic::Divide => left / right,
            Arithmetic::Remainder => left % right,
        }))
    }

    pub(crate) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Integer(left), Self::Integer(right)) => left.cmp(&right),
            // Not comparable means NaN, which Java's template compares as equal.
            _ => self.as_double().partial_cmp(&other.as_double()).unwrap_or(Ordering::Equal),
        }
    }
}

fn integers(left: i128, operator: Arithmetic, right: i128) -> Option<Number> {
    let exact = match operator {
        Arithmetic::Add => left.checked_add(right),
        Arithmetic::Subtract => left.checked_sub(right),
        Arithmetic::Multiply => left.checked_mul(right),
        Arithmetic::Divide | Arithmetic::Remainder if right == 0 => return None,
        Arithmetic::Divide => left.checked_div(right),
        Arithmetic::Remainder => left.checked_rem(right),
    };
    match exact {
        Some(value) => Some(Number::Integer(value)),
        None => Number::Double(left as f64).apply(operator, Number::Double(right as f64)),
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(value) => write!(f, "{value}"),
            Self::Double(value) => f.write_str(&java_double(*value)),
        }
    }
}

/// `Double.toString`: plain between 10^-3 and 10^7, with an exponent elsewhere, always with a fraction.
fn java_double(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() }
    } else if size == 0.0 || (1e-3..1e7).contains(&size) {
        format!("{value:?}")
    } else {
        let text = format!("{value:E}");
        match text.split_once('E') {
            Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
            _ => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_print_as_in_java() {
        for (value, expected) in [
            (2.0, "2.0"),
            (0.05, "0.05"),
            (1e7, "1.0E7"),
            (9_999_999.0, "9999999.0"),
            (1.5e-7, "1.5E-7"),
            (0.001, "0.001"),
            (-0.0, "-0.0"),
            (1e300, "1.0E300"),
        ] {
            assert_eq!(Number::Double(value).to_string(), expected);
        }
    }
}
