//! The documentation of qtask as a site with a search: the pages of `docs/SUMMARY.md`, rendered by mdBook when this crate is
//! built. The files refer to nothing outside of the site.

use std::io::{self, Read};

use flate2::read::GzDecoder;

/// A file of the site.
#[derive(Debug)]
pub struct File {
    /// Its path below the root of the site, without a leading `/`.
    pub path: &'static str,
    /// Its media type, with the charset of texts.
    pub content_type: &'static str,
    /// The hexadecimal digest of its content.
    pub digest: &'static str,
    /// The `Content-Security-Policy` that a page needs; `None` for other files.
    pub policy: Option<&'static str>,
    /// Whether the path changes with the content, so that the file may be cached without a limit.
    pub is_immutable: bool,
    /// Its content, compressed by gzip.
    pub compressed: &'static [u8],
}

impl File {
    /// The content, decompressed.
    ///
    /// # Errors
    /// If the compressed content is damaged, which the build excludes.
    pub fn content(&self) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        GzDecoder::new(self.compressed).read_to_end(&mut content)?;
        Ok(content)
    }
}

/// All files, in the order of their paths.
pub static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The file at a path; the empty path and those that end in `/` name the `index.html` below.
pub fn find(path: &str) -> Option<&'static File> {
    let index;
    let path = if path.is_empty() || path.ends_with('/') {
        index = format!("{path}index.html");
        &index
    } else {
        path
    };
    let found = FILES.binary_search_by(|file| file.path.cmp(path)).ok()?;
    FILES.get(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_sorted_and_found_by_their_paths() {
        assert!(FILES.is_sorted_by(|a, b| a.path < b.path));
        for file in FILES {
            let found = find(file.path).map(|found| found.path);
            assert_eq!(found, Some(file.path));
        }
        assert_eq!(find("").map(|file| file.path), Some("index.html"));
        assert!(find("absent").is_none());
        assert!(find("../Cargo.toml").is_none());
    }

    #[test]
    fn the_content_of_every_file_can_be_read() {
        for file in FILES {
            let content = file.content().ok();
            assert!(content.is_some_and(|it| !it.is_empty()), "{}", file.path);
        }
    }
}
