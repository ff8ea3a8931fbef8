//! Reads circuits from files and standard input.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncRead, AsyncReadExt};

use super::error::ClientError;
use crate::domain::submission::MAX_LABEL_LENGTH;

/// The largest request limit that a service can be configured with, in bytes.
const LARGEST: u64 = 64 << 20;

/// Where a circuit is read from.
#[derive(Debug, Clone)]
pub enum CircuitSource {
    /// `-`
    StandardInput,
    /// A file, or anything else that can be opened.
    File(PathBuf),
}

impl CircuitSource {
    /// Parses a command-line argument.
    pub fn new(typed: &Path) -> Self {
        if typed.as_os_str() == "-" {
            Self::StandardInput
        } else {
            Self::File(typed.to_owned())
        }
    }

    /// Its name in messages.
    pub fn name(&self) -> String {
        match self {
            Self::StandardInput => "standard input".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// The task name for this circuit: the file name. `None` for standard input, or if the file name is not a
    /// valid task name.
    pub fn label(&self) -> Option<String> {
        let Self::File(path) = self else { return None };
        if path.starts_with("/dev") || path.starts_with("/proc") {
            return None;
        }
        let name = path.file_name()?.to_string_lossy();
        let name: String = name.chars().take(MAX_LABEL_LENGTH).collect();
        (!name.trim().is_empty() && !name.contains(char::is_control)).then_some(name)
    }

    /// Reads the circuit.
    pub async fn read(&self) -> Result<String, ClientError> {
        let text = match self {
            Self::StandardInput => match standard_input() {
                Ok(file) => read(file).await,
                Err(error) => Err(error.to_string()),
            },
            Self::File(path) => match tokio::fs::File::open(path).await {
                Ok(file) => read(file).await,
                Err(error) => Err(error.to_string()),
            },
        };
        text.map_err(|error| ClientError::Usage(format!("{}: {error}", self.name())))
    }

    /// Why it cannot be read, as far as is known without reading it.
    fn not_ready_reason(&self) -> Option<String> {
        let Self::File(path) = self else { return None };
        let wrong = match std::fs::metadata(path) {
            Err(error) => error.to_string(),
            Ok(file) if file.is_dir() => "is a directory; name the files in it".to_owned(),
            Ok(file) if file.len() > LARGEST => too_large(),
            Ok(_) => return None,
        };
        Some(format!("{}: {wrong}", self.name()))
    }
}

/// Fails before anything is submitted, and names all sources that cannot be read.
pub fn check(sources: &[CircuitSource]) -> Result<(), ClientError> {
    let mut wrong: Vec<String> = sources
        .iter()
        .filter_map(CircuitSource::not_ready_reason)
        .collect();
    let inputs = sources
        .iter()
        .filter(|source| matches!(source, CircuitSource::StandardInput));
    if inputs.count() > 1 {
        wrong.push("- (standard input) can be read once only".to_owned());
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(ClientError::Usage(wrong.join("\n")))
}

/// Standard input as a file, which bypasses the shared standard-input buffer.
fn standard_input() -> std::io::Result<tokio::fs::File> {
    let input = std::io::stdin().as_fd().try_clone_to_owned()?;
    Ok(tokio::fs::File::from_std(input.into()))
}

async fn read(from: impl AsyncRead + Unpin) -> Result<String, String> {
    let mut bytes = Vec::new();
    let mut limited = from.take(LARGEST + 1);
    limited
        .read_to_end(&mut bytes)
        .await
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LARGEST {
        return Err(too_large());
    }
    String::from_utf8(bytes).map_err(|_| "is not text in UTF-8".to_owned())
}

fn too_large() -> String {
    format!("is larger than {} MiB", LARGEST >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn text_is_read_within_limits() {
        assert_eq!(read(&b"qubit q;"[..]).await.unwrap(), "qubit q;");
        assert_eq!(
            read(&b"\xff"[..]).await.unwrap_err(),
            "is not text in UTF-8"
        );
        assert_eq!(
            read(tokio::io::repeat(b'x')).await.unwrap_err(),
            "is larger than 64 MiB"
        );
    }

    #[test]
    fn a_task_is_called_as_its_file_where_it_can_be() {
        let label = |typed: &str| CircuitSource::new(Path::new(typed)).label();
        assert_eq!(label("circuits/bell.qasm").as_deref(), Some("bell.qasm"));
        assert_eq!(label(&"ψ".repeat(201)), Some("ψ".repeat(200)));
        for unnamed in ["-", "/dev/fd/63", "/proc/self/fd/0", "a\tb.qasm", " "] {
            assert_eq!(label(unnamed), None, "{unnamed:?}");
        }
    }

    #[test]
    fn every_source_that_cannot_be_read_is_named() {
        let sources =
            ["-", "/no/such.qasm", "/", "-"].map(|typed| CircuitSource::new(Path::new(typed)));
        let error = check(&sources).unwrap_err().to_string();
        for part in [
            "/no/such.qasm: No such file",
            "/: is a directory",
            "once only",
        ] {
            assert!(error.contains(part), "{error}");
        }
    }
}
