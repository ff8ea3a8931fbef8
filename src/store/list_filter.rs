//! What a list asks for, and which ranges of which indexes hold it.

use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use super::list_statement::{ListSource, Order};
use crate::domain::access::DEFAULT_PROJECT;
use crate::domain::backend::{MOCK, SIMULATOR};
use crate::domain::id_prefix::IdPrefix;
use crate::domain::status::Status;

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// Oldest first.
    Oldest,
    /// Newest first.
    #[default]
    Newest,
    /// Lowest priority first, and of one priority the oldest.
    LowestPriority,
    /// Highest priority first, and of one priority the newest.
    HighestPriority,
}

/// The last task that a page has read; the next page begins after it. Task ids grow with the time of submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Its priority.
    pub priority: i16,
    /// Its id.
    pub task_id: Uuid,
}

/// Which tasks to list.
#[derive(Debug, Clone, Default)]
pub struct TaskFilter {
    /// Any of these; all if empty.
    pub statuses: Vec<Status>,
    /// Only problems, or only circuits.
    pub is_problem: Option<bool>,
    /// Only tasks of this backend.
    pub backend: Option<String>,
    /// Only tasks of this project.
    pub project: Option<String>,
    /// Only tasks of this problem.
    pub problem_id: Option<String>,
    /// Only tasks that this worker runs, or whose last attempt it ran.
    pub worker_id: Option<String>,
    /// Only tasks with all of these tags.
    pub tags: Vec<String>,
    /// Only tasks of this name.
    pub name: Option<String>,
    /// Only tasks with this error code.
    pub error_code: Option<String>,
    /// Only tasks submitted at this time or later.
    pub submitted_from: Option<OffsetDateTime>,
    /// Only tasks submitted before this time.
    pub submitted_before: Option<OffsetDateTime>,
    /// Only tasks whose ids have this prefix.
    pub id_prefix: Option<IdPrefix>,
    /// The order of the list.
    pub sort: Sort,
    /// The page begins after this task.
    pub after: Option<Cursor>,
    /// The most tasks on the page.
    pub limit: usize,
}

/// The most tasks that one page reads, over all of its ranges: about 10 ms of PostgreSQL.
const BUDGET: usize = 5_500;
/// The largest difference between the clock of a process that makes ids and the clock of the database, which sets
/// `submitted_at`.
const CLOCK_DIFFERENCE: Duration = Duration::from_mins(5);
/// Each priority has a range of its own.
const PRIORITIES: std::ops::RangeInclusive<i16> = 0..=10;
/// The cost of reading a task through a tag, in tasks read in the order of an index.
const TAG_COST: usize = 4;

/// A range of ids to read, both ends excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IdRange {
    /// Only tasks of this priority; `None` if the tasks are read in the order of their ids alone.
    pub(super) priority: Option<i16>,
    pub(super) low: Uuid,
    pub(super) high: Uuid,
}

/// All ids, one range for each priority.
pub(super) fn whole_ranges() -> Vec<IdRange> {
    let whole = |priority| IdRange {
        priority: Some(priority),
        low: Uuid::nil(),
        high: Uuid::max(),
    };
    PRIORITIES.map(whole).collect()
}

impl Sort {
    /// The order as the statement needs it.
    pub(super) fn order(self) -> Order {
        Order {
            by_priority: matches!(self, Self::LowestPriority | Self::HighestPriority),
            ascending: matches!(self, Self::Oldest | Self::LowestPriority),
        }
    }
}

impl TaskFilter {
    /// The sets of sources each of which holds all matching tasks, except the whole table. Of two that are equally large, the
    /// first is read.
    pub(super) fn candidates(&self) -> Vec<Vec<ListSource>> {
        let built_in = |backend: &String| backend == SIMULATOR || backend == MOCK;
        let sets = [
            (self.name.is_some(), vec![ListSource::Name]),
            (self.problem_id.is_some(), vec![ListSource::Problem]),
            (!self.tags.is_empty(), vec![ListSource::Tag]),
            (
                self.worker_id.is_some(),
                vec![ListSource::Worker, ListSource::Running],
            ),
            (
                self.backend.as_ref().is_some_and(|name| !built_in(name)),
                vec![ListSource::Backend],
            ),
            (
                self.project
                    .as_ref()
                    .is_some_and(|name| name != DEFAULT_PROJECT),
                vec![ListSource::Project, ListSource::Running],
            ),
            (!self.statuses.is_empty(), self.by_status()),
            (self.is_problem == Some(true), vec![ListSource::Problems]),
        ];
        let sets = sets.into_iter().filter(|(asked, _)| *asked);
        sets.map(|(_, sources)| sources).collect()
    }

    /// The sources that hold all tasks of the requested statuses.
    fn by_status(&self) -> Vec<ListSource> {
        let sources = [
            (self.at_rest().next().is_some(), ListSource::AtRest),
            (self.asks_for(Status::Processing), ListSource::Running),
        ];
        let sources = sources.into_iter().filter(|(asked, _)| *asked);
        sources.map(|(_, source)| source).collect()
    }

