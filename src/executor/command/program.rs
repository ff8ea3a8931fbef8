//! The program of a command, resolved once, when the worker starts.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

/// A program that can be started from any directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The path of its file. Symbolic links are kept, because a program may depend on the name that it is called by.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// Why a program cannot be run.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NotAProgram {
    /// In no directory of `PATH`.
    #[error("`{0}` is not found on PATH")]
    NotFound(String),
    /// A path at which no file exists.
    #[error("there is no file `{0}`")]
    NoFile(String),
    /// A file that is not executable.
    #[error("`{0}` is not a program that may be run")]
    NotExecutable(String),
}

impl Program {
    /// Finds a program by its path or, if its name has no slash, in the directories of `PATH`.
    pub fn find(
        name: &str,
        arguments: Vec<String>,
        search: Option<&OsStr>,
    ) -> Result<Self, NotAProgram> {
        let path = if name.contains('/') {
            check(Path::new(name), name)?;
            // Made absolute, because the program runs in another directory.
            std::path::absolute(name).map_err(|_| NotAProgram::NoFile(name.to_owned()))?
        } else {
            find_on(search.unwrap_or_default(), name)
                .ok_or_else(|| NotAProgram::NotFound(name.to_owned()))?
        };
        Ok(Self { path, arguments })
    }

    /// Arguments that look like files of the worker's directory, which is not the program's directory.
    pub fn relative_files(&self) -> impl Iterator<Item = &str> {
        let arguments = self.arguments.iter().map(String::as_str);
        arguments.filter(|text| Path::new(text).is_relative() && Path::new(text).is_file())
    }
}

fn find_on(search: &OsStr, name: &str) -> Option<PathBuf> {
    std::env::split_paths(search)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(name))
        .find(|path| check(path, name).is_ok())
}

fn check(path: &Path, name: &str) -> Result<(), NotAProgram> {
    if !path.exists() {
        Err(NotAProgram::NoFile(name.to_owned()))
    } else if !path.is_file() || access(path, AccessFlags::X_OK).is_err() {
        Err(NotAProgram::NotExecutable(name.to_owned()))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_by_its_name_or_its_path() {
        let found = Program::find("sh", vec![], Some(OsStr::new("/nowhere:/bin"))).unwrap();
        assert_eq!(found.path, Path::new("/bin/sh"));
        let found = Program::find("/bin/sh", vec![], None).unwrap();
        assert_eq!(found.path, Path::new("/bin/sh"));
    }

    #[test]
    fn what_cannot_be_run_is_refused_with_its_reason() {
        let refusal = |name: &str| {
            let search = Some(OsStr::new("/bin:relative"));
            Program::find(name, vec![], search).unwrap_err().to_string()
        };
        assert_eq!(refusal("no-such"), "`no-such` is not found on PATH");
        assert_eq!(refusal("./no-such"), "there is no file `./no-such`");
        assert_eq!(
            refusal("./Cargo.toml"),
            "`./Cargo.toml` is not a program that may be run"
        );
        assert_eq!(refusal("/bin/"), "`/bin/` is not a program that may be run");
    }

    #[test]
    fn arguments_that_are_files_here_are_noticed() {
        let arguments = ["Cargo.toml", "/bin/sh", "--no-file"];
        let arguments = arguments.map(str::to_owned).to_vec();
        let program = Program::find("/bin/sh", arguments, None).unwrap();
        assert_eq!(program.relative_files().collect::<Vec<_>>(), ["Cargo.toml"]);
    }
}
