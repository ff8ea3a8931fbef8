//! The operations with what each demands of its caller, and the responses to unknown paths and methods.

mod backends;
mod cancel;
mod cancel_many;
mod circuits;
mod claim;
mod events;
mod health;
mod logs;
mod metrics;
mod prune;
mod rerun;
mod settle;
mod submit;
mod tasks;
mod tokens;
mod workers;

use std::sync::LazyLock;

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, Resource, Route, middleware, web};

use super::Problem;
use super::guard::{self, Admission};
use crate::domain::access::Scope;

pub use backends::{__path_list_backends, __path_pause_backend, __path_resume_backend};
pub use cancel::__path_cancel_task;
pub use cancel_many::__path_cancel_tasks;
pub use circuits::__path_check_circuit;
pub use claim::__path_claim_tasks;
pub use events::__path_follow_task;
pub use health::{__path_health, __path_livez, __path_readyz};
pub use logs::{__path_append_logs, __path_read_logs};
pub use metrics::__path_metrics;
pub use prune::__path_prune_tasks;
pub use rerun::{__path_rerun_task, __path_rerun_tasks};
pub use settle::{__path_complete_task, __path_fail_task, __path_release_task};
pub use submit::{__path_submit_batch, __path_submit_task};
pub use tasks::{__path_list_tasks, __path_read_task};
pub use tokens::{__path_create_token, __path_list_tokens, __path_revoke_token};
pub use workers::{
    __path_drain_worker, __path_heartbeat, __path_list_workers, __path_read_worker,
    __path_register_worker, __path_resume_worker,
};

/// An operation of the API.
pub struct Operation {
    method: Method,
    path: &'static str,
    admission: Admission,
    route: Route,
}

impl Operation {
    /// The place of the operation in the OpenAPI document, and what it demands of its caller.
    pub fn admission(&self) -> (String, &'static str, Admission) {
        let method = self.method.as_str().to_lowercase();
        (method, self.path, self.admission)
    }

    fn into_route(self) -> Route {
        let admission = self.admission;
        self.route.wrap(middleware::from_fn(move |request, next| {
            guard::admit(admission, request, next)
        }))
    }
}

/// Declares an operation for each line: method, path, what it demands of its caller, handler.
macro_rules! operations {
    ($($method:ident $path:literal $admission:expr => $handler:path,)+) => {
        vec![$(Operation {
            method: Method::$method,
            path: $path,
            admission: $admission,
            route: web::method(Method::$method).to($handler),
        }),+]
    };
}

