//! Renders the pages of `docs/SUMMARY.md` with mdBook, and lists the files of the site for `src/lib.rs`.
//!
//! A page of `docs/` has the same path in the site; other files of the repository that pages link to are below `repository/`. The
//! pages keep links that work in the repository; they are rewritten here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use mdbook_driver::MDBook;
use mdbook_driver::config::Config;
use pulldown_cmark::{Event, Options, Parser, Tag};
use sha2::{Digest, Sha256};

const SUMMARY: &str = "docs/SUMMARY.md";
/// Where files outside of `docs/` are in the site.
const OUTSIDE: &str = "repository/";
/// Written by mdBook, and not part of the site.
const UNUSED: [&str; 2] = [".nojekyll", "404.html"];

fn main() -> Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").context("no OUT_DIR")?);
    let book = out.join("book");
    if book.exists() {
        fs::remove_dir_all(&book)?;
    }
    let linked = stage(Path::new("../.."), &book.join("src"))?;
    let theme = "theme";
    for file in ["fonts/fonts.css", "guide.css"] {
        let path = book.join(theme).join(file);
        write(&path, &read(&Path::new(theme).join(file))?)?;
    }
    let config: Config = read(Path::new("book.toml"))?.parse()?;
    MDBook::load_with_config(&book, config)?.build()?;

    let mut files = BTreeMap::new();
    collect(&book.join("html"), "", &mut files)?;
    for (path, source) in linked {
        files.insert(path, fs::read(source)?);
    }
    files.retain(|path, _| !UNUSED.contains(&path.as_str()));
    let list = list(&files, &out.join("files"))?;
    fs::write(out.join("files.rs"), list)?;
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=book.toml");
    println!("cargo::rerun-if-changed=theme");
    Ok(())
}

/// Writes the pages with rewritten links. Returns the linked files that are not pages: path in the site, and source.
fn stage(repository: &Path, target: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut summary = read_page(repository, SUMMARY)?;
    append_unlisted(repository, &mut summary)?;
    let listed = links(&summary).into_iter();
    let pages: BTreeSet<String> = listed.map(|link| joined(SUMMARY, &link.to)).collect();
    let mut linked = BTreeMap::new();
    for page in pages.iter().map(String::as_str).chain([SUMMARY]) {
        let mut text = match page {
            SUMMARY => summary.clone(),
            page => without_marks(&read_page(repository, page)?),
        };
        let place = site_path(page);
        let depth = place.matches('/').count();
        for Link { whole, target, to } in links(&text).into_iter().rev() {
            let (path, anchor) = match to.split_once('#') {
                Some((path, anchor)) => (path, format!("#{anchor}")),
                None => (to.as_str(), String::new()),
            };
            if path.is_empty() || is_absolute(path) {
                continue;
            }
            let file = joined(page, path);
            let in_site = site_path(&file);
            if !pages.contains(&file) {
                let source = repository.join(&file);
                if !source.is_file() || has_ending(&file, "md") {
                    // A folder, or a file that this build does not have, such as that of an image: only the text stays.
                    let title = text.get(whole.start + 1..target.start - 2);
                    let title = title.unwrap_or_default().to_owned();
                    text.replace_range(whole, &title);
                    continue;
                }
                println!("cargo::rerun-if-changed={}", source.display());
                linked.insert(in_site.clone(), source);
            }
            let link = format!("{}{in_site}{anchor}", "../".repeat(depth));
            text.replace_range(target, &link);
        }
        write(&target.join(place), &text)?;
    }
    Ok(linked)
}

/// Adds the pages of `docs/` that the summary does not list to its end.
fn append_unlisted(repository: &Path, summary: &mut String) -> Result<()> {
    let folder = Path::new(SUMMARY).parent().context("a folder")?;
    let folder = repository.join(folder);
    println!("cargo::rerun-if-changed={}", folder.display());
    let listed: BTreeSet<String> = links(summary).into_iter().map(|link| link.to).collect();
    let entries = fs::read_dir(&folder)?.collect::<std::io::Result<Vec<_>>>()?;
    let names = entries
        .iter()
        .map(|it| it.file_name().to_string_lossy().into_owned());
    let mut unlisted: Vec<String> = names
        .filter(|name| has_ending(name, "md") && !listed.contains(name) && name != "SUMMARY.md")
        .collect();
    unlisted.sort();
    for name in unlisted {
        let page = read(&folder.join(&name))?;
        let title = page.lines().find_map(|line| line.strip_prefix("# "));
        let title = title.with_context(|| format!("docs/{name} has no title"))?;
        writeln!(summary, "- [{title}]({name})")?;
    }
    Ok(())
}

