//! Builds submissions from flags.

use clap::Args;
use serde_json::{Map, Value, json};

use super::error::ClientError;
use super::numbers::whole;
use super::observable_text;
use super::parameters::{ParameterArgs, name_and_list, read_object};

/// The fields of a submission
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Task")]
pub struct SubmissionArgs {
    /// A benchmark problem instead of circuits
    #[arg(long, value_name = "ID", conflicts_with_all = ["files", "shots", "seed", "memory", "probabilities", "statevector", "observables", "sweep", "single", "all"])]
    problem: Option<String>,

    /// The agent's configuration: a JSON object, or a file with one
    #[arg(long, value_name = "FILE|JSON", requires = "problem")]
    agent_config: Option<String>,

    /// How many steps the agent may take (30)
    #[arg(long, value_name = "N", requires = "problem", value_parser = whole)]
    max_steps: Option<u64>,

    /// How long one attempt at the problem may run, in minutes (30)
    #[arg(
        long,
        value_name = "MINUTES",
        requires = "problem",
        conflicts_with = "timeout", value_parser = whole)]
    timeout_minutes: Option<u64>,

    /// How often a circuit is run and measured: 1 to 1,000,000, also as 1e3 (1024); 0 for exact results only
    #[arg(long, short, value_name = "N", value_parser = whole)]
    shots: Option<u64>,

    /// The same seed gives the same counts
    #[arg(long, value_name = "N", value_parser = whole)]
    seed: Option<u64>,

    /// Keep the outcome of each shot (in the document: execution.memory)
    #[arg(long)]
    memory: bool,

    /// List the exact probability of each outcome, where nothing in the middle of the circuit is random
    #[arg(long)]
    probabilities: bool,

    /// The expectation of a Pauli sum before the final measurements: `ZZ`, `0.5*ZZ+0.2*XI`; the
    /// rightmost letter is qubit 0. Exact with `--shots 0`; repeat it for several
    #[arg(long = "observable", value_name = "SUM", value_parser = observable_text::parse, allow_hyphen_values = true)]
    observables: Vec<Value>,

    /// Run once for each value of an `input`: `theta=0:6.28:100` (100 numbers, both ends included) or
    /// `theta=[0.1,0.2]`; several lists advance together
    #[arg(long = "sweep", value_name = "NAME=LIST", value_parser = name_and_list)]
    sweep: Vec<(String, Value)>,

    /// List the amplitudes before the final measurements, for up to 16 qubits
    #[arg(long)]
    statevector: bool,

    /// Who is to run it (simulator; aiopslab for a problem)
    #[arg(long, short, value_name = "NAME")]
    backend: Option<String>,

    /// 0 to 10, higher first (5)
    #[arg(long, short, value_name = "N", value_parser = whole)]
    priority: Option<u64>,

    /// A name to find it by (the name of its file)
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// A tag to find it by; repeat it for several
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,

    /// Data of your own, as text; repeat it for several
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    metadata: Vec<(String, String)>,

    /// How long one attempt may run (300)
    #[arg(long, value_name = "SECONDS", value_parser = whole)]
    timeout: Option<u64>,

    /// How many attempts it gets when workers die or fail for a passing reason (3)
    #[arg(long, value_name = "N", value_parser = whole)]
    max_attempts: Option<u64>,

    /// A URL that is called when the task has ended
    #[arg(long, value_name = "URL")]
    callback_url: Option<String>,

    #[command(flatten)]
    parameters: ParameterArgs,
}

/// The fields that all tasks of one invocation share.
#[derive(Debug)]
pub struct SubmissionTemplate {
    fields: Map<String, Value>,
    problem: Option<String>,
}

impl SubmissionArgs {
    /// The fields of the flags; the service sets the defaults of the others.
    pub fn template(&self) -> Result<SubmissionTemplate, ClientError> {
        self.fields().map(|fields| SubmissionTemplate {
            fields,
            problem: self.problem.clone(),
        })
    }

    fn fields(&self) -> Result<Map<String, Value>, ClientError> {
        let parameters = self.parameters.read()?;
        let agent_config = self.agent_config.as_deref();
        let agent_config = agent_config
            .map(|given| read_object("--agent-config", given))
            .transpose()?;
        let metadata: Map<String, Value> = self
            .metadata
            .iter()
            .map(|(key, value)| (key.clone(), json!(value)))
            .collect();
        let fields = [
            ("agent_config", agent_config.map(Value::Object)),
            ("max_steps", self.max_steps.map(Value::from)),
            ("timeout_minutes", self.timeout_minutes.map(Value::from)),
            ("shots", self.shots.map(Value::from)),
            ("seed", self.seed.map(Value::from)),
            ("memory", switch(self.memory)),
            ("probabilities", switch(self.probabilities)),
            ("statevector", switch(self.statevector)),
            ("parameters", parameters.map(Value::Object)),
            (
                "observables",
                (!self.observables.is_empty()).then(|| json!(self.observables)),
            ),
            ("sweep", self.sweep()?.map(Value::Object)),
            ("backend", self.backend.clone().map(Value::from)),
            ("priority", self.priority.map(Value::from)),
            ("name", self.name.clone().map(Value::from)),
            ("tags", (!self.tags.is_empty()).then(|| json!(self.tags))),
            (
                "metadata",
                (!metadata.is_empty()).then_some(Value::Object(metadata)),
            ),
            ("timeout_seconds", self.timeout.map(Value::from)),
            ("max_attempts", self.max_attempts.map(Value::from)),
            ("callback_url", self.callback_url.clone().map(Value::from)),
        ];
        let given = fields.into_iter();
        Ok(given
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect())
    }
}

