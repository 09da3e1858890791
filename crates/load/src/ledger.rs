//! Who has received what: loss, duplicates and order, per connection and number.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::time::Instant;

/// Stretches of missing numbers that are remembered per connection. Of what is missing before them only the count is kept.
pub const MAX_GAPS: usize = 1024;
/// Messages that may be under way at a time.
pub const MAX_UNDER_WAY: usize = 100_000;

/// Which numbers of one sequence one connection has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    /// The lowest number above everything that came.
    next: u64,
    /// Missing below `next`, ascending. Empty while nothing is missing, and then without memory.
    gaps: Vec<Range<u64>>,
    /// Missing below all gaps.
    forgotten: u64,
}

/// What a number is to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The next one, or one after a gap.
    New,
    /// It was overtaken by a later one.
    OutOfOrder,
    /// It has come before.
    Again,
}

impl Sequence {
    pub fn starting_at(first: u64) -> Self {
        Self { next: first, ..Self::default() }
    }

    /// The number that comes next when all goes well.
    pub fn next(&self) -> u64 {
        self.next
    }

    pub fn take(&mut self, number: u64) -> Arrival {
        if number >= self.next {
            if number > self.next {
                self.skip_to(number);
            }
            self.next = number + 1;
            return Arrival::New;
        }
        let place = self.gaps.partition_point(|gap| gap.end <= number);
        match self.gaps.get(place).cloned() {
            Some(gap) if gap.contains(&number) => {
                let rest = [gap.start..number, number + 1..gap.end];
                self.gaps.splice(place..=place, rest.into_iter().filter(|part| !part.is_empty()));
                Arrival::OutOfOrder
            }
            _ => Arrival::Again,
        }
    }

    fn lacks(&self, number: u64) -> bool {
        number >= self.next || self.gaps.iter().any(|gap| gap.contains(&number))
    }

    fn skip_to(&mut self, number: u64) {
        self.gaps.push(self.next..number);
        if self.gaps.len() > MAX_GAPS {
            let gap = self.gaps.remove(0);
            self.forgotten += gap.end - gap.start;
        }
    }

    /// How many numbers below `end` have not come, leaving out those in `void`.
    pub fn missing(&self, end: u64, void: &BTreeSet<u64>) -> u64 {
        let count = |gap: Range<u64>| gap.end - gap.start - void.range(gap).count() as u64;
        self.forgotten + self.stretches(end).map(count).sum::<u64>()
    }

    /// The first number below `end` that has not come.
    pub fn first_missing(&self, end: u64, void: &BTreeSet<u64>) -> Option<u64> {
        self.stretches(end).flatten().find(|number| !void.contains(number))
    }

    fn stretches(&self, end: u64) -> impl Iterator<Item = Range<u64>> + '_ {
        let tail = self.next..end.max(self.next);
        self.gaps.iter().cloned().chain((!tail.is_empty()).then_some(tail))
    }
}

/// One sequence of messages, each of which every receiver must get once.
#[derive(Debug, Default)]
pub struct Ledger {
    receivers: Vec<Option<Receiver>>,
    /// Those who will get the next message.
    present: u64,
    /// Messages from `first` on that somebody lacks, or that later ones wait behind.
    under_way: VecDeque<UnderWay>,
    first: u64,
    incomplete: usize,
    /// Messages that nobody can get because they were never sent.
    void: BTreeSet<u64>,
}

#[derive(Clone, Debug)]
struct Receiver {
    sequence: Sequence,
    present: bool,
}

#[derive(Debug)]
struct UnderWay {
    /// Receivers that lack it.
    left: u64,
    sent: Instant,
}

/// What a delivery meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// Somebody else still lacks the message.
    Taken(Arrival),
    /// Now everybody has it.
    Complete(Arrival),
    /// A number that was not sent, or a connection that should get none.
    Strange,
}

impl Ledger {
    /// `place` must receive everything from the next message on.
    pub fn join(&mut self, place: usize) {
        if self.receivers.len() <= place {
            self.receivers.resize(place + 1, None);
        }
        if self.receivers[place].is_none() {
            let sequence = Sequence::starting_at(self.sent());
            self.receivers[place] = Some(Receiver { sequence, present: true });
            self.present += 1;
        }
    }

