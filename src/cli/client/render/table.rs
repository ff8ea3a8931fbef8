//! Tables that fit the terminal: omits empty columns, and the least important ones if the width does not
//! suffice.

use super::paint::{Cell, Colour, Paint};
use super::text;

/// Blanks between two columns.
const GAP: usize = 2;
/// Minimum width of a flexible column.
const NARROWEST: usize = 12;

/// One column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    title: &'static str,
    right: bool,
    flexible: bool,
    /// Columns with the highest value are omitted first; 0 is never omitted.
    spare: u8,
}

impl Column {
    /// A column that is always shown.
    pub const fn new(title: &'static str) -> Self {
        Self {
            title,
            right: false,
            flexible: false,
            spare: 0,
        }
    }

    /// Right-aligned, for numbers.
    #[must_use]
    pub const fn right(self) -> Self {
        Self {
            right: true,
            ..self
        }
    }

    /// May be shortened.
    #[must_use]
    pub const fn flexible(self) -> Self {
        Self {
            flexible: true,
            ..self
        }
    }

    /// Omitted if the width does not suffice, the highest value first.
    #[must_use]
    pub const fn spare(self, spare: u8) -> Self {
        Self { spare, ..self }
    }
}

/// The visible columns and their widths; computed from the first rows, so that later rows align with them.
#[derive(Debug, Clone)]
pub struct Layout {
    columns: &'static [Column],
    widths: Vec<Option<usize>>,
}

impl Layout {
    /// Computes the layout for these rows and this terminal width.
    pub fn new(columns: &'static [Column], rows: &[Vec<Cell>], width: usize) -> Self {
        let widths = columns.iter().enumerate().map(|(place, column)| {
            let cells = rows.iter().filter_map(|row| row.get(place));
            let widest = cells
                .map(|cell| text::width(cell.text()))
                .max()
                .unwrap_or(0);
            (widest > 0 || column.spare == 0).then(|| widest.max(text::width(column.title)))
        });
        let mut layout = Self {
            columns,
            widths: widths.collect(),
        };
        while layout.narrowest() > width && layout.leave_one_out() {}
        layout.shrink(width);
        layout
    }

    fn total(&self, each: impl Fn(&Column, usize) -> usize) -> usize {
        let shown = self.columns.iter().zip(&self.widths);
        let widths: Vec<usize> = shown
            .filter_map(|(column, width)| width.map(|width| each(column, width)))
            .collect();
        widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
    }

    fn narrowest(&self) -> usize {
        self.total(|column, width| {
            if column.flexible {
                width.min(NARROWEST)
            } else {
                width
            }
        })
    }

    fn leave_one_out(&mut self) -> bool {
        let shown = self.columns.iter().zip(&mut self.widths);
        let least = shown
            .filter(|(column, width)| column.spare > 0 && width.is_some())
            .max_by_key(|(column, _)| column.spare);
        let Some((_, width)) = least else {
            return false;
        };
        *width = None;
        true
    }

    /// Shrinks the flexible columns to the width, from the last one.
    fn shrink(&mut self, width: usize) {
        let mut excess = self.total(|_, width| width).saturating_sub(width);
        for (column, width) in self.columns.iter().zip(&mut self.widths).rev() {
            if let Some(width) = width.as_mut().filter(|_| column.flexible) {
                let less = excess.min(width.saturating_sub(NARROWEST));
                *width -= less;
                excess -= less;
            }
        }
    }

    /// The line of titles.
    pub fn header(&self, paint: Paint) -> String {
        let titles: Vec<Cell> = self
            .columns
            .iter()
            .map(|column| Cell::coloured(column.title, Colour::Dim))
            .collect();
        self.row(&titles, paint)
    }

    /// One row.
    pub fn row(&self, cells: &[Cell], paint: Paint) -> String {
        let mut line = String::new();
        let mut owed = 0;
        let shown = self.columns.iter().zip(&self.widths).zip(cells);
        for ((column, width), cell) in shown {
            let Some(width) = *width else { continue };
            let fitted = text::fit(cell.text(), width);
            let padding = width.saturating_sub(text::width(&fitted));
            let (before, after) = if column.right {
                (padding, 0)
            } else {
                (0, padding)
            };
            // Pads only before the next text, so that lines have no trailing blanks.
            if fitted.is_empty() {
                owed += width + GAP;
            } else {
                line.push_str(&" ".repeat(owed + before));
                owed = after + GAP;
                line.push_str(&cell.with_text(fitted).show(paint));
            }
        }
        line
    }
}

/// A whole table.
pub fn render(
    columns: &'static [Column],
    rows: &[Vec<Cell>],
    width: usize,
    paint: Paint,
) -> Vec<String> {
    let layout = Layout::new(columns, rows, width);
    let body = rows.iter().map(|row| layout.row(row, paint));
    std::iter::once(layout.header(paint)).chain(body).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[
        Column::new("ID"),
        Column::new("STATUS"),
        Column::new("NAME").flexible().spare(1),
        Column::new("AGE").right().spare(3),
        Column::new("WORKER").spare(2),
        Column::new("ERROR").spare(4),
    ];

    fn rows() -> Vec<Vec<Cell>> {
        vec![
            vec![
                "a1".into(),
                Cell::status("completed"),
                "bell pair, the second".into(),
                "5 s".into(),
                "w1".into(),
                "".into(),
            ],
            vec![
                "b2".into(),
                Cell::status("pending"),
                "".into(),
                "12 min".into(),
                "".into(),
                "".into(),
            ],
        ]
    }

    fn at(width: usize) -> Vec<String> {
        render(COLUMNS, &rows(), width, Paint(false))
    }

    #[test]
    fn a_wide_terminal_shows_every_column_that_says_something() {
        assert_eq!(
            at(120),
            [
                "ID  STATUS     NAME                      AGE  WORKER",
                "a1  completed  bell pair, the second     5 s  w1",
                "b2  pending                           12 min",
            ]
        );
    }

    #[test]
    fn a_narrower_one_shortens_and_then_leaves_out_what_matters_least() {
        assert_eq!(at(46)[1], "a1  completed  bell pair, the…     5 s  w1");
        assert_eq!(at(36)[1], "a1  completed  bell pair, t…  w1");
        assert_eq!(at(28)[1], "a1  completed  bell pair, t…");
        assert_eq!(at(3)[1], "a1  completed");
        for width in 15..60 {
            for line in at(width) {
                assert!(text::width(&line) <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn colours_stand_around_the_text_and_not_around_the_blanks() {
        let table = render(COLUMNS, &rows(), 120, Paint(true));
        assert!(
            table[1].contains("\u{1b}[32mcompleted\u{1b}[0m  bell"),
            "{:?}",
            table[1]
        );
    }

    #[test]
    fn what_would_move_the_cursor_is_written_out() {
        let row = vec![vec![Cell::new("x\u{1b}[2J"), Cell::status("odd\n")]];
        let table = render(COLUMNS, &row, 120, Paint(false));
        assert_eq!(table[1], "x\\u{1b}[2J  odd\\n");
    }

    #[test]
    fn wide_characters_keep_the_columns_straight() {
        let rows = vec![
            vec!["1".into(), "量子".into(), "x".into()],
            vec!["2".into(), "abcd".into(), "y".into()],
        ];
        let table = render(COLUMNS, &rows, 120, Paint(false));
        assert_eq!(table[1..], ["1   量子    x", "2   abcd    y"]);
    }
}
