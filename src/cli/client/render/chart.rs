//! A bar chart of counts, with the exact probabilities if known.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::paint::{Colour, Paint};
use super::text;

/// Maximum number of outcomes with a bar.
const MOST_BARS: usize = 12;
/// Maximum length of a bar, in cells.
const LONGEST_BAR: usize = 40;
/// Minimum length of a bar, in cells; the bars are omitted if they would be shorter.
const SHORTEST_BAR: usize = 6;
/// From an eighth of a cell to seven eighths.
const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// The most frequent outcomes first, each with its count, its share, its exact probability and its bar; the
/// remaining ones as a sum. Possible outcomes that were never counted follow those that were.
pub fn render(
    counts: &[(String, u64)],
    exact: Option<&BTreeMap<String, f64>>,
    width: usize,
    paint: Paint,
) -> Vec<String> {
    let sorted = outcomes(counts, exact);
    let total = sum(&sorted);
    let (shown, rest) = sorted.split_at(sorted.len().min(MOST_BARS));
    let longest_label = width / if exact.is_some() { 4 } else { 3 };
    let mut rows: Vec<Row> = shown
        .iter()
        .map(|outcome| Row {
            label: text::fit_middle(&text::line(outcome.name), longest_label.max(8)),
            count: outcome.count,
            exact: exact.map(|_| outcome.exact),
            bar: true,
        })
        .collect();
    if !rest.is_empty() {
        rows.push(Row {
            label: format!("{} more", text::thousands(rest.len() as u64)),
            count: sum(rest),
            exact: exact.map(|_| rest.iter().map(|outcome| outcome.exact).sum()),
            bar: false,
        });
    }
    Chart::new(&rows, total, exact.is_some(), width).lines(&rows, paint)
}

struct ChartedOutcome<'a> {
    name: &'a str,
    count: u64,
    exact: f64,
}

fn outcomes<'a>(
    counts: &'a [(String, u64)],
    exact: Option<&'a BTreeMap<String, f64>>,
) -> Vec<ChartedOutcome<'a>> {
    let mut left: BTreeMap<&str, f64> = exact
        .into_iter()
        .flatten()
        .map(|(name, exact)| (name.as_str(), *exact))
        .collect();
    let mut all: Vec<ChartedOutcome> = counts
        .iter()
        .map(|(name, count)| ChartedOutcome {
            name,
            count: *count,
            exact: left.remove(name.as_str()).unwrap_or(0.0),
        })
        .collect();
    let never_counted = left.into_iter().map(|(name, exact)| ChartedOutcome {
        name,
        count: 0,
        exact,
    });
    all.extend(never_counted);
    all.sort_by(|a, b| {
        let counted = Reverse(a.count).cmp(&Reverse(b.count));
        let likely = || b.exact.total_cmp(&a.exact);
        counted.then_with(likely).then_with(|| a.name.cmp(b.name))
    });
    all
}

