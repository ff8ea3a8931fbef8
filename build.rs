//! Lists the folders of `migrations/` for `src/store/migrations.rs`, and names the newest version for `src/metrics/build.rs`.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs, io};

/// The whole text of a `metadata.toml`, in the format of the diesel command line tool.
const WITHOUT_TRANSACTION: &str = "run_in_transaction = false";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=migrations");
    let entries = fs::read_dir("migrations")?.collect::<io::Result<Vec<_>>>()?;
    let mut folders: Vec<_> = entries.iter().map(fs::DirEntry::path).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    let mut list = "&[\n".to_owned();
    for folder in &folders {
        writeln!(list, "{},", literal(folder)?).map_err(io::Error::other)?;
    }
    list.push(']');
    let newest = folders.last().and_then(|folder| folder.file_name());
    let newest = newest.unwrap_or_default().to_string_lossy();
    let version = newest.split('_').next().unwrap_or_default();
    println!(
        "cargo::rustc-env=QTASK_SCHEMA_VERSION={}",
        version.replace('-', "")
    );
    let directory = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("no OUT_DIR"))?;
    fs::write(Path::new(&directory).join("migrations.rs"), list)
}

/// The migration of a folder as an expression of Rust.
fn literal(folder: &Path) -> io::Result<String> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let up = fs::read_to_string(folder.join("up.sql"))?;
    let down = fs::read_to_string(folder.join("down.sql"))?;
    let is_transactional = match fs::read_to_string(folder.join("metadata.toml")) {
        Ok(text) if text.trim() == WITHOUT_TRANSACTION => false,
        Ok(_) => {
            let wanted = format!("{name}/metadata.toml may only say `{WITHOUT_TRANSACTION}`");
            return Err(io::Error::other(wanted));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(error),
    };
    Ok(format!(
        "Migration {{ name: {name:?}, up: {up:?}, down: {down:?}, is_transactional: {is_transactional} }}"
    ))
}