/// All operations. Of two paths that match a request, the first is taken: fixed paths stand before those with parameters.
#[rustfmt::skip]
pub fn operations() -> Vec<Operation> {
    const READ: Admission = Admission::Scope(Scope::TasksRead);
    const STREAM: Admission = Admission::Waiting(Scope::TasksRead);
    const READ_WAITING: Admission = Admission::WaitingIfAsked(Scope::TasksRead);
    const WRITE: Admission = Admission::Scope(Scope::TasksWrite);
    const WORK: Admission = Admission::Scope(Scope::Workers);
    const WORK_WAITING: Admission = Admission::Waiting(Scope::Workers);
    const ADMIN: Admission = Admission::Scope(Scope::Admin);
    const PUBLIC: Admission = Admission::Public;
    operations! {
        GET "/tasks" READ => tasks::list_tasks,
        POST "/tasks" WRITE => submit::submit_task,
        GET "/tasks/{task_id}/events" STREAM => events::follow_task,
        POST "/tasks/batch" WRITE => submit::submit_batch,
        POST "/tasks/cancel" WRITE => cancel_many::cancel_tasks,
        POST "/tasks/rerun" WRITE => rerun::rerun_tasks,
        POST "/tasks/prune" ADMIN => prune::prune_tasks,
        GET "/tasks/{task_id}" READ_WAITING => tasks::read_task,
        DELETE "/tasks/{task_id}" WRITE => cancel::cancel_task,
        POST "/tasks/{task_id}/rerun" WRITE => rerun::rerun_task,
        POST "/circuits/check" READ => circuits::check_circuit,
        GET "/tasks/{task_id}/logs" READ => logs::read_logs,
        POST "/tasks/{task_id}/logs" WORK => logs::append_logs,
        POST "/tasks/{task_id}/complete" WORK => settle::complete_task,
        POST "/tasks/{task_id}/fail" WORK => settle::fail_task,
        POST "/tasks/{task_id}/release" WORK => settle::release_task,
        GET "/backends" READ => backends::list_backends,
        POST "/backends/{backend}/pause" ADMIN => backends::pause_backend,
        POST "/backends/{backend}/resume" ADMIN => backends::resume_backend,
        GET "/workers" READ => workers::list_workers,
        POST "/workers/register" WORK => workers::register_worker,
        POST "/workers/heartbeat" WORK => workers::heartbeat,
        GET "/workers/{worker_id}" READ => workers::read_worker,
        POST "/workers/{worker_id}/claim" WORK_WAITING => claim::claim_tasks,
        POST "/workers/{worker_id}/drain" ADMIN => workers::drain_worker,
        POST "/workers/{worker_id}/resume" ADMIN => workers::resume_worker,
        GET "/tokens" ADMIN => tokens::list_tokens,
        POST "/tokens" ADMIN => tokens::create_token,
        DELETE "/tokens/{token_id}" ADMIN => tokens::revoke_token,
        GET "/metrics" READ => metrics::metrics,
        GET "/health" PUBLIC => health::health,
        GET "/livez" PUBLIC => health::livez,
        GET "/readyz" PUBLIC => health::readyz,
    }
}

/// What the operation of this method and path pattern demands; `None` if there is none.
pub fn admission_of(method: &Method, pattern: &str) -> Option<Admission> {
    type Declared = (Method, &'static str, Admission);
    static TABLE: LazyLock<Vec<Declared>> = LazyLock::new(|| {
        let declared = |it: Operation| (it.method, it.path, it.admission);
        operations().into_iter().map(declared).collect()
    });
    let mut table = TABLE.iter();
    let found = table.find(|(of, path, _)| of == method && *path == pattern);
    found.map(|(_, _, admission)| *admission)
}

/// Configures all paths of the API.
pub fn configure(config: &mut web::ServiceConfig) {
    let mut paths: Vec<(&str, Vec<Operation>)> = Vec::new();
    for operation in operations() {
        match paths.iter_mut().find(|(path, _)| *path == operation.path) {
            Some((_, operations)) => operations.push(operation),
            None => paths.push((operation.path, vec![operation])),
        }
    }
    for (path, operations) in paths {
        config.service(resource(path, operations));
    }
}

/// A path; methods without an operation get a 405 with the list of allowed methods.
fn resource(path: &str, operations: Vec<Operation>) -> Resource {
    let allow = allowed_methods(&operations);
    let refuse = move |request: HttpRequest| {
        let refusal = Problem::method_not_allowed(request.method().as_str(), &allow);
        async { Err::<HttpResponse, _>(refusal) }
    };
    let resource = web::resource(path).default_service(web::to(refuse));
    let routes = operations.into_iter().map(Operation::into_route);
    routes.fold(resource, Resource::route)
}

/// The value of the `Allow` header: HEAD is answered wherever GET is.
fn allowed_methods(operations: &[Operation]) -> String {
    let methods = operations.iter().map(|operation| match operation.method {
        Method::GET => "GET, HEAD",
        ref method => method.as_str(),
    });
    methods.collect::<Vec<_>>().join(", ")
}

/// The response to unknown paths.
pub async fn not_found(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let detail = format!(
        "There is nothing at {}; the API is described at /docs.",
        request.path()
    );
    Err(Problem::new(StatusCode::NOT_FOUND, "not_found", detail))
}