    /// The requested statuses in which a task has no owner.
    fn at_rest(&self) -> impl Iterator<Item = Status> + '_ {
        let at_rest = |status: &Status| *status != Status::Processing && self.asks_for(*status);
        Status::ALL.into_iter().filter(at_rest)
    }

    /// The most entries that each range may read, so that all of them together stay within the budget.
    pub(super) fn budget(&self, sources: &[ListSource], ranges: usize) -> i64 {
        let at_rest = self.at_rest().count();
        let cost = |source: &ListSource| match source {
            ListSource::Running => 0,
            ListSource::AtRest => ranges * at_rest,
            ListSource::Tag => ranges * TAG_COST,
            _ => ranges,
        };
        let cost: usize = sources.iter().map(cost).sum();
        i64::try_from(BUDGET / cost.max(1)).unwrap_or(i64::MAX)
    }

    /// Whether tasks of the status match.
    fn asks_for(&self, status: Status) -> bool {
        self.statuses.is_empty() || self.statuses.contains(&status)
    }

    /// The whole table, in the order of the list.
    pub(super) fn everything(&self) -> Vec<ListSource> {
        if self.sort.order().by_priority {
            self.by_status()
        } else {
            vec![ListSource::Ids]
        }
    }

    /// The ranges that the page reads from each of the sources.
    pub(super) fn id_ranges(&self, sources: &[ListSource]) -> Vec<IdRange> {
        let (low, high) = self.ids();
        if sources == [ListSource::Ids] {
            return vec![self.after_cursor(None, low, high)];
        }
        let Order {
            by_priority,
            ascending,
        } = self.sort.order();
        let to_come = |priority: &i16| match self.after {
            Some(cursor) if by_priority && ascending => *priority >= cursor.priority,
            Some(cursor) if by_priority => *priority <= cursor.priority,
            _ => true,
        };
        let ranges = PRIORITIES.filter(to_come).map(|priority| {
            let within = by_priority.then_some(priority);
            IdRange {
                priority: Some(priority),
                ..self.after_cursor(within, low, high)
            }
        });
        ranges.collect()
    }

    /// The range without the tasks of earlier pages. `priority` is the priority of the range if the list is ordered by priority.
    fn after_cursor(&self, priority: Option<i16>, mut low: Uuid, mut high: Uuid) -> IdRange {
        if let Some(cursor) = self.after
            && priority.is_none_or(|priority| priority == cursor.priority)
        {
            if self.sort.order().ascending {
                low = low.max(cursor.task_id);
            } else {
                high = high.min(cursor.task_id);
            }
        }
        IdRange {
            priority,
            low,
            high,
        }
    }

    /// The ids between which the ids of all matching tasks lie.
    fn ids(&self) -> (Uuid, Uuid) {
        let (low, high) = self.ids_by_time();
        match self.id_prefix.as_ref().map(IdPrefix::range) {
            Some((first, last)) => (low.max(before(first)), high.min(behind(last))),
            None => (low, high),
        }
    }

    /// The same by the times of submission alone.
    fn ids_by_time(&self) -> (Uuid, Uuid) {
        let low = self.submitted_from.map_or(Uuid::nil(), |from| {
            first_id_of(from.checked_sub(time_span(CLOCK_DIFFERENCE)))
        });
        let high = self.submitted_before.map_or(Uuid::max(), |before| {
            let end = before.checked_add(time_span(CLOCK_DIFFERENCE));
            end.map_or(Uuid::max(), |end| first_id_of(Some(end)))
        });
        (low, high)
    }
}

fn time_span(duration: Duration) -> time::Duration {
    time::Duration::try_from(duration).unwrap_or(time::Duration::MAX)
}

fn before(id: Uuid) -> Uuid {
    Uuid::from_u128(id.as_u128().saturating_sub(1))
}

fn behind(id: Uuid) -> Uuid {
    Uuid::from_u128(id.as_u128().saturating_add(1))
}

/// The smallest id that can be made in this millisecond.
fn first_id_of(time: Option<OffsetDateTime>) -> Uuid {
    let milliseconds = time.map_or(0, |time| time.unix_timestamp_nanos() / 1_000_000);
    let milliseconds = u128::try_from(milliseconds).unwrap_or(0).min((1 << 48) - 1);
    Uuid::from_u128(milliseconds << 80)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn times_narrow_the_ids_by_less_than_clocks_may_differ() {
        let at = datetime!(2026-01-01 12:00 UTC);
        let filter = TaskFilter {
            submitted_from: Some(at),
            submitted_before: Some(at),
            ..TaskFilter::default()
        };
        let (low, high) = filter.ids();
        let id_at = |time: OffsetDateTime| first_id_of(Some(time));
        assert!(low <= id_at(at - CLOCK_DIFFERENCE) && high >= id_at(at + CLOCK_DIFFERENCE));
        assert!(low > id_at(at - CLOCK_DIFFERENCE * 2) && high < id_at(at + CLOCK_DIFFERENCE * 2));
        let ancient = TaskFilter {
            submitted_from: Some(datetime!(0001-01-01 0:00 UTC)),
            submitted_before: Some(datetime!(9999-12-31 23:59:59 UTC)),
            ..TaskFilter::default()
        };
        assert_eq!(ancient.ids().0, Uuid::nil());
        assert!(ancient.ids().1 > id_at(datetime!(9999-12-31 0:00 UTC)));
    }

    #[test]
    fn what_all_ranges_read_together_stays_within_the_budget() {
        let filter = TaskFilter::default();
        assert_eq!(filter.budget(&[ListSource::Ids], 1), 5_500);
        assert_eq!(
            filter.budget(&[ListSource::Worker, ListSource::Running], 11),
            500
        );
        let all = [ListSource::AtRest, ListSource::Running];
        assert_eq!(filter.budget(&all, 11), 5_500 / 55);
        let failed = TaskFilter {
            statuses: vec![Status::Failed],
            ..filter
        };
        assert_eq!(failed.budget(&[ListSource::AtRest], 11), 500);
    }
}
