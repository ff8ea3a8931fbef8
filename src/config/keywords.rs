//! `keyword=value` pairs as libpq reads them:
//! <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-KEYWORD-VALUE>.

use std::iter::Peekable;
use std::str::Chars;

/// The pairs of a text; `None` if it has not this form.
pub fn split(text: &str) -> Option<Vec<(String, String)>> {
    let mut characters = text.chars().peekable();
    let mut pairs = Vec::new();
    loop {
        skip_blanks(&mut characters);
        if characters.peek().is_none() {
            return Some(pairs);
        }
        let mut keyword = String::new();
        while let Some(c) = characters.next_if(|c| *c != '=' && !c.is_whitespace()) {
            keyword.push(c);
        }
        skip_blanks(&mut characters);
        if keyword.is_empty() || characters.next() != Some('=') {
            return None;
        }
        skip_blanks(&mut characters);
        pairs.push((keyword, value(&mut characters)?));
    }
}

fn skip_blanks(characters: &mut Peekable<Chars<'_>>) {
    while characters.next_if(|c| c.is_whitespace()).is_some() {}
}

/// A value ends at a blank, or at its closing quote.
fn value(characters: &mut Peekable<Chars<'_>>) -> Option<String> {
    let is_quoted = characters.next_if_eq(&'\'').is_some();
    let mut value = String::new();
    loop {
        match characters.peek() {
            Some('\'') if is_quoted => {
                characters.next();
                return Some(value);
            }
            Some(c) if c.is_whitespace() && !is_quoted => return Some(value),
            None => return (!is_quoted).then_some(value),
            Some(_) => {}
        }
        match characters.next()? {
            '\\' => value.push(characters.next()?),
            c => value.push(c),
        }
    }
}

/// The text of these pairs.
pub fn join(pairs: &[(String, String)]) -> String {
    let quoted = pairs.iter().map(|(keyword, value)| {
        let value = value.replace('\\', "\\\\").replace('\'', "\\'");
        format!("{keyword}='{value}'")
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_be_quoted_and_escaped() {
        let text = r"host=h  user = u password='it\'s \\ =' options=-c\ a dbname=''";
        let pairs = [
            ("host", "h"),
            ("user", "u"),
            ("password", r"it's \ ="),
            ("options", "-c a"),
            ("dbname", ""),
        ];
        let pairs = pairs.map(|(keyword, value)| (keyword.to_owned(), value.to_owned()));
        assert_eq!(split(text).unwrap(), pairs);
        assert_eq!(split(&join(&pairs)).unwrap(), pairs);
    }

    #[test]
    fn other_texts_are_none() {
        for text in ["host", "host h", "=h", "host='h", "host=h\\", "a b=c"] {
            assert_eq!(split(text), None, "{text}");
        }
        assert_eq!(split("  "), Some(Vec::new()));
    }
}
