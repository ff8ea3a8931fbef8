//! The description of the API, proved from both sides: every answer that it names can be had from a running service,
//! every answer that was had is named, and the document itself is sound. Whatever is added to it and cannot be had
//! here fails a test.

mod admission;
mod conflicts;
mod document;
mod generated;
mod methods;
pub mod operations;
mod outages;
mod overload;
mod refusals;
mod scene;
mod successes;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::contract::{Contract, Given};
use operations::{Operation, codes};
use scene::Scene;

/// The body did not arrive within its 30 seconds: longer than a test may take.
const NOT_PROVOKED: &str = "408";

#[tokio::test]
async fn every_answer_that_is_described_can_be_had() {
    let scene = Scene::start().await;
    let api = Contract::of(&scene.app).await;
    let task = successes::provoke(&scene, &api).await;
    conflicts::provoke(&scene, &api, &task).await;
    refusals::provoke(&scene, &api).await;
    outages::provoke(&scene, &api, &task).await;
    overload::provoke(&scene, &api).await;
    let guarded = Contract::of(&scene.guarded).await;
    admission::provoke(&guarded).await;

    let given = &api.given() | &guarded.given();
    let missing: Vec<Given> = wanted(api.document())
        .into_iter()
        .filter(|wanted| !given.iter().any(|given| is(given, wanted)))
        .collect();
    assert!(missing.is_empty(), "never given: {missing:?}");
    let others = unnamed(api.document(), &given);
    assert!(others.is_empty(), "given by another code: {others:?}");
    scene.app.abandon_work();
}

/// Whether the answer is the one wanted; where no code is, any will do.
fn is(given: &Given, wanted: &Given) -> bool {
    let code = wanted.3.is_none() || given.3 == wanted.3;
    code && (&given.0, &given.1, &given.2) == (&wanted.0, &wanted.1, &wanted.2)
}

/// All answers of the description, once for each code that it names.
fn wanted(document: &Value) -> BTreeSet<Given> {
    let mut wanted = BTreeSet::new();
    for operation in Operation::all(document) {
        for status in operation.statuses().filter(|it| *it != NOT_PROVOKED) {
            let named = codes(operation.answer(status));
            let any = named.is_empty().then_some(None);
            for code in named.into_iter().map(Some).chain(any) {
                wanted.insert((
                    operation.name.to_owned(),
                    operation.path.to_owned(),
                    status.to_owned(),
                    code,
                ));
            }
        }
    }
    wanted
}

/// What was given by a code that its description does not name, although it names some.
fn unnamed<'a>(document: &Value, given: &'a BTreeSet<Given>) -> Vec<&'a Given> {
    let named = |(method, path, status, code): &Given| {
        let codes = codes(&document["paths"][path][method]["responses"][status]);
        codes.is_empty() || code.as_ref().is_some_and(|code| codes.contains(code))
    };
    given.iter().filter(|given| !named(given)).collect()
}
