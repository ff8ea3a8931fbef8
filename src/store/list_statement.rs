//! The statements of a list: which indexes are read, and how far.
//!
//! Each index is read in its own order, between two of its keys, for at most a budget of entries; the filters are applied to the
//! entries. The planner therefore has no choice, with any statistics or none, and no page costs more than its budget.

use super::read::summary;

/// An index through which tasks are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListSource {
    /// All tasks, by id.
    Ids,
    /// Waiting and terminal tasks, by status.
    AtRest,
    /// Running tasks, all at once: there are at most as many as the workers have slots.
    Running,
    /// Tasks of one name.
    Name,
    /// Tasks of one problem.
    Problem,
    /// Tasks of any problem.
    Problems,
    /// Tasks with one tag.
    Tag,
    /// Tasks whose last attempt one worker ran, except running ones.
    Worker,
    /// Tasks of one backend that is not built in.
    Backend,
    /// Tasks of one project but `default`, except running ones.
    Project,
}

/// The order of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    /// By priority and then by id; otherwise by id alone.
    pub(super) by_priority: bool,
    /// Smallest first.
    pub(super) ascending: bool,
}

impl Order {
    const fn direction(self) -> &'static str {
        if self.ascending { "ASC" } else { "DESC" }
    }

    fn page_keys(self, of: &str) -> String {
        let direction = self.direction();
        if self.by_priority {
            format!("{of}.priority {direction}, {of}.task_id {direction}")
        } else {
            format!("{of}.task_id {direction}")
        }
    }
}

/// All statements have the same binds. Those that a statement does not use get their types here.
const INPUT: &str = "
WITH input AS (
    SELECT $1::text[] AS statuses, $2::text AS backend, $3::text AS problem_id, $4::text AS worker_id, $5::text AS name,
           $6::jsonb AS tags, $7::text AS tag, $8::boolean AS is_problem, $9::timestamptz AS submitted_from,
           $10::timestamptz AS submitted_before, $11::smallint[] AS priorities, $12::uuid[] AS lows, $13::uuid[] AS highs,
           $14::bigint AS budget, $15::bigint AS rows, $16::text AS error_code, $17::text AS project
)";

/// False, not NULL, if a compared column is NULL: the entry that uses up the budget is returned even if it does not fit.
const FITS: &str = "coalesce((cardinality($1) = 0 OR current_status::text = ANY ($1)) AND ($2 IS NULL OR backend = $2)
     AND ($3 IS NULL OR problem_id = $3) AND ($4 IS NULL OR last_worker_id = $4) AND ($5 IS NULL OR name = $5)
     AND tags @> $6 AND ($8 IS NULL OR (problem_id IS NOT NULL) = $8)
     AND ($9 IS NULL OR submitted_at >= $9) AND ($10 IS NULL OR submitted_at < $10)
     AND ($16 IS NULL OR error_code = $16) AND ($17 IS NULL OR project = $17), false)";

const COLUMNS: &str = "task_id, priority, current_status, backend, problem_id, last_worker_id, name, tags, submitted_at, error_code, project";

/// Reads `tasks_running`: the order is its only column. The limit is higher than any number of running tasks; the planner does not
/// know its value, and therefore does not choose to sort what it takes for most of the table.
const RUNNING: &str =
    "SELECT * FROM tasks WHERE session_id IS NOT NULL ORDER BY session_id LIMIT (SELECT 1000000)";

/// A scan of an index: its table, the predicate of the index, its leading columns, and their values.
struct IndexScan {
    table: &'static str,
    covers: &'static str,
    leading: &'static str,
    wanted: &'static str,
}

impl ListSource {
    const fn scan(self) -> IndexScan {
        let (covers, leading, wanted) = match self {
            Self::Ids | Self::Running => ("true", "", ""),
            Self::Problems => ("problem_id IS NOT NULL", "priority", "id_range.priority"),
            Self::AtRest => (
                "session_id IS NULL",
                "current_status, priority",
                "at_rest.status, id_range.priority",
            ),
            Self::Name => (
                "name IS NOT NULL",
                "name, priority",
                "$5, id_range.priority",
            ),
            Self::Problem => (
                "problem_id IS NOT NULL",
                "problem_id, priority",
                "$3, id_range.priority",
            ),
            Self::Tag => ("true", "tag, priority", "$7, id_range.priority"),
            Self::Worker => (
                "last_worker_id IS NOT NULL AND session_id IS NULL",
                "last_worker_id, priority",
                "$4, id_range.priority",
            ),
            Self::Backend => (
                "backend NOT IN ('simulator', 'mock')",
                "backend, priority",
                "$2, id_range.priority",
            ),
            Self::Project => (
                "project <> 'default' AND session_id IS NULL",
                "project, priority",
                "$17, id_range.priority",
            ),
        };
        let table = if matches!(self, Self::Tag) {
            "task_tags"
        } else {
            "tasks"
        };
        IndexScan {
            table,
            covers,
            leading,
            wanted,
        }
    }

