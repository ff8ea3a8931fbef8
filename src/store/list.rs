//! Lists of tasks, one page at a time.

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

use super::list_filter::{Cursor, IdRange, TaskFilter, whole_ranges};
use super::list_statement::{ListSource, RAREST_TAG, page, page_of_ids, sizes};
use super::read::TaskSummary;
use super::statement::Prepared;
use super::{Store, StoreError};

/// A page of a list.
#[derive(Debug, Clone, Default)]
pub struct TaskList {
    /// The tasks; fewer than the limit if the search has used up its budget.
    pub tasks: Vec<TaskSummary>,
    /// Where the next page begins; `None` at the end of the list.
    pub next: Option<Cursor>,
}

/// A page of a list, without its tasks.
#[derive(Debug, Clone, Default)]
pub struct TaskIds {
    /// The ids; fewer than the limit if the search has used up its budget.
    pub task_ids: Vec<Uuid>,
    /// Where the next page begins; `None` at the end of the list.
    pub next: Option<Cursor>,
}

/// How far each range is counted to find the smallest of several sets.
const SIZE_LIMIT: i64 = 100;

#[derive(QueryableByName)]
struct ListedRow {
    #[diesel(embed)]
    entry: ListEntry,
    #[diesel(embed)]
    task: FittingTask,
}

/// An index entry that the search has read.
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

/// The task of an entry; `None` if it does not match: all of its columns are NULL then.
struct FittingTask(Option<TaskSummary>);

impl QueryableByName<Pg> for FittingTask {
    fn build<'a>(row: &impl NamedRow<'a, Pg>) -> deserialize::Result<Self> {
        let fits = NamedRow::get::<Bool, bool>(row, "fits")?;
        let task = fits.then(|| TaskSummary::build(row)).transpose()?;
        Ok(Self(task))
    }
}

#[derive(QueryableByName)]
struct TimeRow {
    #[diesel(sql_type = Timestamptz)]
    now: OffsetDateTime,
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

impl Store {
    /// The time by the database's clock.
    pub async fn time(&self) -> Result<OffsetDateTime, StoreError> {
        let row: TimeRow = self
            .pools
            .run_read("read the clock", async |connection| {
                Prepared(diesel::sql_query("SELECT clock_timestamp() AS now"))
                    .get_result(connection)
                    .await
            })
            .await?;
        Ok(row.now)
    }

    /// Returns the ids of a page of tasks.
    pub async fn list_ids(&self, filter: &TaskFilter) -> Result<TaskIds, StoreError> {
        self.pools
            .run_read("list task ids", async |connection| {
                let tag = rarest_tag(connection, &filter.tags).await?;
                let sources = smallest(connection, filter, tag.as_deref()).await?;
                let ranges = filter.id_ranges(&sources);
                let sql = page_of_ids(&sources, filter.sort.order());
                let budget = filter.budget(&sources, ranges.len());
                let query = bind(sql, filter, tag.as_deref(), &ranges, budget);
                let found: Vec<ListEntry> = Prepared(query).load(connection).await?;
                let (length, next) = cut(found.iter(), filter.limit);
                let entries = found.iter().take(length).filter(|entry| entry.fits);
                let task_ids = entries.map(|entry| entry.entry_task_id).collect();
                Ok(TaskIds { task_ids, next })
            })
            .await
    }

    /// Returns a page of tasks.
    pub async fn list(&self, filter: &TaskFilter) -> Result<TaskList, StoreError> {
        self.pools
            .run_read("list tasks", async |connection| {
                let tag = rarest_tag(connection, &filter.tags).await?;
                let sources = smallest(connection, filter, tag.as_deref()).await?;
                let ranges = filter.id_ranges(&sources);
                let sql = page(&sources, filter.sort.order());
                let budget = filter.budget(&sources, ranges.len());
                let query = bind(sql, filter, tag.as_deref(), &ranges, budget);
                let found: Vec<ListedRow> = Prepared(query).load(connection).await?;
                let (length, next) = cut(found.iter().map(|row| &row.entry), filter.limit);
                let rows = found.into_iter().take(length);
                let tasks = rows.filter_map(|row| row.task.0).collect();
                Ok(TaskList { tasks, next })
            })
            .await
    }
}

/// How many of the entries belong to the page, and where the next page begins.
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

/// The tag with the fewest tasks.
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

/// The set of sources with the fewest entries, of those that hold all matching tasks.
async fn smallest(
    connection: &mut AsyncPgConnection,
    filter: &TaskFilter,
    tag: Option<&str>,
) -> QueryResult<Vec<ListSource>> {
    let mut candidates = filter.candidates();
    if candidates.len() < 2 {
        return Ok(candidates.pop().unwrap_or_else(|| filter.everything()));
    }
    let ranges = whole_ranges();
    let query = bind(sizes(&candidates), filter, tag, &ranges, SIZE_LIMIT);
    let row: SizesRow = Prepared(query).get_result(connection).await?;
    let smallest = candidates.into_iter().zip(row.sizes);
    let smallest = smallest.min_by_key(|(_, size)| *size);
    Ok(smallest.map_or_else(|| filter.everything(), |(sources, _)| sources))
}

fn bind(
    sql: String,
    filter: &TaskFilter,
    tag: Option<&str>,
    ranges: &[IdRange],
    budget: i64,
) -> BoxedSqlQuery<'static, Pg, SqlQuery> {
    let statuses: Vec<&'static str> = filter.statuses.iter().map(|s| s.as_str()).collect();
    let priorities: Vec<Option<i16>> = ranges.iter().map(|range| range.priority).collect();
    let lows: Vec<Uuid> = ranges.iter().map(|range| range.low).collect();
    let highs: Vec<Uuid> = ranges.iter().map(|range| range.high).collect();
    // One task more than the limit shows whether there is a next page.
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
        .bind::<Nullable<Text>, _>(filter.error_code.clone())
        .bind::<Nullable<Text>, _>(filter.project.clone())
}

#[cfg(test)]
mod tests {
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
    fn a_page_ends_at_the_entry_that_used_up_a_budget() {
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
}
