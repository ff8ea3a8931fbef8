//! Chi-squared tests of counts.

use std::collections::BTreeMap;

/// The probability that a chi-squared variable of so many degrees of freedom exceeds the value.
pub(crate) fn chi_squared_tail(value: f64, degrees: usize) -> f64 {
    if degrees == 0 || value <= 0.0 {
        return 1.0;
    }
    upper_gamma(degrees as f64 / 2.0, value / 2.0)
}

/// The regularized upper incomplete gamma function, by its series or its continued fraction
/// (Abramowitz and Stegun 6.5.29 and 6.5.31).
fn upper_gamma(a: f64, x: f64) -> f64 {
    let scale = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        while term > sum * 1e-16 {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        return 1.0 - sum * scale;
    }
    let mut fraction = 0.0;
    for n in (1..2000).rev() {
        let n = f64::from(n);
        fraction = n * (a - n) / (x + 2.0 * n + 1.0 - a + fraction);
    }
    scale / (x + 1.0 - a + fraction)
}

/// Stirling's series, after shifting the argument up.
fn ln_gamma(mut x: f64) -> f64 {
    let mut shift = 0.0;
    while x < 10.0 {
        shift -= x.ln();
        x += 1.0;
    }
    let series = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3)) + 1.0 / (1260.0 * x.powi(5));
    shift + (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series
}

/// How likely counts at least this far from the exact probabilities are.
pub(crate) fn against_exact(counts: &BTreeMap<String, u64>, exact: &BTreeMap<String, f64>) -> f64 {
    let shots = counts.values().sum::<u64>() as f64;
    if counts
        .keys()
        .any(|key| exact.get(key).copied().unwrap_or(0.0) < 1e-12)
    {
        return 0.0;
    }
    let cells = exact.iter().map(|(key, probability)| {
        (
            counts.get(key).copied().unwrap_or(0) as f64,
            probability * shots,
        )
    });
    let cells: Vec<(f64, f64)> = pool(cells, |expected| expected.1 >= 5.0);
    let value = cells
        .iter()
        .map(|(seen, expected)| (seen - expected).powi(2) / expected)
        .sum();
    chi_squared_tail(value, cells.len().saturating_sub(1))
}

/// How likely two samples at least this different are, if both come from the same circuit.
pub(crate) fn against_sample(counts: &BTreeMap<String, u64>, other: &BTreeMap<String, u64>) -> f64 {
    let (n, m) = (
        counts.values().sum::<u64>() as f64,
        other.values().sum::<u64>() as f64,
    );
    let mut keys: Vec<&String> = counts.keys().chain(other.keys()).collect();
    keys.sort();
    keys.dedup();
    let of =
        |from: &BTreeMap<String, u64>, key: &String| from.get(key).copied().unwrap_or(0) as f64;
    let cells = keys
        .into_iter()
        .map(|key| (of(counts, key), of(other, key)));
    let cells = pool(cells, |(a, b)| a + b >= 20.0);
    let (up, down) = ((m / n).sqrt(), (n / m).sqrt());
    let value = cells
        .iter()
        .map(|(a, b)| (up * a - down * b).powi(2) / (a + b))
        .sum();
    chi_squared_tail(value, cells.len().saturating_sub(1))
}

/// Puts cells that are too small for the test together.
fn pool(
    cells: impl Iterator<Item = (f64, f64)>,
    large: impl Fn(&(f64, f64)) -> bool,
) -> Vec<(f64, f64)> {
    let (mut kept, rest): (Vec<_>, Vec<_>) = cells.partition(large);
    let rest = rest
        .iter()
        .fold((0.0, 0.0), |sum, cell| (sum.0 + cell.0, sum.1 + cell.1));
    if rest.0 + rest.1 >= 1.0 {
        kept.push((rest.0, rest.1.max(1.0)));
    }
    kept
}

#[test]
fn the_tail_of_the_chi_squared_distribution_has_its_known_values() {
    for (value, degrees, expected) in [
        (3.841_459, 1, 0.05),
        (16.918_978, 9, 0.05),
        (29.588_298, 10, 0.001),
        (0.554_300, 5, 0.99),
        (135.806_723, 100, 0.01),
    ] {
        let tail = chi_squared_tail(value, degrees);
        assert!((tail - expected).abs() < 1e-6, "{value} {degrees}: {tail}");
    }
}

#[test]
fn wrong_counts_fail_the_test_and_right_ones_pass() {
    let exact = BTreeMap::from([("0".to_owned(), 0.5), ("1".to_owned(), 0.5)]);
    let counted = |zeros, ones| BTreeMap::from([("0".to_owned(), zeros), ("1".to_owned(), ones)]);
    assert!(against_exact(&counted(5020, 4980), &exact) > 0.1);
    assert!(against_exact(&counted(5400, 4600), &exact) < 1e-6);
    assert!(against_sample(&counted(5020, 4980), &counted(50, 50)) > 0.1);
    assert!(against_sample(&counted(5400, 4600), &counted(46_000, 54_000)) < 1e-6);
}