    /// The ranges of the index that are read, one after the other.
    const fn ranges(self) -> &'static str {
        match self {
            Self::AtRest => {
                "unnest($11, $12, $13) AS id_range(priority, low, high)
     CROSS JOIN unnest('{pending,retrying,completed,failed,cancelled}'::task_status[]) AS at_rest(status)"
            }
            _ => "unnest($11, $12, $13) AS id_range(priority, low, high)",
        }
    }

    /// Condition: the range can hold matching tasks.
    const fn wanted_ranges(self) -> &'static str {
        match self {
            Self::AtRest => "cardinality($1) = 0 OR at_rest.status::text = ANY ($1)",
            _ => "true",
        }
    }

    /// The entries of one range in the order of the index, up to the budget. Whole keys are compared: equality of the leading
    /// columns would let the planner use the primary key for this order.
    fn entries(self, direction: &str, columns: &str) -> String {
        let IndexScan {
            table,
            covers,
            leading,
            wanted,
        } = self.scan();
        let (keys, low, high, order) = if leading.is_empty() {
            let order = format!("task_id {direction}");
            (
                "task_id".to_owned(),
                "id_range.low".to_owned(),
                "id_range.high".to_owned(),
                order,
            )
        } else {
            let order = leading.replace(',', &format!(" {direction},"));
            let order = format!("{order} {direction}, task_id {direction}");
            (
                format!("({leading}, task_id)"),
                format!("({wanted}, id_range.low)"),
                format!("({wanted}, id_range.high)"),
                order,
            )
        };
        format!(
            "SELECT {columns} FROM {table} WHERE {covers} AND {keys} > {low} AND {keys} < {high} ORDER BY {order} LIMIT $14"
        )
    }

    /// The first matching entries of each range, and the entry that used up the budget.
    fn found(self, direction: &str) -> String {
        if self == Self::Running {
            return format!(
                "SELECT task_id, t.priority, true AS fits, false AS spent FROM ({RUNNING}) AS t
     JOIN unnest($11, $12, $13) AS id_range(priority, low, high)
       ON id_range.priority = t.priority AND task_id > id_range.low AND task_id < id_range.high
     WHERE {FITS}"
            );
        }
        let (ranges, wanted) = (self.ranges(), self.wanted_ranges());
        let numbered = if self == Self::Tag {
            let entries = self.entries(direction, "task_id, priority");
            // The tag of a withdrawn task may be left; it counts as an entry.
            format!(
                "SELECT e.task_id, e.priority, {FITS} AS fits, e.entry
         FROM (SELECT *, row_number() OVER () AS entry FROM ({entries}) AS scanned) AS e
         LEFT JOIN LATERAL (SELECT * FROM tasks WHERE tasks.task_id = e.task_id OFFSET 0) AS t ON true"
            )
        } else {
            let entries = self.entries(direction, COLUMNS);
            format!(
                "SELECT task_id, priority, {FITS} AS fits, row_number() OVER () AS entry FROM ({entries}) AS scanned"
            )
        };
        format!(
            "SELECT found.* FROM {ranges} CROSS JOIN LATERAL (
         SELECT task_id, priority, fits, entry = $14 AS spent FROM ({numbered}) AS numbered WHERE fits OR entry = $14 LIMIT $15
     ) AS found WHERE {wanted}"
        )
    }

    /// The number of entries in all ranges, each counted up to the budget.
    fn size(self) -> String {
        if self == Self::Running {
            return format!("SELECT count(*) FROM ({RUNNING}) AS running");
        }
        let (ranges, wanted) = (self.ranges(), self.wanted_ranges());
        let entries = self.entries("DESC", "task_id");
        format!(
            "SELECT count(*) FROM {ranges} CROSS JOIN LATERAL ({entries}) AS entry WHERE {wanted}"
        )
    }
}

/// `found` and `page` of a page: its entries, in its order.
fn page_entries(sources: &[ListSource], order: Order) -> String {
    let found = sources.iter().map(|source| source.found(order.direction()));
    let found: Vec<_> = found.collect();
    let found = found.join("\n    UNION ALL ");
    let found_order = order.page_keys("found");
    format!(
        "{INPUT}, found AS (
     {found}
), page AS (
     SELECT task_id, priority, fits, spent FROM found ORDER BY {found_order} LIMIT $15
)
SELECT page.task_id AS entry_task_id, page.priority AS entry_priority, page.fits, page.spent"
    )
}

/// The statement of a page: `entry_task_id, entry_priority, fits, spent` in the order of the page, and the columns of each task
/// that matches, in one snapshot. The page ends at the first row that is `spent`: the range of that row was not read further.
///
/// `OFFSET 0` forces the planner to read each task of the page through the primary key.
pub(super) fn page(sources: &[ListSource], order: Order) -> String {
    let (entries, page_order) = (page_entries(sources, order), order.page_keys("page"));
    let columns = summary!();
    format!(
        "{entries}, t.*
FROM page LEFT JOIN LATERAL (
     SELECT {columns} FROM tasks t WHERE t.task_id = page.task_id AND page.fits OFFSET 0
) AS t ON true
ORDER BY {page_order}"
    )
}

/// The same without the columns of the tasks.
pub(super) fn page_of_ids(sources: &[ListSource], order: Order) -> String {
    let (entries, page_order) = (page_entries(sources, order), order.page_keys("page"));
    format!("{entries} FROM page ORDER BY {page_order}")
}

/// The statement that counts the entries of each set of sources, in order.
pub(super) fn sizes(candidates: &[Vec<ListSource>]) -> String {
    let size = |sources: &Vec<ListSource>| {
        let sizes: Vec<_> = sources.iter().map(|s| format!("({})", s.size())).collect();
        sizes.join(" + ")
    };
    let sizes: Vec<_> = candidates.iter().map(size).collect();
    format!(
        "{INPUT} SELECT ARRAY[{}]::bigint[] AS sizes",
        sizes.join(", ")
    )
}

/// The tag of `$1` with the fewest tasks, each counted up to `$2`.
pub(super) const RAREST_TAG: &str = "
SELECT wanted.tag FROM unnest($1) AS wanted(tag) CROSS JOIN LATERAL (
    SELECT count(*) AS size FROM (
        SELECT FROM task_tags WHERE task_tags.tag = wanted.tag ORDER BY task_tags.priority, task_id LIMIT $2
    ) AS entry
) AS counted
ORDER BY counted.size LIMIT 1";
