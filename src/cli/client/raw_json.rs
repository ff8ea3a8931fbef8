//! Parts of a JSON document, verbatim: forwarded JSON keeps its order and its numbers.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Deserializer;

/// A page of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Page<'a> {
    /// Its elements, whatever the name of the list.
    pub items: Vec<&'a str>,
    /// The cursor of the next page.
    pub next: Option<String>,
}

impl<'a> Page<'a> {
    /// Parses an object that contains one list and the cursor of the next page.
    pub fn parse(document: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<IgnoredAny>(document)?;
        let members = members(document).unwrap_or_default();
        let list = members.iter().find_map(|(_, value)| elements(value));
        let missing = || serde::de::Error::custom("there is no list in it");
        let next = members
            .iter()
            .find(|(name, value)| name.starts_with("next_") && *value != "null")
            .map(|(_, value)| plain(value));
        Ok(Self {
            items: list.ok_or_else(missing)?,
            next,
        })
    }

    /// Deserializes the elements.
    pub fn read<T: DeserializeOwned>(&self) -> Result<Vec<T>, serde_json::Error> {
        self.items
            .iter()
            .map(|item| serde_json::from_str(item))
            .collect()
    }
}

/// Returns a value as it appears in a query: strings without quotes.
fn plain(value: &str) -> String {
    serde_json::from_str(value).unwrap_or_else(|_| value.to_owned())
}

/// The names and values of an object; `None` for other values.
fn members(document: &str) -> Option<Vec<(String, &str)>> {
    let mut rest = document.trim_start().strip_prefix('{')?;
    let mut members = Vec::new();
    while !rest.trim_start().starts_with('}') {
        let (name, behind) = value(rest)?;
        let (value, behind) = value(behind.trim_start().strip_prefix(':')?)?;
        members.push((serde_json::from_str(name).ok()?, value));
        rest = behind.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    Some(members)
}

/// The elements of the list of this name in an object; empty if there is no such list.
pub fn list<'a>(document: &'a str, name: &str) -> Vec<&'a str> {
    let members = members(document).unwrap_or_default();
    let member = members.iter().find(|(member, _)| member == name);
    member
        .and_then(|(_, value)| elements(value))
        .unwrap_or_default()
}

/// The elements of an array; `None` for other values.
fn elements(document: &str) -> Option<Vec<&str>> {
    let mut rest = document.trim_start().strip_prefix('[')?;
    let mut elements = Vec::new();
    while !rest.trim_start().starts_with(']') {
        let (element, behind) = value(rest)?;
        elements.push(element);
        rest = behind.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    Some(elements)
}

/// The first value, and the text behind it.
fn value(text: &str) -> Option<(&str, &str)> {
    let mut values = Deserializer::from_str(text).into_iter::<IgnoredAny>();
    // The parser does not check the text after a number or a word, and reports a wrong offset (one too early)
    // there, so this function finds the end of the value.
    let trimmed = text.trim_start();
    if trimmed.starts_with(['{', '[', '"']) {
        values.next()?.ok()?;
        let (value, behind) = text.split_at_checked(values.byte_offset())?;
        return Some((value.trim(), behind));
    }
    let end = trimmed
        .find([',', '}', ']', ' ', '\n', '\r', '\t'])
        .unwrap_or(trimmed.len());
    (end > 0).then(|| trimmed.split_at_checked(end))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_keep_their_order_and_their_numbers() {
        let document = "{\"count\": 2, \"tasks\": [ {\"b\": 1.0, \"a\": \"],[\\\"\"} , {\"id\": [1, {}]} ], \"next_cursor\": \"x\\u0079\"}";
        let page = Page::parse(document).unwrap();
        assert_eq!(
            page.items,
            ["{\"b\": 1.0, \"a\": \"],[\\\"\"}", "{\"id\": [1, {}]}"]
        );
        assert_eq!(page.next.as_deref(), Some("xy"));
    }

    #[test]
    fn the_last_page_has_no_next() {
        let page = Page::parse(r#"{"logs":[],"next_after":null}"#).unwrap();
        assert_eq!(
            page,
            Page {
                items: Vec::new(),
                next: None
            }
        );
        assert_eq!(
            Page::parse(r#"{"logs":[{}],"next_after":12}"#)
                .unwrap()
                .next
                .as_deref(),
            Some("12")
        );
    }

    #[test]
    fn what_is_no_page_is_an_error() {
        for document in [
            "",
            "[]",
            "{}",
            "{\"tasks\": 1}",
            "{\"tasks\": [1}",
            "<html>",
            "null",
        ] {
            assert!(Page::parse(document).is_err(), "{document}");
        }
        assert_eq!(
            elements("[1, true , null,\"a\"]").unwrap(),
            ["1", "true", "null", "\"a\""]
        );
    }
}
