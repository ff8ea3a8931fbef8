//! Reads `/metrics`.

use std::collections::BTreeMap;

use crate::support::App;
use crate::support::wait::{DEADLINE, eventually};

/// Every series and its value.
pub type Scraped = BTreeMap<String, f64>;

/// The text of a scrape; fails the test if it is not `OpenMetrics`.
pub async fn scrape_text(url: &str) -> String {
    let answer = reqwest::get(url).await.expect("an answer");
    let kind = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        kind.starts_with("application/openmetrics-text; version=1.0.0"),
        "{kind}"
    );
    let text = answer.text().await.expect("text");
    assert!(text.ends_with("# EOF\n"), "{text}");
    text
}

/// Every series and its value; fails where a line is none.
pub async fn scrape(url: &str) -> Scraped {
    let text = scrape_text(url).await;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            (series.to_owned(), value.parse().expect("a number"))
        })
        .collect()
}

/// The metrics of the first API.
pub async fn of_api(app: &App) -> Scraped {
    scrape(&app.url(0, "/metrics")).await
}

/// Waits until a series has at least this value.
pub async fn wait_for(url: &str, series: &str, least: f64) -> Scraped {
    eventually(DEADLINE, &format!("{series} >= {least}"), || async {
        let scraped = scrape(url).await;
        (value(&scraped, series) >= least).then_some(scraped)
    })
    .await
}

/// The value of a series, or 0.
pub fn value(scraped: &Scraped, series: &str) -> f64 {
    scraped.get(series).copied().unwrap_or_default()
}

/// Compares a series with its expected value.
pub fn assert_value(scraped: &Scraped, series: &str, expected: f64) {
    let found = value(scraped, series);
    assert!(
        (found - expected).abs() < 1e-9,
        "{series} is {found} instead of {expected}"
    );
}

/// Compares the growth of a series.
pub fn assert_grown(before: &Scraped, after: &Scraped, series: &str, by: f64) {
    let grown = value(after, series) - value(before, series);
    assert!(
        (grown - by).abs() < 1e-9,
        "{series} grew by {grown} instead of {by}"
    );
}