    /// `place` will get no more. What it lacks is missing, but nobody waits for it.
    pub fn leave(&mut self, place: usize) {
        let Some(receiver) = self.receivers.get_mut(place).and_then(Option::as_mut) else { return };
        if !std::mem::take(&mut receiver.present) {
            return;
        }
        self.present -= 1;
        let sequence = &receiver.sequence;
        for (number, message) in (self.first..).zip(&mut self.under_way) {
            if message.left > 0 && sequence.lacks(number) {
                message.left -= 1;
                self.incomplete -= usize::from(message.left == 0);
            }
        }
        self.trim();
    }

    /// `place` does not count any more, nor does what it lacks.
    pub fn dismiss(&mut self, place: usize) {
        self.leave(place);
        if let Some(receiver) = self.receivers.get_mut(place) {
            *receiver = None;
        }
    }

    /// Numbers given so far.
    pub fn sent(&self) -> u64 {
        self.first + self.under_way.len() as u64
    }

    /// Messages that somebody still waits for.
    pub fn incomplete(&self) -> usize {
        self.incomplete
    }

    pub fn has_room(&self) -> bool {
        self.under_way.len() < MAX_UNDER_WAY
    }

    /// The number of the message that is sent now.
    pub fn send(&mut self, at: Instant) -> u64 {
        let number = self.sent();
        self.under_way.push_back(UnderWay { left: self.present, sent: at });
        self.incomplete += usize::from(self.present > 0);
        self.trim();
        number
    }

    /// This message did not get out, so nobody lacks it.
    pub fn void(&mut self, number: u64) {
        self.void.insert(number);
        self.stop_waiting(number);
    }

    /// This message did not get out to `place`: it is missing there, but nobody waits for it.
    pub fn abandon(&mut self, place: usize, number: u64) {
        let lacks = |receiver: &Receiver| receiver.present && receiver.sequence.lacks(number);
        let waited = self.receivers.get(place).and_then(Option::as_ref).is_some_and(lacks);
        let index = number.checked_sub(self.first).map(|index| index as usize);
        if let Some(message) =
            index.and_then(|index| self.under_way.get_mut(index)).filter(|message| waited && message.left > 0)
        {
            message.left -= 1;
            self.incomplete -= usize::from(message.left == 0);
        }
        self.trim();
    }

    pub fn receive(&mut self, place: usize, number: u64) -> Receipt {
        let sent = self.sent();
        let Some(Some(receiver)) = self.receivers.get_mut(place) else { return Receipt::Strange };
        if number >= sent {
            return Receipt::Strange;
        }
        let arrival = receiver.sequence.take(number);
        let index = number.checked_sub(self.first).map(|index| index as usize);
        if arrival != Arrival::Again
            && let Some(message) = index.and_then(|index| self.under_way.get_mut(index))
            && message.left > 0
        {
            message.left -= 1;
            if message.left == 0 {
                self.incomplete -= 1;
                self.trim();
                return Receipt::Complete(arrival);
            }
        }
        Receipt::Taken(arrival)
    }

    /// Stops waiting for messages that were sent before `deadline`; how many.
    pub fn give_up(&mut self, deadline: Instant) -> usize {
        let mut given_up = 0;
        for message in self.under_way.iter_mut().take_while(|message| message.sent < deadline) {
            if message.left > 0 {
                message.left = 0;
                given_up += 1;
            }
        }
        self.incomplete -= given_up;
        self.trim();
        given_up
    }

