//! A bar chart of counts.

use super::paint::{Colour, Paint};
use super::text;

/// Outcomes with a bar of their own.
const MOST_BARS: usize = 12;
/// A longer bar says no more.
const LONGEST_BAR: usize = 40;
/// A shorter one says nothing.
const SHORTEST_BAR: usize = 6;
/// From an eighth of a cell to seven eighths.
const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// The most frequent outcomes first, each with its count, its share and its bar; the rest in sum.
pub fn render(counts: &[(String, u64)], width: usize, paint: Paint) -> Vec<String> {
    let mut sorted: Vec<&(String, u64)> = counts.iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let total = sum(&sorted);
    let (shown, rest) = sorted.split_at(sorted.len().min(MOST_BARS));
    let mut rows: Vec<Row> = shown
        .iter()
        .map(|(outcome, count)| Row {
            label: text::fit_middle(&text::line(outcome), (width / 3).max(8)),
            count: *count,
            bar: true,
        })
        .collect();
    if !rest.is_empty() {
        rows.push(Row {
            label: format!("{} more", text::thousands(rest.len() as u64)),
            count: sum(rest),
            bar: false,
        });
    }
    Chart::new(&rows, total, width).lines(&rows, paint)
}

fn sum(counts: &[&(String, u64)]) -> u64 {
    counts
        .iter()
        .fold(0, |sum, (_, count)| sum.saturating_add(*count))
}

struct Row {
    label: String,
    count: u64,
    bar: bool,
}

struct Chart {
    label: usize,
    number: usize,
    bar: usize,
    highest: u64,
    total: u64,
}

impl Chart {
    fn new(rows: &[Row], total: u64, width: usize) -> Self {
        let widest = |of: &dyn Fn(&Row) -> usize| rows.iter().map(of).max().unwrap_or(0);
        let label = widest(&|row| text::width(&row.label));
        let number = widest(&|row| text::thousands(row.count).len());
        let room = width.saturating_sub(label + number + "    100.0 %  ".len());
        Self {
            label,
            number,
            bar: if room < SHORTEST_BAR {
                0
            } else {
                room.min(LONGEST_BAR)
            },
            highest: rows
                .iter()
                .filter(|row| row.bar)
                .map(|row| row.count)
                .max()
                .unwrap_or(0),
            total,
        }
    }

    fn lines(&self, rows: &[Row], paint: Paint) -> Vec<String> {
        rows.iter().map(|row| self.line(row, paint)).collect()
    }

    fn line(&self, row: &Row, paint: Paint) -> String {
        let padding = " ".repeat(self.label - text::width(&row.label));
        let number = format!("{:>1$}", text::thousands(row.count), self.number);
        let share = percent(row.count, self.total);
        if !row.bar {
            return paint.paint(
                Colour::Dim,
                &format!("{}{padding}  {number}  {share}", row.label),
            );
        }
        let bar = paint.paint(Colour::Cyan, &self.bar(row.count));
        let line = format!("{}{padding}  {number}  {share}  {bar}", row.label);
        line.trim_end().to_owned()
    }

    fn bar(&self, count: u64) -> String {
        let eighths = u128::from(count) * (self.bar as u128) * 8 / u128::from(self.highest.max(1));
        let eighths = usize::try_from(eighths).unwrap_or(0);
        let part = PARTS.get(eighths % 8).copied().unwrap_or_default();
        "█".repeat(eighths / 8) + part
    }
}

/// ` 48.6 %`, in whole tenths.
fn percent(count: u64, total: u64) -> String {
    let total = u128::from(total.max(1));
    let tenths = (u128::from(count) * 2000 + total) / (total * 2);
    format!("{:>5} %", format!("{}.{}", tenths / 10, tenths % 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(counts: &[(&str, u64)], width: usize) -> Vec<String> {
        let counts: Vec<_> = counts
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect();
        render(&counts, width, Paint(false))
    }

    #[test]
    fn the_most_frequent_outcome_comes_first_and_has_the_longest_bar() {
        assert_eq!(
            chart(&[("00", 256), ("01", 0), ("11", 768)], 40),
            [
                "11  768   75.0 %  ██████████████████████",
                "00  256   25.0 %  ███████▎",
                "01    0    0.0 %",
            ]
        );
    }

    #[test]
    fn what_has_no_bar_of_its_own_is_summed_up() {
        let names: Vec<String> = (0..1024).map(|n| format!("{n:010b}")).collect();
        let counts: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
        let lines = chart(&counts, 80);
        assert_eq!(lines.len(), MOST_BARS + 1);
        assert_eq!(lines[MOST_BARS], "1,012 more  1,012   98.8 %");
    }

    #[test]
    fn it_fits_whatever_the_width() {
        let long = "01".repeat(60);
        for width in 30..130 {
            for line in chart(&[(&long, 1_000_000), ("1", 1)], width) {
                assert!(text::width(&line) <= width, "{width}: {line}");
            }
        }
        assert_eq!(chart(&[("00", 5)], 20), ["00  5  100.0 %"]);
    }

    #[test]
    fn outcomes_from_elsewhere_cannot_command_the_terminal() {
        assert!(chart(&[("\u{1b}[2J", 1)], 80)[0].starts_with("\\u{1b}[2J  1"));
        assert_eq!(chart(&[("x", u64::MAX), ("y", u64::MAX)], 80).len(), 2);
    }
}
