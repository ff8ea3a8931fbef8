//! Estimates the heap size and the depth of a JSON text once it is parsed, from the text alone.
//!
//! Small values take far more memory than text: `{"":0}` is 7 bytes with its comma and takes 672 bytes.
//! The weights were measured with glibc over arrays and maps of many shapes: the estimate was never below the
//! measured size, and at most twice as large unless most values are empty.

/// Bytes of a map: its first node has a capacity of 11 members.
const OBJECT: usize = 664;
/// Bytes of an array: its first allocation has a capacity of 4 elements.
const ARRAY: usize = 160;
/// Bytes of an element: 32, and a share of the unused capacity of its array.
const ELEMENT: usize = 48;
/// Bytes of a map's member beyond those of an element: the nodes of a large map are half full.
const MEMBER: usize = 64;
/// Bytes of a string beyond its length: the overhead of its allocation.
const TEXT: usize = 32;
/// Maximum depth of a body. Readers of JSON stop at 128 levels, and answers and webhooks show what was accepted some
/// levels deeper than it was sent.
pub const MAX_DEPTH: usize = 120;

/// What the values of a JSON text take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeapEstimate {
    /// Upper bound of the heap size of the values, in bytes, without the text itself. Of a text that is too deep, only
    /// what precedes the deepest level counts.
    pub bytes: usize,
    /// Whether arrays and objects are nested deeper than [`MAX_DEPTH`].
    pub is_too_deep: bool,
}

impl HeapEstimate {
    /// The estimate for a text.
    pub fn of(json: &[u8]) -> Self {
        let (bytes, depth) = survey(json);
        Self {
            bytes,
            is_too_deep: depth > MAX_DEPTH,
        }
    }
}

/// The heap size of a text, and its depth at the end or where it is too deep.
fn survey(json: &[u8]) -> (usize, usize) {
    let mut bytes = json.iter();
    let (mut total, mut depth) = (0_usize, 0_usize);
    while let Some(byte) = bytes.next() {
        let taken = match byte {
            b'"' => TEXT + skip_text(&mut bytes),
            b'{' => OBJECT,
            b'[' => ARRAY,
            b',' => ELEMENT,
            b':' => MEMBER,
            _ => 0,
        };
        total = total.saturating_add(taken);
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            break;
        }
    }
    (total, depth)
}

/// Skips the rest of a string, including the closing quote, and returns its length.
fn skip_text(bytes: &mut std::slice::Iter<'_, u8>) -> usize {
    let before = bytes.len();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => break,
            _ => {}
        }
    }
    before - bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimated_heap_bytes(json: &[u8]) -> usize {
        HeapEstimate::of(json).bytes
    }

    #[test]
    fn only_nesting_counts_as_depth() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(!HeapEstimate::of(deep(MAX_DEPTH).as_bytes()).is_too_deep);
        assert!(HeapEstimate::of(deep(MAX_DEPTH + 1).as_bytes()).is_too_deep);
        let text = format!("{{\"a\": \"{}\"}}", "[{".repeat(200));
        assert!(!HeapEstimate::of(text.as_bytes()).is_too_deep);
        let wide = format!("[{}0]", "[{}],".repeat(1_000));
        assert!(!HeapEstimate::of(wide.as_bytes()).is_too_deep);
    }

    #[test]
    fn small_values_weigh_many_times_their_text() {
        assert_eq!(
            estimated_heap_bytes(b"{\"\":0}"),
            OBJECT + MEMBER + TEXT + 1
        );
        assert_eq!(estimated_heap_bytes(b"[1, 2]"), ARRAY + ELEMENT);
        assert_eq!(estimated_heap_bytes(b""), 0);
    }

    #[test]
    fn what_stands_in_a_text_weighs_no_more_than_the_text() {
        let text = br#""[{,:\"[{,:\\""#;
        assert_eq!(estimated_heap_bytes(text), TEXT + text.len() - 1);
        assert_eq!(
            estimated_heap_bytes(br#"["\\",1]"#),
            ARRAY + ELEMENT + TEXT + 3
        );
        assert_eq!(estimated_heap_bytes(br#""never closed\"#), TEXT + 13);
    }

    #[test]
    fn nothing_behind_the_deepest_level_weighs_anything() {
        let deep = "[".repeat(1_000_000);
        assert_eq!(
            estimated_heap_bytes(deep.as_bytes()),
            (MAX_DEPTH + 1) * ARRAY
        );
        let wide = "[],".repeat(1_000);
        assert_eq!(
            estimated_heap_bytes(wide.as_bytes()),
            1_000 * (ARRAY + ELEMENT)
        );
    }
}
