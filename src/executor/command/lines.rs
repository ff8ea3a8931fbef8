//! Lines of a stream in bounded memory.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// The size of one read, in bytes.
const CHUNK: usize = 64 << 10;

/// Reads lines, each up to its limit.
#[derive(Debug)]
pub struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    bytes: u64,
}

/// One line, or the beginning of one.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A whole line, without its line break.
    Whole(Vec<u8>),
    /// A line up to its limit; the rest is returned as the next line.
    Cut(Vec<u8>),
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Reads from this stream.
    pub fn new(stream: R) -> Self {
        Self {
            reader: BufReader::with_capacity(CHUNK, stream),
            line: Vec::new(),
            bytes: 0,
        }
    }

    /// The number of bytes read so far.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next line; `None` at the end. `limit` returns the maximum length of a line with this beginning.
    pub async fn next(&mut self, limit: impl Fn(&[u8]) -> usize) -> io::Result<Option<Line>> {
        loop {
            let available = self.reader.fill_buf().await?;
            if available.is_empty() {
                let rest = std::mem::take(&mut self.line);
                return Ok((!rest.is_empty()).then_some(Line::Whole(rest)));
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let part = available.get(..end.unwrap_or(available.len()));
            let part = part.unwrap_or_default();
            let beginning = if self.line.is_empty() {
                part
            } else {
                &self.line
            };
            let room = limit(beginning).saturating_sub(self.line.len());
            let (taken, cut) = (part.len().min(room), part.len() > room);
            self.line
                .extend_from_slice(part.get(..taken).unwrap_or_default());
            let consumed = taken + usize::from(end.is_some() && !cut);
            self.reader.consume(consumed);
            self.bytes += consumed as u64;
            if cut {
                return Ok(Some(Line::Cut(std::mem::take(&mut self.line))));
            }
            if end.is_some() {
                return Ok(Some(Line::Whole(std::mem::take(&mut self.line))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(text: &[u8], limit: usize) -> Vec<(bool, String)> {
        let mut lines = Lines::new(text);
        let mut read = Vec::new();
        while let Some(line) = lines.next(|_| limit).await.unwrap() {
            let (whole, bytes) = match line {
                Line::Whole(bytes) => (true, bytes),
                Line::Cut(bytes) => (false, bytes),
            };
            read.push((whole, String::from_utf8(bytes).unwrap()));
        }
        assert_eq!(lines.bytes(), text.len() as u64);
        read
    }

    fn whole(text: &str) -> (bool, String) {
        (true, text.to_owned())
    }

    fn cut(text: &str) -> (bool, String) {
        (false, text.to_owned())
    }

    #[tokio::test]
    async fn lines_end_at_newlines_and_at_the_end() {
        assert_eq!(all(b"a\n\nb", 9).await, [whole("a"), whole(""), whole("b")]);
        assert_eq!(all(b"", 9).await, []);
        assert_eq!(all(b"a\n", 9).await, [whole("a")]);
    }

    #[tokio::test]
    async fn a_line_is_cut_at_its_limit_and_goes_on() {
        assert_eq!(all(b"abc\nd\n", 3).await, [whole("abc"), whole("d")]);
        assert_eq!(all(b"abcd\n", 3).await, [cut("abc"), whole("d")]);
        let long = "x".repeat(3 * CHUNK);
        let read = all(long.as_bytes(), 2 * CHUNK).await;
        assert_eq!(read, [cut(&long[..2 * CHUNK]), whole(&long[..CHUNK])]);
    }

    #[tokio::test]
    async fn the_limit_may_depend_on_how_a_line_begins() {
        let mut lines = Lines::new(&b"{234567\n1234567\n"[..]);
        let limit = |beginning: &[u8]| if beginning.starts_with(b"{") { 9 } else { 3 };
        let first = lines.next(limit).await.unwrap();
        assert_eq!(first, Some(Line::Whole(b"{234567".to_vec())));
        let second = lines.next(limit).await.unwrap();
        assert_eq!(second, Some(Line::Cut(b"123".to_vec())));
    }
}
