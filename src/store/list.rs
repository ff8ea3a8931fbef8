//! Lists of tasks, a page at a time.

use std::time::Duration;

use diesel::deserialize;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::row::NamedRow;
use diesel::sql_types::{
    Array, BigInt, Bool, Jsonb, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::list_statement::{ListSource, Order, RAREST_TAG, page, sizes};
use super::read::TaskSummary;
use super::statement::Prepared;
use super::{Store, StoreError};
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

/// The last task that a page has looked at; the next page begins behind it. Task ids grow with the
/// time of submission.
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
    /// Any of these; all where empty.
    pub statuses: Vec<Status>,
    /// Only problems, or only circuits.
    pub is_problem: Option<bool>,
    /// Only this backend's.
    pub backend: Option<String>,
    /// Only this problem's.
    pub problem_id: Option<String>,
    /// Only those that this worker runs, or ran last.
    pub worker_id: Option<String>,
    /// Only those that carry all of these.
    pub tags: Vec<String>,
    /// Only those of this name.
    pub name: Option<String>,
    /// Only those submitted at this time or later.
    pub submitted_from: Option<OffsetDateTime>,
    /// Only those submitted before.
    pub submitted_before: Option<OffsetDateTime>,
    /// Only those whose ids begin so.
    pub id_prefix: Option<IdPrefix>,
    /// In which order.
    pub sort: Sort,
    /// Where the page begins.
    pub after: Option<Cursor>,
    /// How many, at most.
    pub limit: usize,
}

/// A page of a list.
#[derive(Debug, Clone, Default)]
pub struct TaskList {
    /// Its tasks; fewer than asked for where the search has read as much as one page may.
    pub tasks: Vec<TaskSummary>,
    /// Where to go on; None at the end of the list.
    pub next: Option<Cursor>,
}

/// The most tasks that one page reads, over all of the ranges that it looks into: some 10 ms of
/// PostgreSQL.
const BUDGET: usize = 5_500;
/// How far each range is counted to find the smallest of several sets.
const SIZE_LIMIT: i64 = 100;
/// How far the clock of a process that makes ids may be from the database's, which sets
/// `submitted_at`.
const CLOCK_DIFFERENCE: Duration = Duration::from_mins(5);
/// One range for each.
const PRIORITIES: std::ops::RangeInclusive<i16> = 0..=10;
/// What it takes to go from a tag to its task, in tasks read one after the other.
const TAG_COST: usize = 4;

#[derive(QueryableByName)]
struct ListedRow {
    #[diesel(embed)]
    entry: ListEntry,
    #[diesel(embed)]
    task: FittingTask,
}

/// An entry that a walk has brought.
#[derive(QueryableByName)]
#[allow(
    clippy::struct_field_names,
    reason = "the names of the columns, beside those of the task"
)]
struct ListEntry {
    #[diesel(sql_type = SqlUuid)]
    entry_task_id: Uuid,
    #[diesel(sql_type = SmallInt)]
    entry_priority: i16,
    #[diesel(sql_type = Bool)]
    fits: bool,
    #[diesel(sql_type = Bool)]
    spent: bool,
}

/// The task of an entry; None where it does not fit, all of whose columns are null then.
struct FittingTask(Option<TaskSummary>);

impl QueryableByName<Pg> for FittingTask {
    fn build<'a>(row: &impl NamedRow<'a, Pg>) -> deserialize::Result<Self> {
        let fits = NamedRow::get::<Bool, bool>(row, "fits")?;
        let task = fits.then(|| TaskSummary::build(row)).transpose()?;
        Ok(Self(task))
    }
}

#[derive(QueryableByName)]
struct SizesRow {
    #[diesel(sql_type = Array<BigInt>)]
    sizes: Vec<i64>,
}

#[derive(QueryableByName)]
struct TagRow {
    #[diesel(sql_type = Text)]
    tag: String,
}

/// The ranges of ids that are walked, each within one priority; the only one has none where ids are
/// walked as they are.
type Lanes = Vec<(Option<i16>, Uuid, Uuid)>;

impl Store {
    /// A page of tasks.
    pub async fn list(&self, filter: &TaskFilter) -> Result<TaskList, StoreError> {
        self.pools
            .run_read("list tasks", async |connection| {
                let tag = rarest_tag(connection, &filter.tags).await?;
                let sources = smallest(connection, filter, tag.as_deref()).await?;
                let lanes = filter.lanes(&sources);
                let sql = page(&sources, filter.sort.order());
                let budget = filter.budget(&sources, lanes.len());
                let query = bind(sql, filter, tag.as_deref(), &lanes, budget);
                let found: Vec<ListedRow> = Prepared(query).load(connection).await?;
                let (length, next) = cut(found.iter().map(|row| &row.entry), filter.limit);
                let rows = found.into_iter().take(length);
                let tasks = rows.filter_map(|row| row.task.0).collect();
                Ok(TaskList { tasks, next })
            })
            .await
    }
}

