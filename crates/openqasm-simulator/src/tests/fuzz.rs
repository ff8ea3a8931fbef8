//! Damaged circuits: whatever happens, nothing panics, the stack suffices, and all ends.
//!
//! Environment variables: `QTASK_FUZZ_SECONDS` (how long, 3 without it), `QTASK_FUZZ_MUTANTS` (how many
//! instead), `QTASK_FUZZ_SEED` (that of the first mutant, 1 without it; each next one has the next number). A failure
//! names its mutant and the seed that makes it again.

mod checks;
mod mutate;
mod pieces;
mod valued;

use crate::survey::{MistakeCode, survey};
use crate::tests::corpus;
use crate::{Output, Request, SimulatorError, Stop, check, run};
use mutate::{Original, mutant};
use pieces::SEEDS;
use serde_json::{Map, json};
use std::fs::File;
use std::io::{Seek, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// That of the threads that tokio runs blocking work on, where circuits run.
const STACK_BYTES: usize = 2 << 20;
/// When a mutant is stopped: many never end.
const DEADLINE: Duration = Duration::from_millis(40);
/// When a mutant that was stopped counts as hanging, however busy the machine is.
const HANGS: Duration = Duration::from_secs(10);
/// So many failures are enough.
const FAILURES: usize = 10;
const SHOTS: u32 = 8;

/// What the thread that runs mutants tells the one that watches it.
enum News {
    Begun(u64),
    Failed { seed: u64, how: String },
    Done { ran: u64, refused: u64 },
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: {text}")))
}

fn originals() -> Vec<Original> {
    // Mutants of what runs get the furthest.
    let kinds = ["ok", "ok", "invalid", "hostile"];
    let texts = kinds.iter().flat_map(|kind| corpus(kind));
    let texts = texts.map(|(_, text)| text);
    // What the corpus has little of comes as often as all of the corpus.
    let more = (0..20).flat_map(|_| SEEDS.map(str::to_owned));
    texts.chain(more).map(Original::new).collect()
}

/// Where the mutant under way is kept, for failures that end the whole process.
struct Notebook {
    path: PathBuf,
    file: File,
}

impl Notebook {
    fn new() -> Self {
        let name = format!("qtask-fuzz-{}.qasm", std::process::id());
        let path = std::env::temp_dir().join(name);
        let file = File::create(&path).unwrap();
        Self { path, file }
    }

    fn write(&mut self, source: &str) {
        self.file.set_len(0).unwrap();
        self.file.rewind().unwrap();
        self.file.write_all(source.as_bytes()).unwrap();
    }
}

impl Drop for Notebook {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Everything that can happen, together, is certain.
fn assert_sums(output: &Output) {
    assert_eq!(output.counts.values().sum::<u64>(), u64::from(SHOTS));
    if let Some(probabilities) = &output.probabilities {
        let sum: f64 = probabilities.values().sum();
        assert!((sum - 1.0).abs() < 1e-6, "probabilities add up to {sum}");
    }
    if let Some(amplitudes) = &output.statevector {
        let sum: f64 = amplitudes.iter().flatten().map(|part| part * part).sum();
        assert!((sum - 1.0).abs() < 1e-6, "the state's norm is {sum}");
    }
}

/// Runs one mutant and says whether it ran to its end.
fn try_mutant(source: &str) -> bool {
    let inputs = json!({"w": 0.5, "n": 2});
    let none = Map::new();
    let has_inputs = source.contains("input float w");
    let request = Request {
        source,
        shots: SHOTS,
        seed: Some(1),
        parameters: if has_inputs {
            inputs.as_object()
        } else {
            Some(&none)
        },
        memory: true,
        memory_limit_bytes: 1 << 20,
        probabilities: source.len().is_multiple_of(2),
        statevector: source.len().is_multiple_of(5),
        ..Request::default()
    };
    let stop = Stop::new(Some(Instant::now() + DEADLINE));
    let result = run(&request, &stop);
    assert_survey_agrees(&request, &result);
    match result {
        Ok(output) => {
            assert_sums(&output);
            // What the value of an input makes right may be wrong for others.
            if !has_inputs {
                check(source).expect("what runs passes the check");
            }
            true
        }
        Err(error) => {
            let said = error.to_string();
            assert!(!said.is_empty() && said.len() < 20_000, "{said}");
            if let SimulatorError::Circuit(mistakes) = error {
                let lines = source.split('\n').count();
                assert!(mistakes.iter().all(|mistake| mistake.line <= lines));
            }
            false
        }
    }
}

/// What runs is not refused, and what is exact and refused does not run.
fn assert_survey_agrees(request: &Request<'_>, result: &Result<Output, SimulatorError>) {
    let source = request.source;
    let stop = Stop::new(Some(Instant::now() + Duration::from_secs(4)));
    let Ok(verdict) = survey(request, &stop) else {
        return;
    };
    let is_exact = (verdict.survey.as_ref())
        .is_some_and(|survey| survey.counts_are_exact && survey.depth_is_exact);
    let is_wrong = (verdict.errors.iter()).any(|it| it.code == MistakeCode::InvalidCircuit);
    match result {
        Ok(output) => {
            // Of a way that was not gone nothing is known.
            assert!(
                verdict.valid || !is_exact && !is_wrong,
                "{source}\n{verdict:?}"
            );
            let method = verdict.survey.and_then(|survey| survey.method);
            assert!(
                method.is_none_or(|method| method == output.method),
                "{source}"
            );
        }
        Err(SimulatorError::Stopped(_)) => {}
        Err(error) => {
            let told = error.to_string();
            let is_late = ["outcomes", "gates", "statements"];
            let is_late = is_late.iter().any(|word| told.contains(word));
            let mut notes = verdict.survey.iter().flat_map(|survey| &survey.notes);
            let is_late = is_late || notes.any(|note| note.contains("may fail with a mistake"));
            assert!(!verdict.valid || !is_exact || is_late, "{source}\n{error}");
        }
    }
}

fn run_mutants(first: u64, most: u64, until: Option<Instant>, news: &Sender<News>) {
    let originals = originals();
    let mut notebook = Notebook::new();
    println!("the mutant under way: {}", notebook.path.display());
    let (mut ran, mut refused) = (0, 0);
    for seed in first..first.saturating_add(most) {
        if until.is_some_and(|until| Instant::now() >= until) {
            break;
        }
        let source = mutant(&originals, seed);
        notebook.write(&source);
        news.send(News::Begun(seed)).unwrap();
        match catch_unwind(AssertUnwindSafe(|| try_mutant(&source))) {
            Ok(true) => ran += 1,
            Ok(false) => refused += 1,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
                let how = text.unwrap_or_default();
                news.send(News::Failed { seed, how }).unwrap();
            }
        }
    }
    news.send(News::Done { ran, refused }).unwrap();
}

/// Watches until the end or the first mutant that hangs; collects what failed.
fn watch(news: &Receiver<News>) -> (u64, u64) {
    let mut failures = Vec::new();
    let mut under_way = 0;
    let told = |seed: u64, how: &str| {
        let source = mutant(&originals(), seed);
        format!("QTASK_FUZZ_SEED={seed} QTASK_FUZZ_MUTANTS=1: {how}\n{source}\n")
    };
    let (ran, refused) = loop {
        match news.recv_timeout(HANGS) {
            Ok(News::Begun(seed)) => under_way = seed,
            Ok(News::Failed { seed, how }) => {
                println!("failed: QTASK_FUZZ_SEED={seed}: {how}");
                failures.push(told(seed, &how));
            }
            Ok(News::Done { ran, refused }) => break (ran, refused),
            Err(RecvTimeoutError::Timeout) => {
                panic!("{}", told(under_way, "still runs after 10 s"))
            }
            Err(RecvTimeoutError::Disconnected) => panic!("the thread that runs mutants died"),
        }
        if failures.len() == FAILURES {
            break (0, 0);
        }
    };
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    (ran, refused)
}

#[test]
fn damaged_circuits_never_panic_nor_hang_nor_overflow_the_stack() {
    let most = variable("QTASK_FUZZ_MUTANTS");
    let seconds = variable("QTASK_FUZZ_SECONDS").or_else(|| most.is_none().then_some(3));
    let first = variable("QTASK_FUZZ_SEED").unwrap_or(1);
    let began = Instant::now();
    let until = seconds.map(|seconds| began + Duration::from_secs(seconds));
    println!("the seed of the first mutant: {first}");
    let (sender, news) = channel();
    let worker = std::thread::Builder::new().stack_size(STACK_BYTES);
    let handle = worker
        .spawn(move || run_mutants(first, most.unwrap_or(u64::MAX), until, &sender))
        .unwrap();
    let (ran, refused) = watch(&news);
    handle.join().unwrap();
    let took = began.elapsed().as_secs();
    println!("{ran} mutants ran, {refused} were refused or stopped, in {took} s");
    if ran + refused >= 1000 {
        assert!(ran > (ran + refused) / 40, "{ran} ran, {refused} refused");
    }
}
