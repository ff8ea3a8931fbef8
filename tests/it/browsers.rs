//! A real browser: pages of other origins neither read nor change anything of a service without tokens.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;

use crate::support::chromium::Chromium;
use crate::support::client::send;
use crate::support::http_worker::HttpWorker;
use crate::support::mocks::mock;
use crate::support::skipped::report_skipped;
use crate::support::{App, QueueKind};

/// What a page tries, on the API at `api` ("" is its own origin) with an existing task and worker. Each attempt gives what it
/// could read, or why it could not.
const ATTEMPTS: &str = r#"
async (api, task, worker) => {
  const circuit = JSON.stringify({circuit: 'sent by a page', backend: 'mock'});
  const read = async (path, options) => {
    try {
      const response = await fetch(api + path, options);
      return response.type === 'opaque' ? 'opaque' : response.status + ' ' + await response.text();
    } catch (error) { return 'failed'; }
  };
  const load = (name, path) => new Promise(done => {
    const element = document.createElement(name);
    element.onload = () => done('loaded');
    element.onerror = () => done('failed');
    element.src = api + path;
    document.body.append(element);
  });
  const frame = (element, begin) => new Promise(done => {
    // Loads its empty page at once.
    document.body.append(element);
    // A frame loads an error page where it may not show the answer: only what is readable counts.
    element.onload = () => {
      try { done('read ' + element.contentDocument.body.innerText.slice(0, 80)); } catch (error) { done('failed'); }
    };
    begin();
  });
  const show = path => {
    const element = document.createElement('iframe');
    return frame(element, () => { element.src = api + path; });
  };
  const submit = (path, type, name, value) => {
    const element = document.createElement('iframe');
    element.name = 'frame' + Math.random();
    const form = document.createElement('form');
    Object.assign(form, {action: api + path, method: 'post', enctype: type, target: element.name});
    const input = document.createElement('input');
    Object.assign(input, {name, value});
    form.append(input);
    return frame(element, () => { document.body.append(form); form.submit(); });
  };
  const follow = path => new Promise(done => {
    const source = new EventSource(api + path);
    const end = result => { source.close(); done(result); };
    source.onopen = () => end('opened');
    source.onerror = () => end('failed');
  });
  return {
    'read': await read('/tasks'),
    'read without CORS': await read('/tasks', {mode: 'no-cors'}),
    'head': await read('/tasks', {method: 'HEAD'}),
    'read with credentials': await read('/tasks', {credentials: 'include'}),
    'description': await read('/openapi.json'),
    'pages': await read('/docs/'),
    'submit as text': await read('/tasks', {method: 'POST', body: circuit, headers: {'content-type': 'text/plain'}}),
    'submit as text without CORS': await read('/tasks', {method: 'POST', body: circuit, mode: 'no-cors'}),
    'submit': await read('/tasks', {method: 'POST', body: circuit, headers: {'content-type': 'application/json'}}),
    'submit with a key': await read('/tasks', {method: 'POST', body: circuit,
      headers: {'content-type': 'application/json', 'idempotency-key': 'k' + Math.random()}}),
    'cancel': await read('/tasks/' + task, {method: 'DELETE'}),
    'drain': await read('/workers/' + worker + '/drain', {method: 'POST'}),
    'drain without CORS': await read('/workers/' + worker + '/drain', {method: 'POST', mode: 'no-cors'}),
    'resume without CORS': await read('/workers/' + worker + '/resume', {method: 'POST', mode: 'no-cors'}),
    'beacon': String(navigator.sendBeacon(api + '/workers/' + worker + '/drain')) && 'sent',
    'follow': await follow('/tasks/' + task + '/events'),
    'image': await load('img', '/tasks/' + task),
    'script': await load('script', '/docs/swagger-ui-bundle.js'),
    'frame': await show('/docs/'),
    'form': await submit('/tasks', 'application/x-www-form-urlencoded', 'circuit', 'sent by a form'),
    'form as text': await submit('/tasks', 'text/plain', '{"circuit": "sent by a form", "name": "', '"}'),
    'form that drains': await submit('/workers/' + worker + '/drain', 'text/plain', '', ''),
  };
}"#;

/// A web server of pages below `/page`, which passes all other requests on to the service unchanged. A page from it therefore
/// is what a page is whose name was rebound: its own host and port lead to the service.
struct Site {
    port: u16,
    service: Arc<OnceCell<SocketAddr>>,
    serving: JoinHandle<()>,
}

impl Site {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let service = Arc::new(OnceCell::new());
        let known = Arc::clone(&service);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let known = Arc::clone(&known);
                // A browser that hangs up ends its connection only.
                tokio::spawn(async move { drop(answer(stream, &known).await) });
            }
        });
        Self {
            port,
            service,
            serving,
        }
    }

    fn url(&self, host: &str) -> String {
        format!("http://{host}:{}", self.port)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(mut browser: TcpStream, service: &OnceCell<SocketAddr>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        if browser.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    if head.starts_with(b"GET /page") {
        let page = "<!doctype html><title>page</title><body>page</body>";
        let length = page.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{page}"
        );
        return browser.write_all(answer.as_bytes()).await;
    }
    let address = service.get().expect("the service listens");
    let mut service = TcpStream::connect(address).await?;
    service.write_all(&head).await?;
    copy_bidirectional(&mut browser, &mut service).await?;
    Ok(())
}

/// A service with one task that waits and one worker, and a page of `listed.example` that may use it.
struct Scene {
    site: Site,
    app: App,
    browser: Chromium,
    task: String,
}

const WORKER: &str = "lab-1";