impl SubmissionArgs {
    /// The lists of `--sweep` and of ranges of `--parameter`.
    fn sweep(&self) -> Result<Option<Map<String, Value>>, ClientError> {
        let mut lists = self.parameters.sweep();
        for (name, list) in &self.sweep {
            if lists.insert(name.clone(), list.clone()).is_some() {
                let message = format!("--sweep {name}: is given twice");
                return Err(ClientError::Usage(message));
            }
        }
        Ok((!lists.is_empty()).then_some(lists))
    }
}

impl SubmissionTemplate {
    /// The problem id, if the submission is a problem.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// The body of a circuit, which is called `name` unless the flags set a name.
    pub fn of_circuit(&self, circuit: &str, name: Option<String>) -> String {
        let mut fields = self.fields.clone();
        if let Some(name) = name {
            fields.entry("name").or_insert(Value::from(name));
        }
        with(fields, "circuit", circuit)
    }

    /// The body of the problem.
    pub fn of_problem(&self) -> String {
        let problem = self.problem().unwrap_or_default();
        with(self.fields.clone(), "problem_id", problem)
    }
}

fn with(mut fields: Map<String, Value>, name: &str, value: &str) -> String {
    fields.insert(name.to_owned(), json!(value));
    Value::Object(fields).to_string()
}

/// A flag that is not set is omitted: the service sets its default.
fn switch(on: bool) -> Option<Value> {
    on.then_some(Value::Bool(true))
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("KEY=VALUE is needed")?;
    if key.is_empty() {
        return Err("the key is empty".to_owned());
    }
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Command, FromArgMatches};

    fn body(arguments: &[&str]) -> Result<Value, String> {
        let files = clap::Arg::new("files").num_args(0..);
        let command = SubmissionArgs::augment_args(Command::new("submit").arg(files));
        let words = std::iter::once(&"submit").chain(arguments);
        let matches = command
            .try_get_matches_from(words)
            .map_err(|error| error.to_string())?;
        let args = SubmissionArgs::from_arg_matches(&matches).map_err(|error| error.to_string())?;
        let template = SubmissionTemplate {
            fields: args.fields().map_err(|error| error.to_string())?,
            problem: args.problem,
        };
        let body = if template.problem().is_some() {
            template.of_problem()
        } else {
            template.of_circuit("qubit q;", None)
        };
        serde_json::from_str(&body).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_given_is_left_to_the_service() {
        assert_eq!(body(&[]).unwrap(), json!({"circuit": "qubit q;"}));
        assert_eq!(
            body(&["--problem", "p-1"]).unwrap(),
            json!({"problem_id": "p-1"})
        );
    }

    #[test]
    fn every_flag_is_a_field() {
        let flags = "--shots 7 --seed 1 --memory -b mock -p 9 --name n --tag a --tag b --metadata k=v=w --timeout 5 --max-attempts 2 \
                     --probabilities --statevector --observable 0.5*ZZ-XI --observable Z --sweep a=[1,2] --parameter phi=0:1:2 --parameter theta=0.5 --parameter bits=011 --callback-url http://h/";
        let circuit = body(&flags.split_whitespace().collect::<Vec<_>>()).unwrap();
        assert_eq!(
            circuit,
            json!({"circuit": "qubit q;", "shots": 7, "seed": 1, "memory": true, "backend": "mock", "priority": 9, "name": "n",
                   "tags": ["a", "b"], "metadata": {"k": "v=w"}, "timeout_seconds": 5, "max_attempts": 2, "probabilities": true, "statevector": true,
                   "observables": [[{"pauli": "ZZ", "coeff": 0.5}, {"pauli": "XI", "coeff": -1.0}], [{"pauli": "Z", "coeff": 1.0}]],
                   "sweep": {"a": [1, 2], "phi": [0.0, 1.0]}, "parameters": {"theta": 0.5, "bits": "011"}, "callback_url": "http://h/"})
        );
        let flags = [
            "--problem",
            "p",
            "--agent-config",
            "{\"model\": \"m\"}",
            "--max-steps",
            "3",
            "--timeout-minutes",
            "4",
        ];
        assert_eq!(
            body(&flags).unwrap(),
            json!({"problem_id": "p", "agent_config": {"model": "m"}, "max_steps": 3, "timeout_minutes": 4})
        );
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for flags in [
            &["--problem", "p", "--shots", "1"][..],
            &["--problem", "p", "--statevector"],
            &["--problem", "p", "--parameter", "n=1"],
            &["--problem", "p", "--parameters", "{}"],
            &["--problem", "p", "--observable", "Z"],
            &["--observable", "A"],
            &["--sweep", "a=1"],
            &["--sweep", "a=[1]", "--sweep", "a=[2]"],
            &["--parameter", "n"],
            &["--max-steps", "1"],
            &["--metadata", "x"],
            &["--problem", "p", "a.qasm"],
        ] {
            assert!(body(flags).is_err(), "{flags:?}");
        }
        let error = body(&["--problem", "p", "--agent-config", "/no/such.json"]).unwrap_err();
        assert!(error.contains("/no/such.json: No such file"), "{error}");
    }
}
