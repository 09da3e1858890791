//! IP addresses, and blocks of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses from the first to the last, of one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    first: IpAddr,
    last: IpAddr,
}

impl Block {
    /// `10.0.0.0/24`, `2001:db8::/64`. The error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some((base, mask)) = text.split_once('/').filter(|(_, mask)| !mask.contains('/')) else {
            return Err(format!("`{text}` is no block of addresses: it needs one `/`"));
        };
        let base = parse(base).ok_or_else(|| format!("`{base}` is no IP address"))?;
        let mask: i64 = mask.parse().map_err(|_| format!("`{mask}` is no number of bits"))?;
        let bits = if base.is_ipv4() { 32 } else { 128 };
        let mask = u32::try_from(mask).ok().filter(|mask| *mask < bits);
        let mask = mask.ok_or_else(|| format!("a block has 0 to {} bits that are fixed", bits - 1))?;
        Ok(match base {
            IpAddr::V4(base) => {
                let free = u32::MAX.checked_shr(mask).unwrap_or(0);
                let base = u32::from(base);
                Self { first: Ipv4Addr::from(base & !free).into(), last: Ipv4Addr::from(base | free).into() }
            }
            IpAddr::V6(base) => {
                let free = u128::MAX.checked_shr(mask).unwrap_or(0);
                let base = u128::from(base);
                Self { first: Ipv6Addr::from(base & !free).into(), last: Ipv6Addr::from(base | free).into() }
            }
        })
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4() && (self.first..=self.last).contains(&address)
    }
}

/// An address as AWS's matcher reads it: with leading zeros in the parts of IPv4, and IPv4 within IPv6 as IPv4.
pub(crate) fn parse(text: &str) -> Option<IpAddr> {
    // `1.2.3.4` is the longest IPv4 with 15 characters, zeros included.
    if text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        let mut parts = text.split('.').map(|part| part.parse::<u8>().ok());
        let mut part = || parts.next().flatten();
        let address = Ipv4Addr::new(part()?, part()?, part()?, part()?);
        return parts.next().is_none().then_some(address.into());
    }
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':') {
        return None;
    }
    let address: Ipv6Addr = text.parse().ok()?;
    Some(address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_aws_reads_them() {
        for (text, expected) in [
            ("10.0.0.1", Some("10.0.0.1")),
            ("010.000.0.01", Some("10.0.0.1")),
            ("::ffff:0a00:0001", Some("10.0.0.1")),
            ("2001:DB8::1", Some("2001:db8::1")),
            ("10.0.0", None),
            ("10.0.0.1.2", None),
            ("10.0.0.256", None),
            ("08:23", None),
            ("", None),
            ("example.org", None),
        ] {
            assert_eq!(parse(text), expected.map(|address| address.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn blocks_contain_their_first_and_last_address() {
        for (block, inside, outside) in [
            ("10.0.0.0/24", ["10.0.0.0", "10.0.0.255"], ["9.255.255.255", "10.0.1.0"]),
            ("10.0.0.77/24", ["10.0.0.0", "10.0.0.255"], ["9.255.255.255", "10.0.1.0"]),
            ("0.0.0.0/0", ["0.0.0.0", "255.255.255.255"], ["::", "ffff::"]),
            ("2001:db8::/64", ["2001:db8::", "2001:db8::ffff:ffff:ffff:ffff"], ["2001:db7::", "2001:db8:0:1::"]),
        ] {
            let block = Block::parse(block).unwrap();
            assert!(inside.iter().all(|address| block.contains(address.parse().unwrap())), "{block:?}");
            assert!(!outside.iter().any(|address| block.contains(address.parse().unwrap())), "{block:?}");
        }
        for block in ["10.0.0.0", "10.0.0.0/32", "10.0.0.0/-1", "::/128", "x/8", "10.0.0.0/8/8", "10.0.0.0/x"] {
            assert!(Block::parse(block).is_err(), "{block}");
        }
    }
}
