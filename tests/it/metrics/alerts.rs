//! Alerts, their unit tests, the runbook and the dashboard name the same things as the code. `scripts/observability` evaluates
//! their expressions.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::documented::documented_names;

fn read(path: &str) -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    fs::read_to_string(format!("{root}/{path}")).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn after<'a>(text: &'a str, prefix: &str) -> Vec<&'a str> {
    let lines = text.lines().map(str::trim_start);
    lines.filter_map(|line| line.strip_prefix(prefix)).collect()
}

fn alerts() -> Vec<String> {
    let text = read("deploy/prometheus/alerts.yaml");
    let names = after(&text, "- alert: ");
    assert!(names.len() > 20, "{names:?}");
    names.into_iter().map(str::to_owned).collect()
}

/// The names of metrics in an expression, as the page has them.
pub fn metrics_in(expression: &str) -> impl Iterator<Item = String> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let named = words.filter(|word| word.starts_with("qtask_") || word.starts_with("process_"));
    named.map(|word| {
        let suffixes = ["_bucket", "_count", "_sum"];
        let histogram = suffixes.iter().find_map(|it| word.strip_suffix(it));
        histogram.unwrap_or(word).to_owned()
    })
}

fn dashboard() -> Value {
    serde_json::from_str(&read("deploy/grafana/qtask.json")).expect("a dashboard")
}

/// The queries of the dashboard with the titles of their panels.
pub fn expressions_of_the_dashboard() -> Vec<(String, String)> {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let queries = panels.flat_map(|panel| {
        let targets = panel["targets"].as_array().into_iter().flatten();
        targets.map(|target| (text(&panel["title"]), text(&target["expr"])))
    });
    queries.collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn assert_documented(what: &str, text: &str) {
    let documented = documented_names();
    let unknown: BTreeSet<String> = metrics_in(text)
        .filter(|name| !documented.contains(name))
        .collect();
    assert!(
        unknown.is_empty(),
        "{what}: docs/operations.md has no {unknown:?}"
    );
}

#[test]
fn every_alert_has_its_section_in_the_runbook_and_every_section_its_alert() {
    let page = read("docs/runbook.md");
    let sections: BTreeSet<&str> = after(&page, "### ").into_iter().collect();
    let alerts = alerts();
    let alerts: BTreeSet<&str> = alerts.iter().map(String::as_str).collect();
    assert_eq!(sections, alerts);
    for section in page.split("\n### ").skip(1) {
        let parts = ["Meaning: ", "Impact: ", "Look: ", "Act: ", "Over: "];
        let found = section.lines().filter_map(|line| {
            let found = parts.iter().find(|part| line.starts_with(**part));
            found.copied()
        });
        assert_eq!(found.collect::<Vec<_>>(), parts, "{section}");
    }
}

#[test]
fn every_alert_has_a_severity_texts_the_address_of_its_section_and_tests_in_which_it_fires_and_does_not()
 {
    let rules = read("deploy/prometheus/alerts.yaml");
    let tests = read("deploy/prometheus/alerts.test.yaml");
    let mut rules = rules.split("      - alert: ").skip(1);
    for name in alerts() {
        let rule = rules.next().expect("a rule");
        let severity = after(rule, "severity: ");
        assert!(
            matches!(severity[..], ["critical" | "warning" | "info"]),
            "{rule}"
        );
        for text in ["summary: ", "description: "] {
            assert_eq!(after(rule, text).len(), 1, "{rule}");
        }
        let address = format!("/docs/guide/runbook.html#{}", name.to_lowercase());
        assert!(
            after(rule, "runbook_url: ")[0].ends_with(&address),
            "{rule}"
        );
        for test in [
            format!("- name: {name} fires\n"),
            format!("- name: \"{name} is silent: "),
        ] {
            assert!(tests.contains(&test), "alerts.test.yaml has no {test}");
        }
        assert_documented(&name, rule);
    }
}

#[test]
fn the_dashboard_has_its_variables_and_rows_and_only_metrics_that_exist() {
    let dashboard = dashboard();
    let variables = dashboard["templating"]["list"]
        .as_array()
        .expect("variables");
    let variables: Vec<String> = variables.iter().map(|it| text(&it["name"])).collect();
    assert_eq!(variables, ["datasource", "backend", "instance"]);
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let rows = panels.filter(|panel| panel["type"] == "row");
    let rows: Vec<String> = rows.map(|row| text(&row["title"])).collect();
    assert_eq!(
        rows,
        [
            "Overview", "Queue", "Workers", "API", "Database", "Broker", "Process"
        ]
    );
    for (title, expression) in expressions_of_the_dashboard() {
        assert_documented(&title, &expression);
    }
}

#[test]
fn the_panels_of_the_dashboard_have_ids_and_places_of_their_own_and_show_something() {
    let dashboard = dashboard();
    let (mut ids, mut places) = (BTreeSet::new(), Vec::<[u64; 4]>::new());
    for panel in dashboard["panels"].as_array().expect("panels") {
        let title = text(&panel["title"]);
        assert!(
            ids.insert(panel["id"].as_u64()),
            "{title} has the id of another"
        );
        let place = ["x", "y", "w", "h"].map(|it| panel["gridPos"][it].as_u64().expect("a place"));
        let [x, y, w, h] = place;
        assert!(
            w > 0 && h > 0 && x + w <= 24,
            "{title} is outside of the grid"
        );
        let overlap = places.iter().any(|[left, top, width, height]| {
            x < left + width && *left < x + w && y < top + height && *top < y + h
        });
        assert!(!overlap, "{title} overlaps another");
        places.push(place);
        if panel["type"] == "row" {
            continue;
        }
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        assert!(
            panel["fieldConfig"]["defaults"]["unit"].is_string(),
            "{title}"
        );
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty(), "{title} shows nothing");
        for target in targets {
            assert_eq!(target["datasource"], panel["datasource"], "{title}");
            assert!(
                target["refId"].is_string() && target["expr"].is_string(),
                "{title}"
            );
        }
    }
}
