//! What a plain scalar of YAML means: null, a boolean, a number, or text.
//!
//! CloudFormation reads YAML 1.1, hence `yes` and `off`. Dates stay text, as `AWSTemplateFormatVersion` needs.

use super::Kind;

pub(super) fn plain(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Kind::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Kind::Bool(false),
        _ if is_number(text) => Kind::Number(text.to_owned()),
        _ => Kind::Text(text.to_owned()),
    }
}

/// Whether it is a decimal number: sign, digits, fraction, exponent.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    unsigned.starts_with(|c: char| c.is_ascii_digit())
        && unsigned.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte))
        && text.parse::<f64>().is_ok_and(f64::is_finite)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_mean_what_yaml_1_1_says() {
        let (text, number) = (|t: &str| Kind::Text(t.into()), |t: &str| Kind::Number(t.into()));
        for (written, expected) in [
            ("", Kind::Null),
            ("~", Kind::Null),
            ("yes", Kind::Bool(true)),
            ("Off", Kind::Bool(false)),
            ("y", text("y")),
            ("3", number("3")),
            ("-1.5e3", number("-1.5e3")),
            ("000000000000", number("000000000000")),
            ("2010-09-09", text("2010-09-09")),
            ("1.2.3", text("1.2.3")),
            ("nan", text("nan")),
            ("1e999", text("1e999")),
            ("$default", text("$default")),
        ] {
            assert_eq!(plain(written), expected, "{written}");
        }
    }
}
