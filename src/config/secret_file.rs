//! Settings that contain a password and may therefore stand in a file: neither the process list nor the environment
//! then shows it.

use std::env::VarError;

use super::Checker;

/// The name of a setting, and its value from its flag or variable.
pub struct Given<'a> {
    /// The setting as users see it.
    pub setting: &'a str,
    /// Its value; blank counts as absent.
    pub value: Option<&'a str>,
}

impl<'a> Given<'a> {
    /// Whether it has a value.
    pub fn is_present(&self) -> bool {
        self.present().is_some()
    }

    fn present(&self) -> Option<&'a str> {
        self.value.filter(|value| !value.trim().is_empty())
    }
}

/// Returns the value of a setting, or the text of the file that another setting names, without line ends behind it. Refuses both
/// together, and a file that cannot be read or is blank; `None` if neither is given or the file was refused.
pub fn value_or_file(checker: &mut Checker, given: &Given<'_>, file: &Given<'_>) -> Option<String> {
    let (setting, file_setting) = (given.setting, file.setting);
    match (given.present(), file.present()) {
        (Some(_), Some(_)) => {
            checker.refuse(
                file_setting,
                format_args!("stands beside {setting}: remove one of them"),
            );
            None
        }
        (Some(value), None) => Some(value.to_owned()),
        (None, Some(path)) => match std::fs::read_to_string(path) {
            Ok(text) if text.trim().is_empty() => {
                checker.refuse(file_setting, format_args!("`{path}` is empty"));
                None
            }
            Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => {
                checker.refuse(
                    file_setting,
                    format_args!("`{path}` cannot be read: {error}"),
                );
                None
            }
        },
        (None, None) => None,
    }
}

/// Returns the value of a secret that has no flag, because a flag is visible in the process list: a variable and a file of it,
/// as [`value_or_file`] takes them.
pub fn variable_or_file(
    checker: &mut Checker,
    variable: &'static str,
    file: &Given<'_>,
) -> Option<Secret> {
    let value = match std::env::var(variable) {
        Ok(value) => Some(value),
        Err(VarError::NotPresent) => None,
        Err(VarError::NotUnicode(_)) => {
            checker.refuse(variable, "is not UTF-8");
            return None;
        }
    };
    let given = Given {
        setting: variable,
        value: value.as_deref(),
    };
    let setting = if file.is_present() {
        file.setting
    } else {
        variable
    };
    let value = value_or_file(checker, &given, file)?;
    if value.contains('\0') {
        checker.refuse(setting, "contains a zero byte, which no server accepts");
        return None;
    }
    Some(Secret {
        setting: setting.to_owned(),
        value,
    })
}

/// A secret, and the setting that it comes from.
pub struct Secret {
    /// The setting as users see it.
    pub setting: String,
    /// Its value.
    pub value: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Option<&str>, file: Option<&str>) -> Result<Option<String>, String> {
        let mut checker = Checker::default();
        let found = value_or_file(
            &mut checker,
            &Given {
                setting: "SECRET",
                value,
            },
            &Given {
                setting: "SECRET_FILE",
                value: file,
            },
        );
        checker.finish(found).map_err(|error| error.to_string())
    }

    #[test]
    fn the_value_stands_in_the_setting_or_in_a_file() {
        let file = std::env::temp_dir().join(format!("qtask-secret-{}", std::process::id()));
        let path = file.to_str();
        for (text, value) in [("a b", "a b"), ("sesame\n", "sesame"), ("x\r\n\n", "x")] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(read(None, path), Ok(Some(value.to_owned())));
            assert_eq!(read(Some(" "), path), Ok(Some(value.to_owned())));
        }
        std::fs::write(&file, "sesame\n").unwrap();
        let both = read(Some("open sesame"), path).unwrap_err();
        assert!(both.contains("SECRET_FILE: stands beside SECRET"), "{both}");
        assert!(!both.contains("sesame"), "{both}");
        std::fs::write(&file, " \n").unwrap();
        assert!(read(None, path).unwrap_err().contains("is empty"));
        std::fs::remove_file(&file).unwrap();
        let missing = read(None, path).unwrap_err();
        assert!(
            missing.contains("cannot be read: No such file"),
            "{missing}"
        );
        assert_eq!(read(Some("s"), Some("")), Ok(Some("s".to_owned())));
        assert_eq!(read(None, None), Ok(None));
    }
}
