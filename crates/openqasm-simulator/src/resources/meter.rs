//! The progress of a run: shots counted and passes over the state applied. Updated once for each tile and each
//! branch, read from time to time.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts finished work. Classical statements, sampling and tableaus are not counted: they take little time.
#[derive(Debug, Default)]
pub struct Meter {
    /// Points of a sweep that have run, and all points; 0 for a single run.
    points: AtomicU64,
    all_points: AtomicU64,
    shots: AtomicU64,
    /// Passes of finished groups, and all passes known so far.
    passes: AtomicU64,
    known: AtomicU64,
    /// The current group: its passes, and its amplitudes times passes, finished and total.
    group: AtomicU64,
    work: AtomicU64,
    all_work: AtomicU64,
}

/// Finished work out of known work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Points of a sweep, out of all.
    Points(u64, u64),
    /// Shots whose outcome is counted: a run with several branches.
    Shots(u64),
    /// Passes over the state, out of those known so far.
    Passes(u64, u64),
}

impl Meter {
    /// The progress of the run; `None` before there is any.
    pub fn read(&self) -> Option<Done> {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let points = load(&self.all_points);
        if points > 0 {
            return Some(Done::Points(load(&self.points), points));
        }
        let (shots, known) = (load(&self.shots), load(&self.known));
        if shots > 0 {
            return Some(Done::Shots(shots));
        }
        let (work, all) = (u128::from(load(&self.work)), load(&self.all_work));
        let of_group = u128::from(load(&self.group)) * work / u128::from(all.max(1));
        let passes = load(&self.passes).saturating_add(u64::try_from(of_group).unwrap_or_default());
        (known > 0).then(|| Done::Passes(passes.min(known), known))
    }

    /// Begins a sweep of that many points.
    pub(crate) fn begin_points(&self, points: u64) {
        self.all_points.store(points, Ordering::Relaxed);
    }

    /// Counts a point of a sweep.
    pub(crate) fn add_point(&self) {
        self.points.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts the shots of a branch.
    pub(crate) fn add_shots(&self, shots: u64) {
        self.shots.fetch_add(shots, Ordering::Relaxed);
    }

    /// Resets the shots: all of them are run again.
    pub(crate) fn begin_anew(&self) {
        self.shots.store(0, Ordering::Relaxed);
    }

    /// Adds passes that are to be applied.
    pub(crate) fn add_known(&self, passes: usize) {
        self.known.fetch_add(passes as u64, Ordering::Relaxed);
    }

    /// Begins a group of passes over a state of that many qubits.
    pub(crate) fn begin_group(&self, passes: usize, qubits: u32) {
        let passes = passes as u64;
        self.work.store(0, Ordering::Relaxed);
        let work = passes.checked_shl(qubits).unwrap_or(u64::MAX);
        self.all_work.store(work, Ordering::Relaxed);
        self.group.store(passes, Ordering::Relaxed);
    }

    /// Counts passes of the group applied to a tile of that many qubits.
    pub(crate) fn add_part(&self, passes: usize, qubits: u32) {
        let work = (passes as u64).checked_shl(qubits).unwrap_or_default();
        self.work.fetch_add(work, Ordering::Relaxed);
    }

    /// Ends the group, also if zero tiles were skipped.
    pub(crate) fn end_group(&self) {
        let passes = self.group.swap(0, Ordering::Relaxed);
        self.passes.fetch_add(passes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_are_told_within_a_group_and_shots_before_passes() {
        let meter = Meter::default();
        assert_eq!(meter.read(), None);
        meter.add_known(10);
        meter.begin_group(8, 20);
        meter.add_part(8, 19);
        assert_eq!(meter.read(), Some(Done::Passes(4, 10)));
        meter.end_group();
        assert_eq!(meter.read(), Some(Done::Passes(8, 10)));
        meter.add_shots(3);
        assert_eq!(meter.read(), Some(Done::Shots(3)));
        meter.begin_anew();
        assert_eq!(meter.read(), Some(Done::Passes(8, 10)));
        meter.begin_points(7);
        meter.add_point();
        assert_eq!(meter.read(), Some(Done::Points(1, 7)));
    }
}
