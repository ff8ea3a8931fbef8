//! Methods that a path does not have.

use std::collections::BTreeSet;

use reqwest::Method;
use uuid::Uuid;

use super::operations::Operation;
use crate::support::answers::header;
use crate::support::client::send;
use crate::support::contract::Contract;
use crate::support::{App, QueueKind};

const METHODS: [Method; 5] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];

#[tokio::test]
async fn a_path_refuses_every_other_method_and_names_those_that_it_has() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let api = Contract::of(&app).await;
    for operation in Operation::all(api.document()) {
        let described = &api.document()["paths"][operation.path];
        let is_there = |method: &&Method| described[method.as_str().to_lowercase()].is_object();
        let (there, others): (Vec<_>, Vec<_>) = METHODS.iter().partition(is_there);
        for method in others {
            let path = operation.at(&Uuid::now_v7().to_string(), "w");
            let refused = send(app.request(method.clone(), &path)).await;
            let refused = refused.expect("an answer");
            let allowed: BTreeSet<&str> = header(&refused.headers, "allow").split(", ").collect();
            let there: BTreeSet<&str> = there.iter().map(|method| method.as_str()).collect();
            assert_eq!(allowed, there, "{path}");
            assert_eq!(refused.expect_problem(405), "method_not_allowed", "{path}");
        }
    }
}
