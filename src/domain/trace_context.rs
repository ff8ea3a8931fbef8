//! The trace context of W3C: which trace a request or a task belongs to, and the span that caused it.
//!
//! <https://www.w3.org/TR/trace-context/>. A header that the recommendation calls invalid is ignored, never refused: whether a trace
//! is complete does not decide whether a task runs.

use std::fmt;
use std::num::{NonZero, NonZeroU64, NonZeroU128};
use std::str::FromStr;
use std::sync::Arc;

/// The header, and the field of a message, with the trace and the span.
pub const TRACEPARENT: &str = "traceparent";
/// The header, and the field of a message, with data of tracing systems.
pub const TRACESTATE: &str = "tracestate";
/// The environment variable of a command that has the value of [`TRACEPARENT`].
pub const TRACEPARENT_VARIABLE: &str = "TRACEPARENT";
/// The environment variable of a command that has the value of [`TRACESTATE`].
pub const TRACESTATE_VARIABLE: &str = "TRACESTATE";

/// Length of a `traceparent` of version 00, in bytes.
const TRACEPARENT_BYTES: usize = 55;
/// Maximum length of a `tracestate` that is passed on, in bytes: the length that every participant shall pass on.
const MAX_TRACESTATE_BYTES: usize = 512;
/// Maximum number of members of a `tracestate`.
const MAX_MEMBERS: usize = 32;
/// Longer members are removed first if a `tracestate` is too long, in bytes.
const LONG_MEMBER_BYTES: usize = 128;
/// The flags that are passed on: `sampled` and `random-trace-id`. All others are reserved, and must be zero.
const KNOWN_FLAGS: u8 = 0b11;

/// A trace, the span in it that is the parent of what follows, and what tracing systems have added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: NonZeroU128,
    span_id: NonZeroU64,
    flags: u8,
    state: Option<Arc<str>>,
}

/// Why a text is not a `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent of W3C")]
pub struct InvalidTraceparent;

impl TraceContext {
    /// The context of a span; `None` if an id is zero.
    pub fn new(trace_id: u128, span_id: u64, flags: u8, state: Option<Arc<str>>) -> Option<Self> {
        Some(Self {
            trace_id: NonZero::new(trace_id)?,
            span_id: NonZero::new(span_id)?,
            flags: flags & KNOWN_FLAGS,
            state,
        })
    }

    /// Parses both values; `None` if `traceparent` is invalid. An invalid `tracestate` is left out, and a long one shortened.
    pub fn parse(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        let mut context: Self = traceparent.parse().ok()?;
        context.state = tracestate.and_then(bounded_state);
        Some(context)
    }

    /// The id of the trace.
    pub fn trace_id(&self) -> u128 {
        self.trace_id.get()
    }

    /// The id of the trace as in `traceparent`: 32 hexadecimal digits.
    pub fn trace_id_text(&self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// The id of the span.
    pub fn span_id(&self) -> u64 {
        self.span_id.get()
    }

    /// The id of the span as in `traceparent`: 16 hexadecimal digits.
    pub fn span_id_text(&self) -> String {
        format!("{:016x}", self.span_id)
    }

    /// The flags of version 00.
    pub fn flags(&self) -> u8 {
        self.flags
    }

    /// The value of `tracestate`, of at most 512 bytes.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// The value of `tracestate`, shared.
    pub fn shared_state(&self) -> Option<Arc<str>> {
        self.state.clone()
    }

    /// The environment variables of a program that continues the trace.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, String)> {
        let parent = (TRACEPARENT_VARIABLE, self.to_string());
        let state = self
            .state()
            .map(|state| (TRACESTATE_VARIABLE, state.to_owned()));
        std::iter::once(parent).chain(state)
    }
}

/// Formats the value of `traceparent`, always in version 00.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            trace_id,
            span_id,
            flags,
            ..
        } = self;
        write!(f, "00-{trace_id:032x}-{span_id:016x}-{flags:02x}")
    }
}

/// Parses the value of `traceparent`. Of a later version, the parts that version 00 has are read.
impl FromStr for TraceContext {
    type Err = InvalidTraceparent;

    fn from_str(text: &str) -> Result<Self, InvalidTraceparent> {
        let known = text.get(..TRACEPARENT_BYTES).ok_or(InvalidTraceparent)?;
        let more = text.get(TRACEPARENT_BYTES..).unwrap_or_default();
        let parts: Vec<&str> = known.split('-').collect();
        let [version, trace_id, span_id, flags] = parts[..] else {
            return Err(InvalidTraceparent);
        };
        let has_lengths = [(version, 2), (trace_id, 32), (span_id, 16), (flags, 2)]
            .iter()
            .all(|(part, length)| part.len() == *length && part.bytes().all(is_lower_hex));
        let is_complete = match version {
            "ff" => false,
            "00" => more.is_empty(),
            _ => more.is_empty() || more.starts_with('-'),
        };
        if !has_lengths || !is_complete {
            return Err(InvalidTraceparent);
        }
        let parsed = (
            u128::from_str_radix(trace_id, 16),
            u64::from_str_radix(span_id, 16),
            u8::from_str_radix(flags, 16),
        );
        let (Ok(trace_id), Ok(span_id), Ok(flags)) = parsed else {
            return Err(InvalidTraceparent);
        };
        Self::new(trace_id, span_id, flags, None).ok_or(InvalidTraceparent)
    }
}

fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

