//! Which elements of an event's arrays a value stands in.

/// Arrays by number, each with the place within it. Two values belong together unless they stand in different elements of
/// the same array.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Places(Vec<(u32, u32)>);

impl Places {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn enter(&mut self, array: u32, element: u32) {
        self.0.push((array, element));
    }

    pub(crate) fn leave(&mut self) {
        self.0.pop();
    }

    pub(crate) fn arrays(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|(array, _)| *array)
    }

    /// Both together, if they belong together. Numbers of arrays ascend along each.
    pub(crate) fn joined(&self, other: &Self) -> Option<Self> {
        let mut joined = Vec::with_capacity(self.0.len() + other.0.len());
        let (mut these, mut those) = (self.0.iter().peekable(), other.0.iter().peekable());
        loop {
            let next = match (these.peek(), those.peek()) {
                (Some(this), Some(that)) if this.0 == that.0 => {
                    if this.1 != that.1 {
                        return None;
                    }
                    these.next();
                    those.next()
                }
                (Some(this), Some(that)) if this.0 > that.0 => those.next(),
                (Some(_), _) => these.next(),
                (None, _) => those.next(),
            };
            match next {
                Some(place) => joined.push(*place),
                None => return Some(Self(joined)),
            }
        }
    }

    pub(crate) fn keep(&mut self, mut wanted: impl FnMut(u32) -> bool) {
        self.0.retain(|(array, _)| wanted(*array));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_join_unless_they_are_of_different_elements() {
        let places = |of: &[(u32, u32)]| Places(of.to_vec());
        for (one, other, expected) in [
            (&[][..], &[][..], Some(&[][..])),
            (&[(0, 1)], &[], Some(&[(0, 1)])),
            (&[(0, 1)], &[(0, 1), (2, 3)], Some(&[(0, 1), (2, 3)])),
            (&[(1, 1)], &[(0, 7), (2, 3)], Some(&[(0, 7), (1, 1), (2, 3)])),
            (&[(0, 1)], &[(0, 2)], None),
        ] {
            assert_eq!(places(one).joined(&places(other)), expected.map(places), "{one:?} {other:?}");
            assert_eq!(places(other).joined(&places(one)), expected.map(places), "{other:?} {one:?}");
        }
    }
}
