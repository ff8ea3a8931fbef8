//! The documentation that the service serves: whole, linked, and without requests to other servers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use reqwest::Method;
use reqwest::header::{ACCEPT_ENCODING, IF_NONE_MATCH};
use serde_json::json;

use crate::support::answers::header;
use crate::support::chromium::Chromium;
use crate::support::client::{Reply, send};
use crate::support::skipped::report_skipped;
use crate::support::{App, QueueKind};

const ROOT: &str = "/docs/guide/";

/// Searches in the page, and returns what was found and what the page has loaded.
const SEARCH: &str = r"
    (async () => {
      const find = async (selector, fits) => {
        for (;;) {
          const found = [...document.querySelectorAll(selector)].filter(fits || (() => true));
          if (found.length) return found;
          await new Promise(done => setTimeout(done, 20));
        }
      };
      (await find('#mdbook-search-toggle'))[0].click();
      const field = (await find('#mdbook-searchbar'))[0];
      field.value = 'quarantine';
      field.dispatchEvent(new KeyboardEvent('input', {bubbles: true}));
      field.dispatchEvent(new KeyboardEvent('keyup', {bubbles: true, key: 'e'}));
      const results = await find('#mdbook-searchresults a');
      const chapters = await find('#mdbook-sidebar a');
      const loaded = performance.getEntriesByType('resource').map(entry => entry.name);
      return {results: results.length, chapters: chapters.length, loaded, script: document.documentElement.classList.contains('js')};
    })()";

async fn start() -> App {
    App::builder(QueueKind::Postgres).start().await
}

/// The values of an attribute in a page.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    let begin = format!(" {attribute}=\"");
    let parts = page.split(begin.as_str()).skip(1);
    parts.filter_map(|rest| rest.split('"').next()).collect()
}

/// The path to which a link of a page leads, and its anchor.
fn target(page: &str, link: &str) -> (String, Option<String>) {
    let base = url::Url::parse("http://guide").unwrap().join(page).unwrap();
    let url = base.join(link).unwrap();
    (url.path().to_owned(), url.fragment().map(str::to_owned))
}

fn is_elsewhere(link: &str) -> bool {
    link.contains("://") || link.starts_with("mailto:")
}

/// All files that can be reached from the first page: their paths and contents.
async fn crawl(app: &App) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut to_read = vec![ROOT.to_owned()];
    while let Some(path) = to_read.pop() {
        if files.contains_key(&path) {
            continue;
        }
        let reply = app.get(&path).await;
        assert_eq!(reply.status.as_u16(), 200, "{path}");
        let kind = header(&reply.headers, "content-type").to_owned();
        let text = reply.body.as_str().unwrap_or_default().to_owned();
        if kind.starts_with("text/html") {
            let links = [values(&text, "href"), values(&text, "src")].concat();
            let inside = links.into_iter().filter(|link| !is_elsewhere(link));
            to_read.extend(inside.map(|link| target(&path, link).0));
        }
        files.insert(path, text);
    }
    files
}

fn has_ending(path: &str, ending: &str) -> bool {
    Path::new(path).extension().is_some_and(|it| it == ending)
}

fn is_page(path: &str) -> bool {
    has_ending(path, "html") || path.ends_with('/')
}

