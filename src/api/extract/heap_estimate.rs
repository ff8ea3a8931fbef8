//! Estimates the heap size of a JSON text once it is parsed, from the text alone.
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
/// `serde_json` stops at deeper nesting, so the rest of the text takes no memory.
const MAX_DEPTH: usize = 128;

/// Upper bound of the heap size of a JSON text's values, in bytes, without the text itself.
pub fn estimated_heap_bytes(json: &[u8]) -> usize {
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
    total
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