    /// What each receiver lacks of everything that was sent: place, how many, and the first of them.
    pub fn missing(&self) -> impl Iterator<Item = (usize, u64, Option<u64>)> + '_ {
        let sent = self.sent();
        self.receivers.iter().enumerate().filter_map(move |(place, sequence)| {
            let sequence = &sequence.as_ref()?.sequence;
            let missing = sequence.missing(sent, &self.void);
            (missing > 0).then(|| (place, missing, sequence.first_missing(sent, &self.void)))
        })
    }

    fn stop_waiting(&mut self, number: u64) {
        let index = number.checked_sub(self.first).map(|index| index as usize);
        if let Some(message) = index.and_then(|index| self.under_way.get_mut(index))
            && message.left > 0
        {
            message.left = 0;
            self.incomplete -= 1;
        }
        self.trim();
    }

    fn trim(&mut self) {
        while self.under_way.front().is_some_and(|message| message.left == 0) {
            self.under_way.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn taken(numbers: &[u64]) -> (Vec<Arrival>, Sequence) {
        let mut sequence = Sequence::default();
        (numbers.iter().map(|number| sequence.take(*number)).collect(), sequence)
    }

    #[test]
    fn loss_order_and_duplicates_are_told_apart() {
        use Arrival::{Again, New, OutOfOrder};
        for (numbers, arrivals, missing, first) in [
            (&[0, 1, 2][..], &[New, New, New][..], 0, None),
            (&[0, 2], &[New, New], 1, Some(1)),
            (&[0, 2, 1], &[New, New, OutOfOrder], 0, None),
            (&[0, 0, 1, 2], &[New, Again, New, New], 0, None),
            (&[2, 1, 1, 0], &[New, OutOfOrder, Again, OutOfOrder], 0, None),
            (&[0], &[New], 2, Some(1)),
            (&[], &[], 3, Some(0)),
        ] {
            let (came, sequence) = taken(numbers);
            assert_eq!(came, arrivals, "{numbers:?}");
            let none = BTreeSet::new();
            assert_eq!((sequence.missing(3, &none), sequence.first_missing(3, &none)), (missing, first), "{numbers:?}");
        }
        let (_, sequence) = taken(&[0, 2]);
        assert_eq!(sequence.missing(3, &BTreeSet::from([1])), 0, "what was never sent is not missing");
    }

    #[test]
    fn a_hostile_sequence_is_counted_without_being_remembered() {
        let numbers: Vec<u64> = (0..3 * MAX_GAPS as u64).map(|number| 2 * number + 1).collect();
        let (_, sequence) = taken(&numbers);
        assert!(sequence.gaps.len() <= MAX_GAPS);
        assert_eq!(sequence.missing(6 * MAX_GAPS as u64, &BTreeSet::new()), 3 * MAX_GAPS as u64);
    }

    #[test]
    fn a_message_is_complete_when_the_last_receiver_has_it() {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        (0..3).for_each(|place| ledger.join(place));
        assert_eq!((ledger.send(now), ledger.send(now), ledger.incomplete()), (0, 1, 2));
        assert_eq!(ledger.receive(0, 0), Receipt::Taken(Arrival::New));
        assert_eq!(ledger.receive(1, 0), Receipt::Taken(Arrival::New));
        assert_eq!(ledger.receive(1, 0), Receipt::Taken(Arrival::Again));
        assert_eq!(ledger.receive(2, 0), Receipt::Complete(Arrival::New));
        assert_eq!(ledger.receive(2, 2), Receipt::Strange, "it was not sent");
        assert_eq!(ledger.receive(3, 1), Receipt::Strange, "nobody is there");
        ledger.leave(2);
        assert_eq!(ledger.receive(0, 1), Receipt::Taken(Arrival::New));
        assert_eq!(ledger.receive(1, 1), Receipt::Complete(Arrival::New));
        assert_eq!(ledger.incomplete(), 0);
        assert_eq!(ledger.missing().collect::<Vec<_>>(), [(2, 1, Some(1))], "who left lacks what it should have got");
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_still_missing() {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        ledger.join(0);
        assert_eq!([ledger.send(now), ledger.send(now), ledger.send(now)], [0, 1, 2]);
        ledger.void(1);
        assert_eq!((ledger.give_up(now + Duration::from_secs(1)), ledger.incomplete()), (2, 0));
        assert_eq!(ledger.missing().collect::<Vec<_>>(), [(0, 2, Some(0))]);
        assert_eq!(ledger.receive(0, 2), Receipt::Taken(Arrival::New), "late is not lost");
        assert_eq!(ledger.missing().collect::<Vec<_>>(), [(0, 1, Some(0))]);
    }
}