/// The members of a `tracestate`, without empty ones, within the limit: long members are removed first, then the last ones.
/// `None` if a member is invalid or named twice, or none is left.
fn bounded_state(text: &str) -> Option<Arc<str>> {
    let members = text
        .split(',')
        .map(|member| member.trim_matches([' ', '\t']));
    let mut members: Vec<&str> = members.filter(|member| !member.is_empty()).collect();
    if members.len() > MAX_MEMBERS || !members.iter().all(|member| is_member(member)) {
        return None;
    }
    let mut keys: Vec<&str> = members.iter().map(|member| key(member)).collect();
    keys.sort_unstable();
    if keys.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
        return None;
    }
    let length = |members: &[&str]| members.iter().map(|it| it.len() + 1).sum::<usize>();
    while length(&members) > MAX_TRACESTATE_BYTES + 1 {
        let long = members.iter().rposition(|it| it.len() > LONG_MEMBER_BYTES);
        match long {
            Some(index) => drop(members.remove(index)),
            None => drop(members.pop()),
        }
    }
    (!members.is_empty()).then(|| members.join(",").into())
}

fn key(member: &str) -> &str {
    member.split('=').next().unwrap_or_default()
}

fn is_member(member: &str) -> bool {
    let Some((key, value)) = member.split_once('=') else {
        return false;
    };
    let is_key_byte =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(&byte);
    let begins = key
        .bytes()
        .next()
        .is_some_and(|first| first.is_ascii_lowercase() || first.is_ascii_digit());
    let is_value_byte = |byte: u8| (0x20..=0x7e).contains(&byte) && byte != b'=';
    begins
        && key.len() <= 256
        && key.bytes().all(is_key_byte)
        && (1..=256).contains(&value.len())
        && value.bytes().all(is_value_byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_written_as_it_was_read() {
        let context: TraceContext = VALID.parse().unwrap();
        assert_eq!(context.to_string(), VALID);
        assert_eq!(context.trace_id_text(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.span_id_text(), "00f067aa0ba902b7");
        assert_eq!(context.flags(), 1);
    }

    #[test]
    fn flags_that_are_not_defined_are_not_passed_on() {
        let text = VALID.replace("-01", "-fe");
        let context: TraceContext = text.parse().unwrap();
        assert!(context.to_string().ends_with("-02"));
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        for text in [
            VALID.replacen("00", "cc", 1),
            format!("{}-what-follows", VALID.replacen("00", "cc", 1)),
        ] {
            let context: TraceContext = text.parse().unwrap();
            assert_eq!(context.to_string(), VALID, "{text}");
        }
    }

    #[test]
    fn what_the_recommendation_calls_invalid_is_no_context() {
        let invalid = [
            String::new(),
            "00".to_owned(),
            VALID.to_uppercase(),
            VALID.replacen("00", "ff", 1),
            VALID.replacen("00", "0x", 1),
            format!("{VALID}-more"),
            format!("{}.more", VALID.replacen("00", "cc", 1)),
            VALID.replace('-', "_"),
            VALID.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            VALID.replace("00f067aa0ba902b7", &"0".repeat(16)),
            VALID.replace("4bf9", "4bg9"),
            VALID.replace("-01", "-0"),
            VALID.replace("-01", "-+1"),
            format!(" {VALID}"),
            "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01".to_owned(),
        ];
        for text in invalid {
            assert_eq!(TraceContext::parse(&text, None), None, "{text}");
        }
    }

    fn state(text: &str) -> Option<String> {
        let context = TraceContext::parse(VALID, Some(text)).unwrap();
        context.state().map(str::to_owned)
    }

    #[test]
    fn a_tracestate_is_passed_on_without_blanks_and_empty_members() {
        assert_eq!(state("a=1").as_deref(), Some("a=1"));
        let given = "rojo=00f067aa0ba902b7 ,\tcongo@x=t61rcWkgMzE, , 1k=a b:c";
        let expected = "rojo=00f067aa0ba902b7,congo@x=t61rcWkgMzE,1k=a b:c";
        assert_eq!(state(given).as_deref(), Some(expected));
    }

    #[test]
    fn an_invalid_tracestate_is_left_out() {
        let many: Vec<String> = (0..33).map(|number| format!("k{number}=v")).collect();
        for text in [
            "",
            ",",
            "a",
            "a=",
            "=1",
            "A=1",
            "a=1=2",
            "a=1,a=2",
            "é=1",
            "a=é",
            "a =1",
            &many.join(","),
            &format!("{}=1", "k".repeat(257)),
            &format!("k={}", "v".repeat(257)),
        ] {
            assert_eq!(state(text), None, "{text}");
        }
    }

    #[test]
    fn a_long_tracestate_loses_long_members_and_then_the_last_ones() {
        let short = |key: &str| format!("{key}={}", "v".repeat(100));
        let long = format!("long={}", "v".repeat(200));
        let given = [short("a"), long, short("b"), short("c"), short("d")].join(",");
        let expected = [short("a"), short("b"), short("c"), short("d")].join(",");
        assert_eq!(state(&given), Some(expected));

        let many: Vec<String> = ["a", "b", "c", "d", "e", "f"].map(short).into();
        assert_eq!(state(&many.join(",")), Some(many[..4].join(",")));

        let exact = format!("a={},b={}", "v".repeat(253), "v".repeat(254));
        assert_eq!(exact.len(), MAX_TRACESTATE_BYTES);
        assert_eq!(state(&exact), Some(exact));
    }

    #[test]
    fn a_program_gets_the_context_in_its_environment() {
        let context = TraceContext::parse(VALID, Some("a=1")).unwrap();
        let variables: Vec<(&str, String)> = context.variables().collect();
        assert_eq!(
            variables,
            [
                ("TRACEPARENT", VALID.to_owned()),
                ("TRACESTATE", "a=1".to_owned())
            ]
        );
    }
}