#[tokio::test]
async fn every_page_and_every_link_of_the_guide_leads_somewhere() {
    let app = start().await;
    let files = crawl(&app).await;

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let names = fs::read_dir(folder).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    for name in names.filter(|name| name != "SUMMARY.md") {
        let page = name
            .replace("README.md", "index.md")
            .replace(".md", ".html");
        let path = format!("{ROOT}{page}");
        assert!(files.contains_key(&path), "no page links to {page}");
    }
    for (path, text) in files.iter().filter(|(path, _)| is_page(path)) {
        for link in values(text, "href")
            .into_iter()
            .filter(|it| !is_elsewhere(it))
        {
            let (to, anchor) = target(path, link);
            let Some(anchor) = anchor.filter(|_| is_page(&to)) else {
                continue;
            };
            let ids = values(&files[&to], "id");
            assert!(ids.contains(&anchor.as_str()), "{path}: {link}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn the_guide_loads_nothing_from_other_servers() {
    let app = start().await;
    let files = crawl(&app).await;
    assert!(
        files.keys().any(|path| path.contains("searcher")),
        "{:?}",
        files.keys()
    );
    for (path, text) in &files {
        let loaded = match path {
            page if is_page(page) => {
                let elements = text.split('<').filter(|it| !it.starts_with("a "));
                let loading =
                    elements.flat_map(|it| [values(it, "src"), values(it, "href")].concat());
                loading.collect::<Vec<_>>()
            }
            sheet if has_ending(sheet, "css") => {
                let loading = text
                    .split("url(")
                    .skip(1)
                    .chain(text.split("@import").skip(1));
                loading
                    .filter_map(|it| it.split([')', ';']).next())
                    .collect()
            }
            _ => Vec::new(),
        };
        for link in loaded {
            assert!(
                !link.contains("//") || link.contains("data:"),
                "{path} loads {link}"
            );
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn a_file_of_the_guide_is_sent_once_and_compressed_where_the_client_accepts_it() {
    let app = start().await;
    let with = |path: &'static str, name, value: String| {
        let request = app.request(Method::GET, path).header(name, value);
        async move { send(request).await.expect("an answer") }
    };
    let first = app.get(ROOT).await;
    let tag = header(&first.headers, "etag").to_owned();
    assert_eq!(header(&first.headers, "cache-control"), "no-cache");
    let again = with(ROOT, IF_NONE_MATCH, tag.clone()).await;
    assert_eq!((again.status.as_u16(), &again.body), (304, &json!(null)));

    let compressed = app
        .request(Method::GET, ROOT)
        .header(ACCEPT_ENCODING, "gzip");
    let compressed = compressed.send().await.expect("an answer");
    assert_eq!(header(compressed.headers(), "content-encoding"), "gzip");
    assert_ne!(header(compressed.headers(), "etag"), tag);
    let bytes = compressed.bytes().await.expect("a body");
    assert!(bytes.starts_with(&[0x1f, 0x8b]), "not gzip");
    assert!(bytes.len() < first.body.as_str().unwrap_or_default().len());

    let page = first.body.as_str().unwrap_or_default();
    let script = values(page, "src")
        .into_iter()
        .find(|it| it.starts_with("book-"));
    let script = app
        .get(&format!("{ROOT}{}", script.expect("a script")))
        .await;
    assert!(header(&script.headers, "cache-control").contains("immutable"));
    app.finish().await;
}

#[tokio::test]
async fn a_page_of_the_guide_may_run_its_own_scripts_only() {
    let app = start().await;
    let page = app.get(&format!("{ROOT}operations.html")).await;
    let policy = header(&page.headers, "content-security-policy");
    let scripts = policy
        .split(';')
        .find(|it| it.trim().starts_with("script-src"));
    let scripts = scripts.expect("a policy of scripts");
    assert!(
        scripts.contains("'self'") && scripts.contains("'sha256-"),
        "{policy}"
    );
    assert!(
        !scripts.contains("unsafe") && !policy.contains("http"),
        "{policy}"
    );
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert_eq!(header(&page.headers, "x-content-type-options"), "nosniff");
    app.finish().await;
}

#[tokio::test]
async fn the_guide_needs_no_token_and_unknown_pages_are_not_found() {
    let guarded = App::builder(QueueKind::Postgres)
        .env("QTASK_REQUIRE_TOKENS", "true")
        .start_unready()
        .await;
    let plain = reqwest::redirect::Policy::none();
    let client = crate::support::client::http_client_builder().redirect(plain);
    let client = client.build().expect("a client");
    let get = async |path: &str| -> Reply {
        let request = client.get(guarded.url(0, path));
        send(request).await.expect("an answer")
    };
    let moved = get("/docs/guide").await;
    assert_eq!(moved.status.as_u16(), 303);
    assert_eq!(header(&moved.headers, "location"), ROOT);
    get(ROOT).await.expect(200);
    for path in ["absent.html", "repository", "css/"] {
        let code = get(&format!("{ROOT}{path}")).await.expect_problem(404);
        assert_eq!(code, "not_found", "{path}");
    }
    get("/tasks").await.expect(401);
    guarded.abandon_work();
}

#[tokio::test]
async fn a_browser_searches_the_guide_without_other_servers() {
    let Some(program) = Chromium::locate() else {
        report_skipped("guide::a_browser_searches", "there is no chromium");
        return;
    };
    let app = start().await;
    let mut browser = Chromium::start(&program);
    let page = browser
        .open(&app.url(0, &format!("{ROOT}operations.html")))
        .await;
    let found = browser.evaluate(&page, SEARCH).await;
    assert!(found["results"].as_u64() > Some(0), "{found}");
    assert!(found["chapters"].as_u64() > Some(15), "{found}");
    assert_eq!(found["script"], true, "{found}");
    let loaded: BTreeSet<&str> = found["loaded"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|it| it.as_str())
        .collect();
    assert!(
        loaded.iter().any(|it| it.contains("searchindex")),
        "{loaded:?}"
    );
    let own = app.url(0, "/docs/guide/");
    assert!(
        loaded
            .iter()
            .all(|it| it.starts_with(&own) || it.starts_with("data:")),
        "{loaded:?}"
    );
    app.finish().await;
}
