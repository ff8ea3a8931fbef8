//! Page cursors as clients see them: opaque, and valid for one sort order.

use uuid::Uuid;

use crate::store::{Cursor, Sort};

const SORTS: [(Sort, &str, char); 4] = [
    (Sort::Newest, "-submitted_at", 'n'),
    (Sort::Oldest, "submitted_at", 'o'),
    (Sort::HighestPriority, "-priority", 'h'),
    (Sort::LowestPriority, "priority", 'l'),
];

/// The names of all sort orders, for messages.
pub const SORT_NAMES: &str = "submitted_at, -submitted_at, priority, -priority";

/// The sort order of this name.
pub fn sort(name: &str) -> Option<Sort> {
    let named = SORTS.into_iter().find(|(_, known, _)| *known == name);
    named.map(|(sort, ..)| sort)
}

/// Encodes a cursor as text.
pub fn encode(sort: Sort, cursor: Cursor) -> String {
    let named = SORTS.into_iter().find(|(known, ..)| *known == sort);
    let letter = named.map_or('n', |(.., letter)| letter);
    let Cursor { priority, task_id } = cursor;
    format!("{letter}{priority:02}{}", task_id.simple())
}

/// Decodes a cursor and its sort order; `None` if the text is not a cursor.
pub fn decode(text: &str) -> Option<(Sort, Cursor)> {
    let (letter, rest) = text.split_at_checked(1)?;
    let (priority, task_id) = rest.split_at_checked(2)?;
    let (sort, ..) = SORTS
        .into_iter()
        .find(|(.., known)| letter.starts_with(*known))?;
    let priority = priority.parse().ok().filter(|p| (0..=10).contains(p))?;
    let task_id = Uuid::try_parse(task_id).ok()?;
    Some((sort, Cursor { priority, task_id }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for (sort, ..) in SORTS {
            for priority in [0, 10] {
                let task_id = Uuid::from_u128(u128::MAX / 3);
                let cursor = Cursor { priority, task_id };
                assert_eq!(decode(&encode(sort, cursor)), Some((sort, cursor)));
            }
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let id = Uuid::nil().simple();
        for text in [
            "",
            "x",
            "\0",
            "ü05",
            "n",
            "n5",
            &format!("n11{id}"),
            &format!("n-1{id}"),
            &format!("z05{id}"),
            "n05xyz",
        ] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