impl Scene {
    async fn start(browser: Chromium) -> Self {
        let site = Site::start().await;
        let app = App::builder(QueueKind::Postgres)
            .env("CORS_ORIGINS", &site.url("listed.example"))
            .env("QTASK_LEASE_DURATION", "1h")
            .start()
            .await;
        let address = app.url(0, "").replace("http://", "");
        site.service
            .set(address.parse().expect("an address"))
            .expect("one service");
        HttpWorker::register(&app, WORKER, "mock").await;
        let task = app.submit(&mock("sent by a program")).await.to_string();
        Self {
            site,
            app,
            browser,
            task,
        }
    }

    /// What a page of this host gets from the API.
    async fn attempts(&mut self, host: &str, api: &str) -> serde_json::Map<String, Value> {
        let page = self
            .browser
            .open(&format!("{}/page", self.site.url(host)))
            .await;
        let arguments = json!([api, self.task, WORKER]).to_string();
        let expression = format!("({ATTEMPTS})(...{arguments})");
        let results = self.browser.evaluate(&page, &expression).await;
        results.as_object().expect("results").clone()
    }

    /// Tasks, tasks with a cancel, and workers that drain.
    async fn state(&self) -> [i64; 3] {
        let count = async |query: &str| self.app.database.count(query, &[]).await;
        [
            count("SELECT count(*) FROM tasks").await,
            count("SELECT count(*) FROM tasks WHERE current_status = 'cancelled'").await,
            count("SELECT count(*) FROM workers WHERE draining_since IS NOT NULL").await,
        ]
    }

    async fn assert_untouched(&self, host: &str, results: &serde_json::Map<String, Value>) {
        for (what, result) in results {
            let result = result.as_str().unwrap_or_default();
            let learnt_nothing = ["failed", "opaque", "sent"].contains(&result)
                || result.starts_with("403 ") && result.contains("foreign_host")
                || result == "403 "
                || result.starts_with("read ") && result.contains("foreign_host");
            assert!(learnt_nothing, "{host}, {what}: {result}");
        }
        assert_eq!(self.state().await, [1, 0, 0], "{host}");
    }
}

#[tokio::test]
async fn pages_of_other_origins_read_and_change_nothing_and_listed_and_own_pages_do() {
    let Some(program) = Chromium::locate() else {
        report_skipped(
            "pages_of_other_origins_read_and_change_nothing_and_listed_and_own_pages_do",
            "this machine has no chromium",
        );
        return;
    };
    let mut scene = Scene::start(Chromium::start(&program)).await;
    let api = scene.app.url(0, "");
    let by_name = api.replace("127.0.0.1", "localhost");
    for (host, api, code) in [
        ("foreign.example", api.as_str(), "request.foreign_origin"),
        ("foreign.example", &by_name, "request.foreign_origin"),
        // Another program of this machine, on the same site as the API.
        ("localhost", &by_name, "request.foreign_origin"),
        ("rebound.example", "", "request.foreign_host"),
    ] {
        let refused = |scene: &Scene| scene.app.apis[0].events().all(|event| event.is(code)).len();
        let before = refused(&scene);
        let results = scene.attempts(host, api).await;
        scene.assert_untouched(host, &results).await;
        // The attempts arrived: the browser alone would not have kept them from the API.
        let count = refused(&scene) - before;
        assert!(count >= 15, "{host}: {count} requests");
    }

    // The same attempts succeed where they may: the test would notice if the others did.
    for (host, api) in [("listed.example", api.as_str()), ("127.0.0.1", "")] {
        let before = scene.state().await;
        scene.task = scene
            .app
            .submit(&mock("sent by a program"))
            .await
            .to_string();
        let results = scene.attempts(host, api).await;
        let starts = |what: &str, with: &str| {
            let result = results[what].as_str().unwrap_or_default();
            assert!(result.starts_with(with), "{host}, {what}: {result}");
        };
        starts("read", "200 {");
        starts("submit", "201 {");
        starts("cancel", "200 {");
        starts("drain", "200 {");
        starts("follow", "opened");
        let after = scene.state().await;
        assert!(after[0] >= before[0] + 3, "{host}: {before:?} {after:?}");
        assert_eq!(after[1], before[1] + 1, "{host}");
        let resume = format!("/workers/{WORKER}/resume");
        send(scene.app.request(Method::POST, &resume))
            .await
            .expect("an answer")
            .expect(200);
    }
    try_the_pages(&mut scene, &by_name).await;
    scene.app.abandon_work();
}

/// The pages at `/docs` send requests to their own origin.
async fn try_the_pages(scene: &mut Scene, api: &str) {
    const TRY: &str = r"
    (async operation => {
      const find = async (selector, inside) => {
        for (;;) {
          const found = (inside || document).querySelector(selector);
          if (found) return found;
          await new Promise(done => setTimeout(done, 20));
        }
      };
      const block = await find('#' + operation);
      (await find('.opblock-summary-control', block)).click();
      (await find('.try-out__btn', block)).click();
      (await find('.execute', block)).click();
      return (await find('.live-responses-table .response .response-col_status', block)).innerText;
    })";
    let before = scene.state().await;
    let page = scene.browser.open(&format!("{api}/docs/")).await;
    for (operation, status) in [
        ("operations-tasks-list_tasks", "200"),
        ("operations-tasks-submit_task", "201"),
    ] {
        let expression = format!("{TRY}({})", json!(operation));
        let shown = scene.browser.evaluate(&page, &expression).await;
        let shown = shown.as_str().unwrap_or_default();
        assert!(shown.starts_with(status), "{operation}: {shown}");
    }
    assert_eq!(scene.state().await[0], before[0] + 1);
}
