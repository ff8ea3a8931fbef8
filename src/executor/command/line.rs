//! Parses `BACKEND=PROGRAM ARGS` of the configuration.

use crate::domain::backend::is_valid_name;

/// One command of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// The backend that it serves.
    pub backend: String,
    /// The program, as written.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// Why a text is not a command.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidCommand {
    /// No backend name before the equals sign.
    #[error("`{0}` is not of the form BACKEND=PROGRAM ARGS")]
    NoBackend(String),
    /// The backend's name contains forbidden characters.
    #[error("`{0}` cannot name a backend")]
    BackendName(String),
    /// Nothing after the equals sign.
    #[error("`{0}` names no program")]
    NoProgram(String),
    /// A quote that is not closed.
    #[error("`{0}` has a quote without its end")]
    OpenQuote(String),
}

impl std::str::FromStr for CommandLine {
    type Err = InvalidCommand;

    /// Words are split as in a shell, without any of its expansions.
    fn from_str(text: &str) -> Result<Self, InvalidCommand> {
        let text = text.trim();
        let (backend, rest) = text
            .split_once('=')
            .ok_or_else(|| InvalidCommand::NoBackend(text.to_owned()))?;
        let backend = backend.trim();
        if !is_valid_name(backend) {
            return Err(InvalidCommand::BackendName(backend.to_owned()));
        }
        let words = shlex::split(rest).ok_or_else(|| InvalidCommand::OpenQuote(text.to_owned()))?;
        let mut words = words.into_iter();
        let program = words.next().filter(|program| !program.is_empty());
        Ok(Self {
            backend: backend.to_owned(),
            program: program.ok_or_else(|| InvalidCommand::NoProgram(text.to_owned()))?,
            arguments: words.collect(),
        })
    }
}

/// The commands of one text, separated by unquoted newlines or semicolons.
pub fn split_commands(text: &str) -> Vec<String> {
    let mut commands = vec![String::new()];
    let (mut quote, mut escaped) = (None, false);
    for c in text.chars() {
        if quote.is_none() && !escaped && matches!(c, ';' | '\n') {
            commands.push(String::new());
            continue;
        }
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != Some('\'') => escaped = true,
            '\'' | '"' if quote.is_none() => quote = Some(c),
            _ if quote == Some(c) => quote = None,
            _ => {}
        }
        if let Some(command) = commands.last_mut() {
            command.push(c);
        }
    }
    commands.retain(|command| !command.trim().is_empty());
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        let line: CommandLine = r#" aer = python3 "a b.py" --x='1 = 2' \; "#.parse().unwrap();
        assert_eq!(
            (line.backend.as_str(), line.program.as_str()),
            ("aer", "python3")
        );
        assert_eq!(line.arguments, ["a b.py", "--x=1 = 2", ";"]);
    }

    #[test]
    fn what_is_no_command_is_refused_with_its_reason() {
        for (text, reason) in [
            (
                "python3",
                "`python3` is not of the form BACKEND=PROGRAM ARGS",
            ),
            ("a b=x", "`a b` cannot name a backend"),
            ("=x", "`` cannot name a backend"),
            ("aer=", "`aer=` names no program"),
            ("aer=''", "`aer=''` names no program"),
            ("aer=x 'y", "`aer=x 'y` has a quote without its end"),
        ] {
            let refused = text.parse::<CommandLine>().unwrap_err();
            assert_eq!(refused.to_string(), reason);
        }
    }

    #[test]
    fn commands_end_at_newlines_and_semicolons_that_are_not_quoted() {
        let text = "a=x 'y;z'; b=\"q\nr\\\";\" \\; s\n\n;c=1;";
        assert_eq!(
            split_commands(text),
            ["a=x 'y;z'", " b=\"q\nr\\\";\" \\; s", "c=1"]
        );
    }
}
