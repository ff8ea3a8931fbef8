//! Page cursors as clients see them: opaque, and valid for one sort order.

use uuid::Uuid;

use crate::domain::pruning::{PrunePosition, TERMINAL};
use crate::domain::status::Status;
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

/// Encodes a position of a prune as text: the first letter of the status in upper case, priority, id.
pub fn encode_prune(position: PrunePosition) -> String {
    let PrunePosition {
        status,
        priority,
        after,
    } = position;
    let letter = letter(status);
    format!("{letter}{priority:02}{}", after.simple())
}

/// Decodes a position of a prune; `None` if the text is not one.
pub fn decode_prune(text: &str) -> Option<PrunePosition> {
    let (first, rest) = text.split_at_checked(1)?;
    let (priority, after) = rest.split_at_checked(2)?;
    let status = TERMINAL
        .into_iter()
        .find(|status| first.starts_with(letter(*status)))?;
    Some(PrunePosition {
        status,
        priority: priority.parse().ok().filter(|p| (0..=10).contains(p))?,
        after: Uuid::try_parse(after).ok()?,
    })
}

/// The letter of a terminal status; lists use lower case.
const fn letter(status: Status) -> char {
    match status {
        Status::Failed => 'F',
        Status::Cancelled => 'X',
        _ => 'C',
    }
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
    fn a_position_of_a_prune_is_read_as_it_was_written() {
        for status in TERMINAL {
            let position = PrunePosition {
                status,
                priority: 10,
                after: Uuid::from_u128(u128::MAX / 3),
            };
            assert_eq!(decode_prune(&encode_prune(position)), Some(position));
        }
        for text in ["", "C", "C11", "c05", "Z0500", "ü"] {
            assert_eq!(decode_prune(text), None, "{text}");
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
