//! What `scripts/release` makes: an archive, a Debian package and their checksums; and the units of systemd that both contain.
//!
//! Its checks of the tree and everything that needs the network are left out here, as `--draft` does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use tokio::process::Command;

use crate::support::skipped::report_skipped;
use crate::support::wait::TempDir;

const QTASK: &str = env!("CARGO_BIN_EXE_qtask");
const VERSION: &str = env!("CARGO_PKG_VERSION");
const UNITS: [&str; 3] = [
    "qtask-migrate.service",
    "qtask-serve.service",
    "qtask-work@.service",
];

fn tree() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

async fn output(command: &mut Command) -> std::io::Result<Output> {
    command
        .current_dir(tree())
        .kill_on_drop(true)
        .output()
        .await
}

/// Runs a program that must exist and succeed, and returns its standard output.
async fn run(program: &str, args: &[&str]) -> String {
    succeeded(
        program,
        output(Command::new(program).args(args))
            .await
            .expect(program),
    )
}

/// Runs a program that must succeed where it exists; `None` elsewhere.
async fn run_if_installed(program: &str, args: &[&str]) -> Option<String> {
    match output(Command::new(program).args(args)).await {
        Ok(output) => Some(succeeded(program, output)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("{program}: {error}"),
    }
}

/// Standard output and error of a program that must succeed.
fn succeeded(program: &str, output: Output) -> String {
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(
        output.status.success(),
        "{program}: {}\n{text}",
        output.status
    );
    text
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}

fn has_name(path: &Path, start: &str, end: &str) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(start) && name.ends_with(end))
}

/// The files of a release.
struct Release {
    directory: TempDir,
    executable: PathBuf,
}