/// How many of the entries belong to the page, and where the next one begins.
fn cut<'a>(found: impl Iterator<Item = &'a ListEntry>, limit: usize) -> (usize, Option<Cursor>) {
    let (mut length, mut shown, mut last) = (0, 0, None);
    for entry in found {
        if shown == limit {
            return (length, last);
        }
        last = Some(Cursor {
            priority: entry.entry_priority,
            task_id: entry.entry_task_id,
        });
        length += 1;
        shown += usize::from(entry.fits);
        if entry.spent {
            return (length, last);
        }
    }
    (length, None)
}

async fn rarest_tag(
    connection: &mut AsyncPgConnection,
    tags: &[String],
) -> QueryResult<Option<String>> {
    if tags.len() < 2 {
        return Ok(tags.first().cloned());
    }
    let query = diesel::sql_query(RAREST_TAG)
        .bind::<Array<Text>, _>(tags)
        .bind::<BigInt, _>(SIZE_LIMIT);
    let row: TagRow = Prepared(query).get_result(connection).await?;
    Ok(Some(row.tag))
}

/// Of the sets that hold everything asked for, the one with the fewest entries.
async fn smallest(
    connection: &mut AsyncPgConnection,
    filter: &TaskFilter,
    tag: Option<&str>,
) -> QueryResult<Vec<ListSource>> {
    let mut candidates = filter.candidates();
    if candidates.len() < 2 {
        return Ok(candidates.pop().unwrap_or_else(|| filter.everything()));
    }
    let lanes = whole_lanes();
    let query = bind(sizes(&candidates), filter, tag, &lanes, SIZE_LIMIT);
    let row: SizesRow = Prepared(query).get_result(connection).await?;
    let smallest = candidates.into_iter().zip(row.sizes);
    let smallest = smallest.min_by_key(|(_, size)| *size);
    Ok(smallest.map_or_else(|| filter.everything(), |(sources, _)| sources))
}

fn whole_lanes() -> Lanes {
    PRIORITIES
        .map(|priority| (Some(priority), Uuid::nil(), Uuid::max()))
        .collect()
}

impl Sort {
    /// How the statement says it.
    fn order(self) -> Order {
        Order {
            by_priority: matches!(self, Self::LowestPriority | Self::HighestPriority),
            ascending: matches!(self, Self::Oldest | Self::LowestPriority),
        }
    }
}

