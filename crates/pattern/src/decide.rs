//! Whether an event meets an alternative.
//!
//! Without objects in arrays every field is looked at on its own. With them, values of all fields must be found that stand
//! in the same elements, so choices are tried in the order of the fields, and a choice that has failed with the same
//! elements before is not tried again.

use crate::array::Places;
use crate::event::Fields;
use crate::limits::MATCH_STEPS;
use crate::test::Test;
use std::collections::HashSet;
use std::sync::Arc;

/// A field of an alternative: its number, and the tests of which one must be met.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) field: usize,
    pub(crate) tests: Arc<[Test]>,
}

pub(crate) fn meets(event: &Fields<'_>, conditions: &[Condition]) -> bool {
    let mut choices = Vec::with_capacity(conditions.len());
    for condition in conditions {
        match Choice::of(event, condition) {
            Choice::None => return false,
            Choice::Free => {}
            choice => choices.push(choice),
        }
    }
    choices.is_empty() || Search::new(&choices).finds(0, &Places::default())
}

/// How one condition can be met.
enum Choice<'v> {
    None,
    /// By a value outside of arrays, or by the lack of any.
    Free,
    /// By values in these elements, or, if that is asked for, where there is none of all values.
    Within {
        met: Vec<&'v Places>,
        absent: Option<Vec<&'v Places>>,
    },
}

impl<'v> Choice<'v> {
    fn of(event: &'v Fields<'_>, condition: &Condition) -> Self {
        let values = event.values(condition.field);
        let asks_absence = condition.tests.iter().any(|test| matches!(test, Test::Absent));
        if values.is_empty() {
            return if asks_absence { Self::Free } else { Self::None };
        }
        let mut met = Vec::new();
        for value in values {
            if condition.tests.iter().any(|test| test.accepts(&value.leaf)) {
                if value.places.is_empty() {
                    return Self::Free;
                }
                met.push(&value.places);
            }
        }
        // Whatever is chosen, a value outside of arrays is there.
        let is_everywhere = values.iter().any(|value| value.places.is_empty());
        match asks_absence && !is_everywhere {
            true => Self::Within { met, absent: Some(values.iter().map(|value| &value.places).collect()) },
            false if met.is_empty() => Self::None,
            false => Self::Within { met, absent: None },
        }
    }
}

struct Search<'c, 'v> {
    choices: &'c [Choice<'v>],
    /// By choice: the arrays that it and later ones speak of. What was chosen of others has no influence any more.
    arrays_ahead: Vec<HashSet<u32>>,
    failed: HashSet<(usize, Places)>,
    steps: usize,
}

impl<'c, 'v> Search<'c, 'v> {
    fn new(choices: &'c [Choice<'v>]) -> Self {
        let mut arrays_ahead = vec![HashSet::new(); choices.len() + 1];
        for (place, choice) in choices.iter().enumerate().rev() {
            let mut arrays = arrays_ahead[place + 1].clone();
            if let Choice::Within { met, absent } = choice {
                arrays.extend(met.iter().chain(absent.iter().flatten()).flat_map(|places| places.arrays()));
            }
            arrays_ahead[place] = arrays;
        }
        Self { choices, arrays_ahead, failed: HashSet::new(), steps: 0 }
    }

    /// Whether the choices from here on can be made within these elements.
    fn finds(&mut self, choice: usize, within: &Places) -> bool {
        let choices = self.choices;
        let Some(Choice::Within { met, absent }) = choices.get(choice) else { return true };
        let mut within = within.clone();
        within.keep(|array| self.arrays_ahead[choice].contains(&array));
        if self.failed.contains(&(choice, within.clone())) {
            return false;
        }
        if let Some(values) = absent
            && !values.iter().any(|places| self.joined(&within, places).is_some())
            && self.finds(choice + 1, &within)
        {
            return true;
        }
        for places in met {
            if self.steps >= MATCH_STEPS {
                return true;
            }
            if let Some(joined) = self.joined(&within, places)
                && self.finds(choice + 1, &joined)
            {
                return true;
            }
        }
        self.failed.insert((choice, within));
        false
    }

    fn joined(&mut self, within: &Places, places: &Places) -> Option<Places> {
        self.steps += 1;
        within.joined(places)
    }
}
