//! A machine of stand-ins: a copy of the scripts, and a PATH with nothing but a shell's usual tools and programs that note
//! how they were called.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::support::wait::{DEADLINE, TempDir};

/// What the scripts use of a system that has nothing installed.
const TOOLS: [&str; 20] = [
    "sh", "bash", "env", "cat", "chmod", "cut", "dirname", "grep", "head", "mkdir", "mktemp", "mv",
    "rm", "sed", "sort", "tail", "touch", "tr", "uname", "wc",
];

/// Whether a script finds a terminal, and what is typed there.
#[derive(Debug, Clone, Copy)]
pub enum Terminal {
    Absent,
    Typing(&'static str),
}

/// A script's end.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub said: String,
    /// The calls of the stand-ins, one a line.
    pub calls: Vec<String>,
}

/// The machine. Its stand-ins write to one journal.
#[derive(Debug)]
pub struct Machine {
    directory: TempDir,
    environment: Vec<(String, String)>,
}

impl Machine {
    /// A machine with Rust and a compiler and without PostgreSQL, used by `root` or by somebody else.
    pub fn new(is_root: bool) -> Self {
        let directory = TempDir::new("scripts");
        let machine = Self {
            directory,
            environment: Vec::new(),
        };
        for folder in ["bin", "home", "tmp", "postgres", "tree/scripts"] {
            fs::create_dir_all(machine.path(folder)).expect("a folder");
        }
        machine.copy_tree();
        for tool in TOOLS {
            machine.tool(tool);
        }
        let uid = if is_root { 0 } else { 1000 };
        machine.program("id", &format!("echo {uid}"));
        machine.program("cc", "exit 0");
        machine.program("make", "exit 0");
        machine.rust("1.95.0");
        machine
    }

    fn copy_tree(&self) {
        let tree = Path::new(env!("CARGO_MANIFEST_DIR"));
        let scripts = fs::read_dir(tree.join("scripts")).expect("the scripts");
        let entries = scripts.map(|entry| entry.expect("an entry").path());
        let names = entries.filter(|path| path.is_file());
        let paths = names.map(|path| Path::new("scripts").join(path.file_name().expect("a name")));
        for path in paths.chain(["Cargo.toml", "rust-toolchain.toml"].map(PathBuf::from)) {
            fs::copy(tree.join(&path), self.path("tree").join(&path)).expect("a copy");
        }
    }

    /// A path below the machine's own directory.
    pub fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    /// Puts a program on the PATH. It notes its call and then runs `body`.
    pub fn program(&self, name: &str, body: &str) {
        let text = format!("#!/bin/sh\necho \"{name} $*\" >>\"$MACHINE/calls\"\n{body}\n");
        write_program(&self.path("bin").join(name), &text);
    }

    /// Adds a tool of the system to the PATH.
    pub fn tool(&self, name: &str) {
        symlink(find_tool(name), self.path("bin").join(name)).expect("a link");
    }

    /// Replaces a script of the tree by one that only notes its call.
    pub fn replace_script(&self, name: &str) {
        let text = format!("#!/bin/sh\necho \"{name} $*\" >>\"$MACHINE/calls\"\n");
        write_program(&self.path("tree/scripts").join(name), &text);
    }

    /// Adds a script to the tree that runs `body` after those that `scripts/test` sources first.
    pub fn script(&self, name: &str, body: &str) {
        let text = format!(
            "#!/bin/sh\nset -eu\n. \"$(dirname \"$0\")/env.sh\"\n. scripts/toolchain.sh\n. scripts/packages.sh\n{body}\n"
        );
        write_program(&self.path("tree/scripts").join(name), &text);
    }

    /// A Rust of this version.
    pub fn rust(&self, version: &str) {
        self.program(
            "cargo",
            &format!("[ \"$1\" != --version ] || echo 'cargo {version}'"),
        );
        self.program(
            "rustc",
            &format!("echo 'rustc {version} (0123456789 2026-04-14)'"),
        );
    }

    /// Takes a program away.
    pub fn without(&self, name: &str) {
        fs::remove_file(self.path("bin").join(name)).expect("a program to take away");
    }

    /// What a package manager does to this machine: PostgreSQL and a compiler are there afterwards.
    pub const INSTALLS: &'static str = "for name in postgres initdb pg_ctl; do : >\"$MACHINE/postgres/$name\"; \
        chmod 755 \"$MACHINE/postgres/$name\"; done; printf '#!/bin/sh\\n' >\"$MACHINE/bin/cc\"; chmod 755 \"$MACHINE/bin/cc\"";

    /// Sets a variable of the environment.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs a script of the tree to its end.
    pub async fn run(&self, script: &str, arguments: &[&str], terminal: Terminal) -> Outcome {
        let path = self.path("tree/scripts").join(script);
        let mut command = match terminal {
            Terminal::Absent => Command::new(find_tool("env")),
            Terminal::Typing(_) => on_a_terminal(),
        };
        command
            .arg("-i")
            .args(self.variables())
            .arg(path)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if matches!(terminal, Terminal::Typing(_)) {
            command.stdin(Stdio::piped());
        }
        let mut child = command.spawn().expect("the script starts");
        // Kept open: the end of what is typed would end the terminal.
        let mut keyboard = child.stdin.take();
        if let (Some(keyboard), Terminal::Typing(text)) = (&mut keyboard, terminal) {
            keyboard.write_all(text.as_bytes()).await.expect("typing");
        }
        let ended = tokio::time::timeout(DEADLINE, child.wait_with_output()).await;
        let output = ended.expect("the script ends in time").expect("its output");
        drop(keyboard);
        self.outcome(&output)
    }

    fn variables(&self) -> Vec<String> {
        let own = [
            ("PATH", self.path("bin")),
            ("HOME", self.path("home")),
            ("TMPDIR", self.path("tmp")),
            ("MACHINE", self.path("")),
            ("QTASK_POSTGRES_BIN", self.path("postgres")),
        ];
        let own = own.map(|(name, path)| format!("{name}={}", path.display()));
        let set = self
            .environment
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        own.into_iter().chain(set).collect()
    }

    fn outcome(&self, output: &Output) -> Outcome {
        let calls = fs::read_to_string(self.path("calls")).unwrap_or_default();
        // The questions that lead to no decision of their own.
        let is_question = |call: &&str| {
            call.starts_with("id ")
                || call.starts_with("cc ")
                || call.starts_with("rustc ")
                || call.ends_with("--version")
        };
        Outcome {
            code: output.status.code(),
            said: [&output.stderr, &output.stdout]
                .map(|bytes| String::from_utf8_lossy(bytes).replace('\r', ""))
                .concat(),
            calls: calls
                .lines()
                .filter(|call| !is_question(call))
                .map(str::to_owned)
                .collect(),
        }
    }
}

fn write_program(path: &Path, text: &str) {
    // Not over what a link points to.
    let _ = fs::remove_file(path);
    fs::write(path, text).expect("a program");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("its permissions");
}

fn find_tool(name: &str) -> PathBuf {
    let folders = ["/bin", "/usr/bin", "/usr/local/bin"].map(Path::new);
    let found = folders
        .iter()
        .map(|folder| folder.join(name))
        .find(|path| path.exists());
    found.unwrap_or_else(|| panic!("this machine has no {name}"))
}

/// Runs `env` with the arguments that follow, on a terminal of its own.
fn on_a_terminal() -> Command {
    let program =
        "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let mut command = Command::new("python3");
    command.args(["-c", program]).arg(find_tool("env"));
    command
}