fn sum(outcomes: &[ChartedOutcome<'_>]) -> u64 {
    let counts = outcomes.iter().map(|outcome| outcome.count);
    counts.fold(0, u64::saturating_add)
}

struct Row {
    label: String,
    count: u64,
    exact: Option<f64>,
    bar: bool,
}

struct Chart {
    label: usize,
    number: usize,
    bar: usize,
    highest: u64,
    total: u64,
    exact: bool,
}

impl Chart {
    fn new(rows: &[Row], total: u64, exact: bool, width: usize) -> Self {
        let widest = |of: &dyn Fn(&Row) -> usize| rows.iter().map(of).max().unwrap_or(0);
        let label = widest(&|row| text::width(&row.label));
        let title = if exact { "count".len() } else { 0 };
        let number = widest(&|row| text::thousands(row.count).len()).max(title);
        let beside = if exact { "  100.00 %".len() } else { 0 };
        let room = width.saturating_sub(label + number + "    100.0 %  ".len() + beside);
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
            exact,
        }
    }

    fn lines(&self, rows: &[Row], paint: Paint) -> Vec<String> {
        let lines = rows.iter().map(|row| self.line(row, paint));
        self.titles(paint).into_iter().chain(lines).collect()
    }

    /// Titles distinguish the two percentages.
    fn titles(&self, paint: Paint) -> Option<String> {
        let (label, number) = (self.label, self.number);
        let titles = || {
            format!(
                "{:label$}  {:>number$}  {:>7}  {:>8}",
                "", "count", "share", "exact"
            )
        };
        self.exact.then(|| paint.paint(Colour::Dim, &titles()))
    }

    fn line(&self, row: &Row, paint: Paint) -> String {
        let padding = " ".repeat(self.label - text::width(&row.label));
        let number = format!("{:>1$}", text::thousands(row.count), self.number);
        let share = percent(row.count, self.total);
        let exact = row.exact.map(|exact| format!("  {}", exact_percent(exact)));
        let exact = exact.unwrap_or_default();
        let values = format!("{}{padding}  {number}  {share}{exact}", row.label);
        if !row.bar {
            return paint.paint(Colour::Dim, &values);
        }
        let bar = paint.paint(Colour::Cyan, &self.bar(row.count));
        format!("{values}  {bar}").trim_end().to_owned()
    }

    fn bar(&self, count: u64) -> String {
        let eighths = u128::from(count) * (self.bar as u128) * 8 / u128::from(self.highest.max(1));
        let eighths = usize::try_from(eighths).unwrap_or(0);
        let part = PARTS.get(eighths % 8).copied().unwrap_or_default();
        "█".repeat(eighths / 8) + part
    }
}

/// ` 48.6 %`, in tenths.
fn percent(count: u64, total: u64) -> String {
    let total = u128::from(total.max(1));
    let tenths = (u128::from(count) * 2000 + total) / (total * 2);
    format!("{:>5} %", format!("{}.{}", tenths / 10, tenths % 10))
}

/// ` 48.63 %`; a probability that would round to 0 is shown as small.
pub fn exact_percent(probability: f64) -> String {
    let percent = probability * 100.0;
    if percent > 0.0 && percent < 0.005 {
        return "< 0.01 %".to_owned();
    }
    format!("{percent:>6.2} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(counts: &[(&str, u64)], width: usize) -> Vec<String> {
        let counts: Vec<_> = counts
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect();
        render(&counts, None, width, Paint(false))
    }

    fn with_exact(counts: &[(&str, u64)], exact: &[(&str, f64)], width: usize) -> Vec<String> {
        let own = |(name, value): &(&str, f64)| ((*name).to_owned(), *value);
        let exact = exact.iter().map(own).collect();
        let counts: Vec<_> = counts
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect();
        render(&counts, Some(&exact), width, Paint(false))
    }

    #[test]
    fn exact_probabilities_stand_beside_what_was_counted() {
        let exact = [
            ("00", 0.5),
            ("01", 0.000_001),
            ("10", 0.0),
            ("11", 0.499_999),
        ];
        assert_eq!(
            with_exact(&[("00", 256), ("11", 768)], &exact, 50),
            [
                "    count    share     exact",
                "11    768   75.0 %   50.00 %  ████████████████████",
                "00    256   25.0 %   50.00 %  ██████▋",
                "01      0    0.0 %  < 0.01 %",
                "10      0    0.0 %    0.00 %",
            ]
        );
    }

    #[test]
    fn what_has_no_bar_of_its_own_has_its_probabilities_summed_up() {
        let names: Vec<String> = (0..1024).map(|n| format!("{n:010b}")).collect();
        let exact: Vec<(&str, f64)> = names.iter().map(|n| (n.as_str(), 1.0 / 1024.0)).collect();
        let lines = with_exact(&[(names[5].as_str(), 3)], &exact, 80);
        assert!(lines[1].starts_with("0000000101      3  100.0 %    0.10 %  █"));
        assert_eq!(lines[MOST_BARS + 1], "1,012 more      0    0.0 %   98.83 %");
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
            let counts = [(long.as_str(), 1_000_000), ("1", 1)];
            for line in chart(&counts, width) {
                assert!(text::width(&line) <= width, "{width}: {line}");
            }
            // The second percentage takes ten more columns.
            for line in with_exact(&counts, &[(&long, 0.9)], width + 10) {
                assert!(text::width(&line) <= width + 10, "{width}: {line}");
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
