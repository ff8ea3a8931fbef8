//! Requests whose answers are validated against the OpenAPI document.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::App;
use super::answers::header;
use super::client::{Reply, send};
use super::json_schema::Schemas;

/// An answer: method, path template, status, and the `code` of a problem document.
pub type Given = (String, String, String, Option<String>);

/// The OpenAPI document of a running service, and the answers received so far.
#[derive(Debug)]
pub struct Description {
    document: Value,
    given: Mutex<BTreeSet<Given>>,
}

/// Sends requests and validates their answers against the OpenAPI document.
pub struct Contract<'a> {
    app: &'a App,
    description: &'a Description,
}

impl<'a> Contract<'a> {
    /// Fetches the document from the service, once per app.
    pub async fn of(app: &'a App) -> Self {
        let read = || async {
            Description {
                document: app.get("/openapi.json").await.expect(200),
                given: Mutex::default(),
            }
        };
        Self {
            app,
            description: app.description.get_or_init(read).await,
        }
    }

    /// The OpenAPI document.
    pub fn document(&self) -> &'a Value {
        &self.description.document
    }

    /// All answers so far to requests that were sent through a contract of this app.
    pub fn given(&self) -> BTreeSet<Given> {
        let given = self.description.given.lock();
        given.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, |request| request).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, |request| request).await
    }

    /// POST of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(Method::POST, path, |request| request.json(body))
            .await
    }

    /// POST of JSON under an `Idempotency-Key`.
    pub async fn post_keyed(&self, path: &str, key: &str, body: &Value) -> Reply {
        let complete = |request: RequestBuilder| request.header("idempotency-key", key).json(body);
        self.send(Method::POST, path, complete).await
    }

    /// Sends any request; fails the test if the document does not describe its answer.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        complete: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Reply {
        let request = complete(self.app.request(method.clone(), path));
        let reply = send(request).await.expect("an answer");
        let name = method.as_str().to_lowercase();
        let template = template(self.document(), path);
        assert_described(self.document(), &template, &name, &reply);
        self.note((
            name,
            template,
            reply.status.as_str().to_owned(),
            reply.body["code"].as_str().map(str::to_owned),
        ));
        reply
    }

    fn note(&self, given: Given) {
        let all = self.description.given.lock();
        all.unwrap_or_else(PoisonError::into_inner).insert(given);
    }
}

/// The path template of the document: a fixed path takes precedence over one with parameters.
fn template(document: &Value, path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let described = document["paths"].as_object().expect("paths");
    let fits = |template: &str| {
        let pairs = || template.split('/').zip(path.split('/'));
        template.split('/').count() == path.split('/').count()
            && pairs().all(|(name, part)| name == part || name.starts_with('{'))
    };
    let fixed = described.keys().find(|template| *template == path);
    let found = fixed.or_else(|| described.keys().find(|template| fits(template)));
    found
        .unwrap_or_else(|| panic!("{path} is not described"))
        .clone()
}

/// Fails unless the document describes this status and the answer conforms to its schema.
pub fn assert_described(document: &Value, path: &str, method: &str, reply: &Reply) {
    let status = reply.status.as_str();
    let described = &document["paths"][path][method]["responses"][status];
    assert!(
        described.is_object(),
        "{method} {path} {status} is not described: {}",
        reply.body
    );
    assert!(
        reply.headers.contains_key("x-correlation-id"),
        "{method} {path} {status} has no correlation id"
    );
    if status == "204" {
        assert_eq!(reply.body, Value::Null);
        return;
    }
    let kind = header(&reply.headers, "content-type")
        .split(';')
        .next()
        .expect("a type");
    let schema = &described["content"][kind]["schema"];
    assert!(
        schema.is_object(),
        "{method} {path} {status}: {kind} is not described"
    );
    let complaints = Schemas(document).complaints(schema, &reply.body, "$");
    assert_eq!(
        complaints,
        Vec::<String>::new(),
        "{method} {path} {status}: {}",
        reply.body
    );
}
