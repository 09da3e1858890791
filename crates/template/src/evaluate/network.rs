//! `Fn::Cidr`: address blocks within a block.

use super::Scope;
use crate::document::{At, Node};
use std::net::Ipv4Addr;

const USAGE: &str = "write [block such as 10.0.0.0/16, count from 1 to 256, bits of each block's hosts]";
const MOST_BLOCKS: u32 = 256;

impl Scope<'_> {
    pub(super) fn cidr(&self, argument: &Node, at: At) -> Node {
        let Some(items) = self.arguments("Fn::Cidr", argument, |count| (2..=3).contains(&count), USAGE) else {
            return Node::broken(at);
        };
        let texts: Option<Vec<String>> = items.iter().map(|item| self.text("Fn::Cidr", item)).collect();
        let Some(texts) = texts else { return Node::broken(at) };
        let bits = texts.get(2).map_or("8", String::as_str);
        match blocks(&texts[0], &texts[1], bits) {
            Some(blocks) => Node::list(at, blocks.into_iter().map(|block| Node::text(at, block)).collect()),
            None => self.broken(at, "Fn::Cidr cannot cut these blocks", USAGE),
        }
    }
}

fn blocks(block: &str, count: &str, host_bits: &str) -> Option<Vec<String>> {
    let (address, prefix) = block.split_once('/')?;
    let (address, prefix) = (u32::from(address.parse::<Ipv4Addr>().ok()?), prefix.parse::<u32>().ok()?);
    let (count, host_bits) = (count.parse::<u32>().ok()?, host_bits.parse::<u32>().ok()?);
    if prefix > 32 || !(1..=MOST_BLOCKS).contains(&count) || host_bits > 32 - prefix {
        return None;
    }
    let (size, space) = (1u64 << host_bits, 1u64 << (32 - prefix));
    if u64::from(count) * size > space {
        return None;
    }
    let first = u64::from(address) & !(space - 1);
    let block = |index: u32| {
        let address = u32::try_from(first + u64::from(index) * size).ok()?;
        Some(format!("{}/{}", Ipv4Addr::from(address), 32 - host_bits))
    };
    (0..count).map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_lie_side_by_side() {
        assert_eq!(blocks("10.0.0.0/16", "3", "8").unwrap(), ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"]);
        for (block, count, bits) in [
            ("10.0.0.0/24", "2", "8"),
            ("10.0.0.0", "1", "8"),
            ("x/16", "1", "8"),
            ("10.0.0.0/33", "1", "0"),
            ("10.0.0.0/8", "0", "8"),
        ] {
            assert_eq!(blocks(block, count, bits), None, "{block} {count} {bits}");
        }
    }
}
