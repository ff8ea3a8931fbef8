//! The document itself: what can be checked of it without a request.

use std::collections::BTreeSet;

use serde_json::Value;

use super::operations::{Operation, codes};
use crate::support::contract::Contract;
use crate::support::json_schema::Schemas;
use crate::support::{App, QueueKind};

/// What everything below a value refers to.
fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    if let Some(reference) = value["$ref"].as_str() {
        found.insert(reference);
    }
    let (items, fields) = (value.as_array(), value.as_object());
    let items = items.into_iter().flatten();
    for part in items.chain(fields.into_iter().flat_map(|fields| fields.values())) {
        references(part, found);
    }
}

/// The names in braces.
fn in_braces(path: &str) -> BTreeSet<&str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .collect()
}

fn assert_parameters(operation: &Operation) {
    let parameters = operation.described["parameters"].as_array();
    let all: Vec<(&str, &str)> = parameters
        .into_iter()
        .flatten()
        .map(|it| {
            (
                it["in"].as_str().expect("a place"),
                it["name"].as_str().expect("a name"),
            )
        })
        .collect();
    let distinct: BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len(), "{operation:?}");
    let declared = all.iter().filter(|(place, _)| *place == "path");
    let declared: BTreeSet<&str> = declared.map(|(_, name)| *name).collect();
    assert_eq!(declared, in_braces(operation.path), "{operation:?}");
    for parameter in parameters.into_iter().flatten() {
        let in_path = parameter["in"] == "path";
        assert_eq!(parameter["required"], in_path, "{operation:?}");
    }
}

/// Whether a body has a member that asks for a dry run, or tells of one.
fn names_a_dry_run(document: &Value, holder: &Value) -> bool {
    let body = &holder["content"]["application/json"]["schema"];
    let schemas = Schemas(document);
    let schema = schemas.resolve(body);
    schema["properties"]["dry_run"].is_object()
}

fn assert_answers(document: &Value, operation: &Operation) {
    let successes = operation.statuses().filter(|it| it.starts_with('2'));
    let successes: Vec<&str> = successes.collect();
    if names_a_dry_run(document, &operation.described["requestBody"]) {
        // What is created has a status of its own; the answer to a dry run of it tells that nothing was.
        let creates = operation.answers("201");
        assert!(
            !creates || names_a_dry_run(document, operation.answer("200")),
            "{operation:?}"
        );
        let expected: &[_] = &["200", "201"];
        assert_eq!(
            successes,
            expected[..=usize::from(creates)],
            "{operation:?}"
        );
    } else {
        assert_eq!(successes.len(), 1, "{operation:?}");
    }
    for status in operation.statuses().filter(|it| *it >= "400") {
        let content = &operation.answer(status)["content"];
        let kinds: Vec<_> = content.as_object().expect("a body").iter().collect();
        let [(kind, body)] = kinds[..] else {
            panic!("{operation:?} {status}: {content}");
        };
        assert_eq!(kind, "application/problem+json", "{operation:?} {status}");
        let problem = "#/components/schemas/Problem";
        assert_eq!(body["schema"]["$ref"], problem, "{operation:?} {status}");
    }
    let conflicts = codes(operation.answer("409"));
    assert_eq!(
        operation.answers("409"),
        !conflicts.is_empty(),
        "{operation:?}"
    );
}

#[tokio::test]
async fn the_document_refers_to_nothing_that_is_not_there_and_names_nothing_twice() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let api = Contract::of(&app).await;
    let document = api.document();
    let mut found = BTreeSet::new();
    references(document, &mut found);
    for reference in &found {
        let pointer = reference
            .strip_prefix('#')
            .expect("a place in the document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    let schemas = document["components"]["schemas"].as_object();
    for schema in schemas.expect("schemas").keys() {
        let reference = format!("#/components/schemas/{schema}");
        assert!(found.contains(reference.as_str()), "{schema} is of no use");
    }

    let tags = document["tags"].as_array().expect("tags").iter();
    let tags: BTreeSet<&str> = tags.filter_map(|tag| tag["name"].as_str()).collect();
    let mut ids = BTreeSet::new();
    for operation in Operation::all(document) {
        assert!(ids.insert(operation.id()), "{} comes twice", operation.id());
        let tag = operation.described["tags"][0].as_str().expect("a tag");
        assert!(tags.contains(tag), "{operation:?}: {tag}");
        assert_parameters(&operation);
        assert_answers(document, &operation);
    }
}
