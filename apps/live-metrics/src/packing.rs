//! Packs JSON values into as few messages as their size allows, keeping the order.

/// Joins values with commas until the next one would not fit.
pub(crate) struct Packer {
    room: usize,
    packed: String,
}

impl Packer {
    /// `room` is what a message has left for its values, in bytes.
    pub(crate) fn new(room: usize) -> Self {
        Self { room, packed: String::new() }
    }

    /// Adds a value. Returns the values before it when there was no room left beside them.
    ///
    /// A value that is larger than the room gets a message of its own; callers make sure there is none.
    pub(crate) fn push(&mut self, value: &str) -> Option<String> {
        let is_full = !self.packed.is_empty() && self.packed.len() + 1 + value.len() > self.room;
        let full = is_full.then(|| std::mem::take(&mut self.packed));
        if !self.packed.is_empty() {
            self.packed.push(',');
        }
        self.packed.push_str(value);
        full
    }

    /// The values since the last full message; empty when there were none at all.
    pub(crate) fn finish(self) -> String {
        self.packed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_packed_in_order_up_to_the_last_byte() {
        for (values, room, expected) in [
            (vec![], 10, vec![""]),
            (vec!["1"], 10, vec!["1"]),
            (vec!["12", "34", "56"], 5, vec!["12,34", "56"]),
            (vec!["12", "34", "56"], 4, vec!["12", "34", "56"]),
            (vec!["12", "34", "56"], 8, vec!["12,34,56"]),
        ] {
            let mut packer = Packer::new(room);
            let mut packed: Vec<String> = values.iter().filter_map(|value| packer.push(value)).collect();
            packed.push(packer.finish());
            assert_eq!(packed, expected, "{values:?} in {room}");
        }
    }
}
