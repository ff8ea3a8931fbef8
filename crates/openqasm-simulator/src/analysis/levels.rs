//! The depth of a circuit: the level of each qubit and bit on its longest path.

use std::collections::HashMap;

/// Maximum saved entries of all open branches together.
const MAX_REMEMBERED: usize = 1 << 20;

/// Levels of qubits and, after them, bits.
pub(crate) struct Levels {
    of_wires: Vec<u32>,
    /// Nothing begins before this level: the outcome that decides about it is not known earlier.
    floor: u32,
    ways: Vec<Ways>,
    remembered: usize,
}

/// Two alternative branches, of which one is taken: the longer one counts.
struct Ways {
    /// Levels before the first branch, of entries changed since.
    before: HashMap<u32, u32>,
    /// Levels at the end of the first branch.
    first: HashMap<u32, u32>,
    floor: u32,
}

impl Levels {
    pub(crate) fn new(wires: usize) -> Self {
        Self {
            of_wires: vec![0; wires],
            floor: 0,
            ways: Vec::new(),
            remembered: 0,
        }
    }

    pub(crate) fn get(&self, wire: u32) -> u32 {
        self.of_wires.get(wire as usize).copied().unwrap_or(0)
    }

    pub(crate) fn set(&mut self, wire: u32, level: u32) {
        let Some(old) = self.of_wires.get_mut(wire as usize) else {
            return;
        };
        let old = std::mem::replace(old, level);
        if let Some(ways) = self.ways.last_mut() {
            let count = ways.before.len();
            ways.before.entry(wire).or_insert(old);
            self.remembered += ways.before.len() - count;
        }
    }

    /// Applies one operation to all of these at once; it counts for `length` levels.
    pub(crate) fn join(&mut self, wires: &[u32], length: u32) {
        let highest = wires.iter().map(|wire| self.get(*wire)).max();
        let begin = match length {
            0 => highest.unwrap_or(0),
            _ => highest.unwrap_or(0).max(self.floor),
        };
        let level = begin.saturating_add(length);
        for wire in wires {
            self.set(*wire, level);
        }
    }

    /// Begins a branch that may not be taken, and that does not begin before that level.
    pub(crate) fn fork(&mut self, floor: u32) {
        self.ways.push(Ways {
            before: HashMap::new(),
            first: HashMap::new(),
            floor: self.floor,
        });
        self.floor = self.floor.max(floor);
    }

    /// Steps after all open branches begin no sooner than their contents.
    pub(crate) fn keep_floor(&mut self) {
        for ways in &mut self.ways {
            ways.floor = ways.floor.max(self.floor);
        }
    }

    /// Begins the other branch where the first one began.
    pub(crate) fn other_way(&mut self) {
        let Some(ways) = self.ways.last_mut() else {
            return;
        };
        for (wire, before) in &ways.before {
            if let Some(level) = self.of_wires.get_mut(*wire as usize) {
                ways.first.insert(*wire, std::mem::replace(level, *before));
            }
        }
        self.remembered += ways.first.len();
    }

    /// Joins the branches.
    pub(crate) fn meet(&mut self) {
        let Some(Ways {
            before,
            first,
            floor,
        }) = self.ways.pop()
        else {
            return;
        };
        self.floor = floor;
        self.remembered = self.remembered.saturating_sub(before.len() + first.len());
        for (wire, before) in before {
            let level = first.get(&wire).copied().unwrap_or(before);
            let level = level.max(self.get(wire));
            // Enclosing branches also save the previous value.
            if let Some(place) = self.of_wires.get_mut(wire as usize) {
                *place = before;
            }
            self.set(wire, level);
        }
    }

    /// Whether more entries are saved than allowed.
    pub(crate) fn is_full(&self) -> bool {
        self.remembered >= MAX_REMEMBERED
    }

    pub(crate) fn highest(&self) -> u32 {
        self.of_wires.iter().copied().max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_barrier_lines_up_and_does_not_count() {
        let mut levels = Levels::new(2);
        levels.join(&[0], 1);
        levels.join(&[0, 1], 0);
        levels.join(&[1], 1);
        assert_eq!(levels.highest(), 2);
    }

    #[test]
    fn of_two_ways_the_longer_one_counts() {
        let mut levels = Levels::new(3);
        levels.join(&[0], 1);
        levels.fork(0);
        levels.join(&[0, 1], 1);
        levels.join(&[0], 1);
        levels.other_way();
        assert_eq!([0, 1, 2].map(|wire| levels.get(wire)), [1, 0, 0]);
        levels.fork(5);
        levels.join(&[2], 1);
        levels.meet();
        levels.meet();
        assert_eq!([0, 1, 2].map(|wire| levels.get(wire)), [3, 2, 6]);
        levels.join(&[1], 1);
        assert_eq!(levels.get(1), 3, "the floor ends with its way");
    }
}