impl TaskFilter {
    /// The sets of sources that hold everything asked for, but for the whole table. Of two that are
    /// equally large, the first is read.
    fn candidates(&self) -> Vec<Vec<ListSource>> {
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
            (!self.statuses.is_empty(), self.by_status()),
            (self.is_problem == Some(true), vec![ListSource::Problems]),
        ];
        let sets = sets.into_iter().filter(|(asked, _)| *asked);
        sets.map(|(_, sources)| sources).collect()
    }

    fn by_status(&self) -> Vec<ListSource> {
        let sources = [
            (self.at_rest().next().is_some(), ListSource::AtRest),
            (self.asks_for(Status::Processing), ListSource::Running),
        ];
        let sources = sources.into_iter().filter(|(asked, _)| *asked);
        sources.map(|(_, source)| source).collect()
    }

    /// The statuses asked for in which nobody owns a task.
    fn at_rest(&self) -> impl Iterator<Item = Status> + '_ {
        let at_rest = |status: &Status| *status != Status::Processing && self.asks_for(*status);
        Status::ALL.into_iter().filter(at_rest)
    }

    /// What each range may read, so that all of them together stay within the budget.
    fn budget(&self, sources: &[ListSource], lanes: usize) -> i64 {
        let at_rest = self.at_rest().count();
        let cost = |source: &ListSource| match source {
            ListSource::Running => 0,
            ListSource::AtRest => lanes * at_rest,
            ListSource::Tag => lanes * TAG_COST,
            _ => lanes,
        };
        let cost: usize = sources.iter().map(cost).sum();
        i64::try_from(BUDGET / cost.max(1)).unwrap_or(i64::MAX)
    }

    fn asks_for(&self, status: Status) -> bool {
        self.statuses.is_empty() || self.statuses.contains(&status)
    }

    /// The whole table, in the order of the list.
    fn everything(&self) -> Vec<ListSource> {
        if self.sort.order().by_priority {
            self.by_status()
        } else {
            vec![ListSource::Ids]
        }
    }

    fn lanes(&self, sources: &[ListSource]) -> Lanes {
        let (low, high) = self.ids();
        if sources == [ListSource::Ids] {
            let (low, high) = self.behind_cursor(None, low, high);
            return vec![(None, low, high)];
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
        let lanes = PRIORITIES.filter(to_come).map(|priority| {
            let within = by_priority.then_some(priority);
            let (low, high) = self.behind_cursor(within, low, high);
            (Some(priority), low, high)
        });
        lanes.collect()
    }

    /// The range without what the pages before have shown. `priority` is that of the lane where the
    /// list goes by it.
    fn behind_cursor(&self, priority: Option<i16>, low: Uuid, high: Uuid) -> (Uuid, Uuid) {
        match self.after {
            Some(cursor) if priority.is_none_or(|priority| priority == cursor.priority) => {
                if self.sort.order().ascending {
                    (low.max(cursor.task_id), high)
                } else {
                    (low, high.min(cursor.task_id))
                }
            }
            _ => (low, high),
        }
    }

    /// Between which ids the tasks asked for may have theirs.
    fn ids(&self) -> (Uuid, Uuid) {
        let (low, high) = self.ids_by_time();
        match self.id_prefix.as_ref().map(IdPrefix::range) {
            Some((first, last)) => (low.max(before(first)), high.min(behind(last))),
            None => (low, high),
        }
    }

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

/// The smallest id that can be made at this millisecond.
fn first_id_of(time: Option<OffsetDateTime>) -> Uuid {
    let milliseconds = time.map_or(0, |time| time.unix_timestamp_nanos() / 1_000_000);
    let milliseconds = u128::try_from(milliseconds).unwrap_or(0).min((1 << 48) - 1);
    Uuid::from_u128(milliseconds << 80)
}

fn bind(
    sql: String,
    filter: &TaskFilter,
    tag: Option<&str>,
    lanes: &Lanes,
    budget: i64,
) -> BoxedSqlQuery<'static, Pg, SqlQuery> {
    let statuses: Vec<&'static str> = filter.statuses.iter().map(|s| s.as_str()).collect();
    let priorities: Vec<Option<i16>> = lanes.iter().map(|lane| lane.0).collect();
    let lows: Vec<Uuid> = lanes.iter().map(|lane| lane.1).collect();
    let highs: Vec<Uuid> = lanes.iter().map(|lane| lane.2).collect();
    // One more than asked for tells whether there is a next page.
    let rows = i64::try_from(filter.limit).unwrap_or(i64::MAX - 1) + 1;
    diesel::sql_query(sql)
        .into_boxed::<Pg>()
        .bind::<Array<Text>, _>(statuses)
        .bind::<Nullable<Text>, _>(filter.backend.clone())
        .bind::<Nullable<Text>, _>(filter.problem_id.clone())
        .bind::<Nullable<Text>, _>(filter.worker_id.clone())
        .bind::<Nullable<Text>, _>(filter.name.clone())
        .bind::<Jsonb, _>(json!(filter.tags))
        .bind::<Nullable<Text>, _>(tag.map(str::to_owned))
        .bind::<Nullable<Bool>, _>(filter.is_problem)
        .bind::<Nullable<Timestamptz>, _>(filter.submitted_from)
        .bind::<Nullable<Timestamptz>, _>(filter.submitted_before)
        .bind::<Array<Nullable<SmallInt>>, _>(priorities)
        .bind::<Array<SqlUuid>, _>(lows)
        .bind::<Array<SqlUuid>, _>(highs)
        .bind::<BigInt, _>(budget)
        .bind::<BigInt, _>(rows)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn entry(number: u128, fits: bool, spent: bool) -> ListEntry {
        ListEntry {
            entry_task_id: Uuid::from_u128(number),
            entry_priority: 5,
            fits,
            spent,
        }
    }

    #[test]
    fn a_page_ends_where_a_walk_has_spent_its_budget() {
        let found = [
            entry(9, true, false),
            entry(8, false, true),
            entry(7, true, false),
        ];
        let (length, next) = cut(found.iter(), 5);
        assert_eq!(length, 2);
        assert_eq!(next.unwrap().task_id, Uuid::from_u128(8));
    }

    #[test]
    fn a_full_page_has_a_next_one_only_where_something_is_left() {
        let found = [
            entry(9, true, false),
            entry(8, true, false),
            entry(7, true, false),
        ];
        let (length, next) = cut(found.iter(), 2);
        assert_eq!((length, next.unwrap().task_id), (2, Uuid::from_u128(8)));
        assert_eq!(cut(found.iter(), 3), (3, None));
    }

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