/// The page without the reasons for which tests do not run its blocks: ` ```sh no-test: REASON`.
fn without_marks(page: &str) -> String {
    let lines = page.split_inclusive('\n').map(|line| {
        let fence = line.split_once(" no-test:").map(|(fence, _)| fence);
        match fence.filter(|fence| fence.trim_start().starts_with("```")) {
            Some(fence) => format!("{fence}\n"),
            None => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().concat()
}

fn read_page(repository: &Path, page: &str) -> Result<String> {
    let path = repository.join(page);
    println!("cargo::rerun-if-changed={}", path.display());
    read(&path)
}

fn is_absolute(link: &str) -> bool {
    link.contains("://") || link.starts_with("mailto:")
}

/// A link of a page: `[title](to)`.
struct Link {
    /// Where it stands in the page.
    whole: Range<usize>,
    /// Where its target stands.
    target: Range<usize>,
    /// The target.
    to: String,
}

/// The links of a page, in their order.
fn links(text: &str) -> Vec<Link> {
    let mut links = Vec::new();
    for (event, whole) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        let Event::Start(Tag::Link { dest_url, .. }) = event else {
            continue;
        };
        // A reference or an automatic link has its target elsewhere, and names no file of the repository.
        let source = text.get(whole.clone()).unwrap_or_default();
        if let Some(start) = source.rfind(&format!("]({dest_url}")) {
            let start = whole.start + start + 2;
            links.push(Link {
                target: start..start + dest_url.len(),
                whole,
                to: dest_url.into_string(),
            });
        }
    }
    links
}

/// The path, from the root of the repository, to which the link of a page leads.
fn joined(page: &str, link: &str) -> String {
    let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The path in the site of a file of the repository. mdBook makes `index.html` of `index.md`.
fn site_path(file: &str) -> String {
    let place = match file.strip_prefix("docs/") {
        Some(page) => page.to_owned(),
        None => format!("{OUTSIDE}{file}"),
    };
    match place.strip_suffix("README.md") {
        Some(folder) => format!("{folder}index.md"),
        None => place,
    }
}

/// Reads the files below a folder, by their paths.
fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{path}/"), files)?;
        } else {
            files.insert(path, fs::read(entry.path())?);
        }
    }
    Ok(())
}

/// Writes the files compressed, and returns the expression of Rust that lists them.
fn list(files: &BTreeMap<String, Vec<u8>>, target: &Path) -> Result<String> {
    fs::create_dir_all(target)?;
    let mut list = "&[\n".to_owned();
    for (number, (path, content)) in files.iter().enumerate() {
        let compressed = target.join(number.to_string());
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content)?;
        fs::write(&compressed, encoder.finish()?)?;
        let digest = hexadecimal(&Sha256::digest(content));
        let policy = if has_ending(path, "html") {
            Some(policy(std::str::from_utf8(content)?))
        } else {
            None
        };
        writeln!(
            list,
            "File {{ path: {path:?}, content_type: {:?}, digest: {digest:?}, policy: {policy:?}, is_immutable: {}, \
             compressed: include_bytes!({:?}) }},",
            content_type(path, content),
            is_fingerprinted(path),
            compressed.display().to_string(),
        )?;
    }
    list.push(']');
    Ok(list)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// mdBook adds eight digits of the content's digest to the names of its own files: `book-0123abcd.js`.
fn is_fingerprinted(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let digits = name
        .rsplit_once('-')
        .and_then(|(_, rest)| rest.split('.').next());
    let is_digit = |c: char| c.is_ascii_hexdigit() && !c.is_ascii_uppercase();
    !has_ending(name, "html")
        && digits.is_some_and(|digits| digits.len() == 8 && digits.chars().all(is_digit))
}

fn content_type(path: &str, content: &[u8]) -> &'static str {
    let ending = path.rsplit('.').next().unwrap_or_default();
    match ending {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        // Files of the repository: shown, not interpreted.
        _ if std::str::from_utf8(content).is_ok() => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Scripts of the site only: its files, and the scripts of this page by their digests. mdBook positions elements by `style`
/// attributes.
fn policy(page: &str) -> String {
    let scripts = page.split("<script>").skip(1);
    let scripts = scripts.filter_map(|rest| rest.split("</script>").next());
    let digests: BTreeSet<String> = scripts
        .map(|script| format!(" 'sha256-{}'", STANDARD.encode(Sha256::digest(script))))
        .collect();
    let digests: String = digests.into_iter().collect();
    format!(
        "default-src 'none'; script-src 'self'{digests}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
         connect-src 'self'; frame-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
    )
}

fn has_ending(path: &str, ending: &str) -> bool {
    Path::new(path).extension().is_some_and(|it| it == ending)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
