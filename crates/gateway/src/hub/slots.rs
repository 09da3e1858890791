//! Who may use which place of which reactor's slab. Taken at a handshake, given back when the connection is over.

use parking_lot::Mutex;

/// A slot is eight bits of reactor and twenty-four bits of place.
const PLACE_BITS: u32 = 24;
pub(super) const MAX_REACTORS: usize = 1 << (32 - PLACE_BITS);

pub(super) struct Slots {
    state: Mutex<State>,
    capacity: usize,
}

struct State {
    /// Places given back, by reactor: the newest first, so that slabs stay dense.
    free: Vec<Vec<u32>>,
    /// Places never used so far, by reactor.
    next: Vec<u32>,
    /// Places in use, by reactor: new connections go where there are fewest.
    taken: Vec<usize>,
}

impl Slots {
    pub(super) fn new(reactors: usize, capacity: usize) -> Self {
        let reactors = reactors.clamp(1, MAX_REACTORS);
        let state = State { free: vec![Vec::new(); reactors], next: vec![0; reactors], taken: vec![0; reactors] };
        Self { state: Mutex::new(state), capacity }
    }

    pub(super) fn take(&self) -> Option<u32> {
        let mut state = self.state.lock();
        if state.taken.iter().sum::<usize>() >= self.capacity {
            return None;
        }
        let (reactor, _) = state.taken.iter().enumerate().min_by_key(|(_, taken)| **taken)?;
        let place = match state.free[reactor].pop() {
            Some(place) => place,
            None if state.next[reactor] >> PLACE_BITS == 0 => {
                state.next[reactor] += 1;
                state.next[reactor] - 1
            }
            None => return None,
        };
        state.taken[reactor] += 1;
        Some(slot_of(reactor, place as usize))
    }

    pub(super) fn give_back(&self, slot: u32) {
        let mut state = self.state.lock();
        let reactor = reactor_of(slot);
        state.taken[reactor] -= 1;
        state.free[reactor].push(place_of(slot) as u32);
    }
}

pub(super) fn slot_of(reactor: usize, place: usize) -> u32 {
    (reactor as u32) << PLACE_BITS | place as u32
}

pub(super) fn reactor_of(slot: u32) -> usize {
    (slot >> PLACE_BITS) as usize
}

pub(super) fn place_of(slot: u32) -> usize {
    (slot & ((1 << PLACE_BITS) - 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_spread_over_reactors_and_reused() {
        let slots = Slots::new(2, 3);
        let taken: Vec<_> = std::iter::from_fn(|| slots.take()).collect();
        assert_eq!(
            taken.iter().map(|slot| (reactor_of(*slot), place_of(*slot))).collect::<Vec<_>>(),
            [(0, 0), (1, 0), (0, 1)]
        );
        slots.give_back(taken[1]);
        assert_eq!(slots.take(), Some(taken[1]));
        assert_eq!(slots.take(), None);
    }
}