impl Release {
    async fn draft() -> Self {
        let directory = TempDir::new("release");
        let executable = directory.path().join("executable");
        // Without the symbols of a debug build, which would take a minute to compress.
        let strip = ["-o", text(&executable), QTASK];
        if run_if_installed("strip", &strip).await.is_none() {
            fs::copy(QTASK, &executable).expect("a copy");
        }
        let release = Self {
            directory,
            executable,
        };
        let mut script = Command::new("scripts/release");
        script
            .args(["--draft", text(&release.executable)])
            .env("QTASK_RELEASE_DIRECTORY", release.path("dist"));
        let table = succeeded(
            "scripts/release",
            output(&mut script).await.expect("a script"),
        );
        assert!(table.contains("SHA256SUMS"), "{table}");
        release
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    fn archive(&self) -> PathBuf {
        let mut found = files(&self.path("dist"));
        found.retain(|path| has_name(path, &format!("qtask-{VERSION}-linux-"), ".tar.gz"));
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    /// The Debian package; `None` where no program can make it.
    fn package(&self) -> Option<PathBuf> {
        files(&self.path("dist"))
            .into_iter()
            .find(|path| has_name(path, &format!("qtask_{VERSION}-1_"), ".deb"))
    }

    /// Unpacks the archive, and returns the directory in it.
    async fn unpack(&self) -> PathBuf {
        let folder = self.path("unpacked");
        fs::create_dir(&folder).expect("a folder");
        let archive = self.archive();
        run("tar", &["-xzf", text(&archive), "-C", text(&folder)]).await;
        let mut top = files(&folder);
        assert_eq!(top.len(), 1, "{top:?}");
        top.remove(0)
    }
}

#[tokio::test]
async fn a_release_is_complete_and_what_it_contains_works() {
    let release = Release::draft().await;
    let dist = release.path("dist");
    let check = format!(
        "cd '{}' && sha256sum --check --strict SHA256SUMS",
        dist.display()
    );
    let sums = run("sh", &["-c", &check]).await;
    assert_eq!(sums.lines().count(), files(&dist).len() - 1, "{sums}");

    let content = release.unpack().await;
    for name in ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"] {
        assert_eq!(
            fs::read(content.join(name)).expect(name),
            fs::read(tree().join(name)).expect(name)
        );
    }
    let version = run(text(&content.join("qtask")), &["--version"]).await;
    assert!(
        version.starts_with(&format!("qtask {VERSION}")),
        "{version}"
    );
    lists_the_licences_of_its_dependencies(&content);
    has_settings_that_change_nothing(&content.join("systemd/env"));
    has_completions_that_load(&content.join("completions")).await;
    has_manual_pages_without_mistakes(&content.join("man/man1")).await;
    for unit in UNITS {
        assert!(content.join("systemd").join(unit).is_file(), "{unit}");
    }
}

fn lists_the_licences_of_its_dependencies(content: &Path) {
    let notices = fs::read_to_string(content.join("THIRD-PARTY.txt")).expect("the licences");
    for crate_name in ["amqprs", "diesel", "ring", "tikv-jemalloc-sys"] {
        assert!(
            notices.contains(&format!("\n- {crate_name} ")),
            "{crate_name}"
        );
    }
    // A dependency of the tests alone.
    assert!(!notices.contains("\n- rcgen "));
    // The second licence of a crate, and one within its sources.
    assert!(notices.contains("Apache License"));
    assert!(notices.contains("Copyright (C) 2002-present Jason Evans"));
}

fn has_settings_that_change_nothing(path: &Path) {
    let settings = fs::read_to_string(path).expect("the settings");
    assert!(settings.contains("\n#DATABASE_URL="), "{settings}");
    assert!(!settings.contains("compose"), "{settings}");
    let active: Vec<_> = settings
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    assert!(active.is_empty(), "{active:?}");
}

async fn has_completions_that_load(folder: &Path) {
    let [zsh, bash, fish] = ["_qtask", "qtask.bash", "qtask.fish"].map(|name| folder.join(name));
    for (shell, script) in [("bash", &bash), ("zsh", &zsh), ("fish", &fish)] {
        if run_if_installed(shell, &["-n", text(script)])
            .await
            .is_none()
        {
            report_skipped("completions of a release", &format!("no {shell}"));
        }
    }
    // Those of bash offer the subcommands.
    let ask = format!(
        "source '{}'; COMP_WORDS=(qtask mig) COMP_CWORD=1; _qtask qtask mig qtask; echo \"${{COMPREPLY[@]}}\"",
        bash.display()
    );
    assert_eq!(run("bash", &["-c", &ask]).await.trim(), "migrate");
}

async fn has_manual_pages_without_mistakes(folder: &Path) {
    let pages = files(folder);
    let names = [
        "qtask.1",
        "qtask-serve.1",
        "qtask-work.1",
        "qtask-migrate.1",
    ];
    assert!(
        names.iter().all(|name| pages.contains(&folder.join(name))),
        "{pages:?}"
    );
    for page in &pages {
        let args = ["-ww", "-man", "-Tutf8", "-z", text(page)];
        let Some(warnings) = run_if_installed("groff", &args).await else {
            report_skipped("manual pages of a release", "no groff");
            return;
        };
        assert!(warnings.is_empty(), "{}: {warnings}", page.display());
    }
}

#[tokio::test]
async fn a_debian_package_keeps_passwords_to_root_and_starts_nothing() {
    let release = Release::draft().await;
    let Some(package) = release.package() else {
        report_skipped("the Debian package of a release", "no dpkg-deb");
        return;
    };
    let root = release.path("root");
    run("dpkg-deb", &["--raw-extract", text(&package), text(&root)]).await;
    let listed = run("dpkg-deb", &["--contents", text(&package)]).await;
    let line = |name: &str| {
        let found = listed.lines().find(|line| line.ends_with(name));
        found.unwrap_or_else(|| panic!("{name} is not in {listed}"))
    };
    assert!(line("./etc/qtask/env").starts_with("-rw-r----- root/root"));
    assert!(line("./usr/bin/qtask").starts_with("-rwxr-xr-x root/root"));
    for name in [
        "qtask.1.gz",
        "copyright",
        "completions/qtask",
        "_qtask",
        "qtask.fish",
    ] {
        line(&format!("/{name}"));
    }
    for unit in UNITS {
        line(&format!("/systemd/system/{unit}"));
    }
    let conffiles = fs::read_to_string(root.join("DEBIAN/conffiles")).expect("conffiles");
    assert_eq!(conffiles, "/etc/qtask/env\n");
    let sums = format!(
        "cd '{}' && md5sum --check --strict --quiet DEBIAN/md5sums",
        root.display()
    );
    run("sh", &["-c", &sums]).await;
    for script in ["postinst", "prerm", "postrm"] {
        let path = root.join("DEBIAN").join(script);
        run("sh", &["-n", text(&path)]).await;
        let program = fs::read_to_string(&path).expect(script);
        let is_command = |line: &&str| {
            !["#", "echo "]
                .iter()
                .any(|it| line.trim_start().starts_with(it))
        };
        let commands: Vec<_> = program.lines().filter(is_command).collect();
        for word in ["enable", "start"] {
            let found = commands.iter().find(|line| line.contains(word));
            assert!(found.is_none(), "{script}: {found:?}");
        }
    }
}

#[tokio::test]
async fn a_debian_package_keeps_changed_settings_and_leaves_nothing_after_a_purge() {
    let release = Release::draft().await;
    let package = release.package();
    let (Some(package), true) = (package, nix::unistd::geteuid().is_root()) else {
        report_skipped(
            "the installation of the Debian package",
            "no dpkg, or not root",
        );
        return;
    };
    let root = release.path("system");
    for folder in ["info", "updates"] {
        fs::create_dir_all(root.join("var/lib/dpkg").join(folder)).expect("a folder");
    }
    fs::write(root.join("var/lib/dpkg/status"), "").expect("a file");
    // Its scripts run outside of that root, and have its path in DPKG_ROOT.
    let root_option = format!("--root={}", root.display());
    let dpkg = [&root_option, "--force-script-chrootless", "--log=/dev/null"];
    let install = [&dpkg[..], &["--install", text(&package)]].concat();
    run("dpkg", &install).await;
    run(text(&root.join("usr/bin/qtask")), &["--version"]).await;

    let settings = root.join("etc/qtask/env");
    fs::write(&settings, "PORT=8001\n").expect("the settings");
    let said = run("dpkg", &install).await;
    assert!(said.contains("systemctl start qtask-migrate"), "{said}");
    assert_eq!(
        fs::read_to_string(&settings).expect("the settings"),
        "PORT=8001\n"
    );

    // As `systemctl enable` does it.
    let wants = root.join("etc/systemd/system/multi-user.target.wants");
    fs::create_dir_all(&wants).expect("a folder");
    let unit = "/lib/systemd/system/qtask-work@.service";
    std::os::unix::fs::symlink(unit, wants.join("qtask-work@1.service")).expect("a link");
    run("dpkg", &[&dpkg[..], &["--purge", "qtask"]].concat()).await;
    assert_eq!(files(&wants), Vec::<PathBuf>::new());
    assert!(!root.join("etc/qtask").exists() && !root.join("usr").exists());
}

#[tokio::test]
async fn the_files_of_a_release_depend_on_the_executable_alone() {
    let release = Release::draft().await;
    let again = release.path("again");
    let mut script = Command::new("sh");
    script
        .args(["-c", "umask 077; exec scripts/package \"$0\" \"$1\""])
        .args([&release.executable, &again])
        .envs([("TZ", "Asia/Kolkata"), ("QTASK_RELEASE_COMPRESSION", "1")]);
    succeeded(
        "scripts/package",
        output(&mut script).await.expect("a script"),
    );
    for second in files(&again) {
        let first = release
            .path("dist")
            .join(second.file_name().expect("a name"));
        let is_equal = fs::read(&first).expect("a file") == fs::read(&second).expect("a file");
        assert!(is_equal, "{} differs from the first", second.display());
    }
}

#[tokio::test]
async fn systemd_accepts_the_units() {
    let directory = TempDir::new("units");
    let mut paths = Vec::new();
    for unit in UNITS {
        let source = fs::read_to_string(tree().join("deploy/systemd").join(unit)).expect(unit);
        assert!(source.contains("\nExecStart=qtask "), "{source}");
        // A template is checked as one of its instances.
        let path = directory.path().join(unit.replace('@', "@1"));
        fs::write(&path, source.replace("=qtask ", &format!("={QTASK} "))).expect("a unit");
        paths.push(path);
    }
    let args = ["verify", "--man=no"].into_iter();
    let args: Vec<&str> = args.chain(paths.iter().map(|path| text(path))).collect();
    match run_if_installed("systemd-analyze", &args).await {
        Some(said) => assert!(said.is_empty(), "{said}"),
        None => report_skipped("the units of systemd", "no systemd-analyze"),
    }
}
