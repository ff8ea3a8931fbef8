//! Small programs in which it depends on values whether and how they run.

use crate::sampling::generator;
use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// Numbers at which powers, divisions, shifts and indices come to their limits.
const NUMBERS: [&str; 22] = [
    "0",
    "1",
    "2",
    "3",
    "4",
    "-1",
    "-2",
    "5",
    "8",
    "64",
    "0.5",
    "1/2",
    "1/3.",
    "-0.25",
    "1e-9",
    "1e9",
    "1e300",
    "9007199254740993",
    "pi",
    "pi/4",
    "-pi/3",
    "1e-17",
];
const SMALL: [&str; 6] = ["0", "1", "2", "3", "-1", "4"];
const FUNCTIONS: [&str; 10] = [
    "sqrt", "log", "arccos", "arcsin", "exp", "sin", "abs", "floor", "tan", "real",
];
const GATES: [&str; 9] = ["x", "h", "s", "t", "sx", "ry(0.3)", "p(2)", "y", "g(0.5)"];

pub(crate) struct Valued {
    pub source: String,
    pub parameters: Map<String, Value>,
}

struct Writer {
    random: Xoshiro256PlusPlus,
    names: usize,
    /// Whole numbers, which are small for the most part.
    whole: Vec<String>,
    real: Vec<String>,
    durations: Vec<String>,
    /// That may be assigned.
    variables: Vec<String>,
    text: String,
}

/// The program of a seed.
pub(crate) fn valued(seed: u64) -> Valued {
    let mut writer = Writer {
        random: generator(seed),
        names: 0,
        whole: Vec::new(),
        real: Vec::new(),
        durations: vec!["100ns".into(), "0ns".into(), "2.5us".into()],
        variables: Vec::new(),
        text: "OPENQASM 3.0;\n".into(),
    };
    let parameters = writer.inputs();
    writer.definitions();
    for _ in 0..2 + writer.below(7) {
        writer.statement(2);
    }
    writer.text.push_str("bit[1] last = measure q[2];\n");
    Valued {
        source: writer.text,
        parameters,
    }
}

impl Writer {
    fn below(&mut self, limit: usize) -> usize {
        self.random.random_range(0..limit)
    }

    fn one_in(&mut self, number: usize) -> bool {
        self.below(number) == 0
    }

    fn of(&mut self, items: &[&'static str]) -> &'static str {
        items[self.below(items.len())]
    }

    fn one_of(&mut self, items: &[String]) -> String {
        items[self.below(items.len())].clone()
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("v{}", self.names)
    }

    /// Inputs of every kind, and values for them that are not extreme.
    fn inputs(&mut self) -> Map<String, Value> {
        let mut parameters = Map::new();
        for number in 0..self.below(4) {
            let name = format!("in{number}");
            let small = self.random.random_range(-2..5_i64);
            let real = self.random.random_range(-8..9_i64);
            #[allow(clippy::cast_precision_loss, reason = "small")]
            let real = real as f64 / 4.0;
            let (ty, value) = match self.below(7) {
                0 | 1 => ("float", json!(real)),
                2 => ("int[8]", json!(small)),
                3 => ("uint[3]", json!(small.unsigned_abs())),
                4 => ("bit[2]", json!(format!("{:02b}", small & 3))),
                5 => ("angle[8]", json!(real)),
                _ => ("duration", json!(format!("{}ns", small.abs()))),
            };
            self.line(&format!("input {ty} {name};"));
            match ty {
                "float" | "angle[8]" => self.real.push(name.clone()),
                "duration" => self.durations.push(name.clone()),
                _ => self.whole.push(name.clone()),
            }
            parameters.insert(name, value);
        }
        parameters
    }

    fn definitions(&mut self) {
        let body = self.of(&[
            "rx(1 / t) a;",
            "pow(t) @ x a;",
            "rz(sqrt(t)) a;",
            "pow(1 / t) @ h a;",
            "rx(t) a;",
        ]);
        self.line(&format!("gate g(t) a {{ {body} }}"));
        self.line("gate twice(t) a, b { g(t) a; pow(t * 2) @ cx a, b; }");
        let result = self.of(&["n", "1 / n", "8 % n", "1 << n", "n - 1", "a[n]"]);
        self.line(&format!(
            "def f(int n, readonly array[int[8], #dim = 1] a) -> int {{ return {result}; }}"
        ));
        self.line("qubit[3] q; bit[3] c; array[int[8], 3] k = {0, 1, 2};");
        for index in 0..self.below(3) {
            let gate = self.of(&["x", "h", "h", "id"]);
            self.line(&format!(
                "{gate} q[{index}]; c[{index}] = measure q[{index}];"
            ));
        }
        let bits = ["c[0]", "c[0:1]", "c", "c[1]"];
        self.whole.extend(bits.map(str::to_owned));
    }

    /// A number, whole ones most often.
    fn value(&mut self, depth: usize) -> String {
        if depth == 0 || self.one_in(3) {
            return match self.below(8) {
                0 if !self.real.is_empty() => self.one_of(&self.real.clone()),
                1 => self.of(&NUMBERS).to_owned(),
                2 => self.of(&SMALL).to_owned(),
                _ => self.one_of(&self.whole.clone()),
            };
        }
        let (a, b) = (self.value(depth - 1), self.value(depth - 1));
        match self.below(16) {
            0 => format!("({a}) / ({b})"),
            1 => format!("({a}) % ({b})"),
            2 => format!("({a}) ** ({b})"),
            3 => format!("({a}) << ({b})"),
            4 => format!("({a}) >> ({b})"),
            5 | 6 => format!("{}({a})", self.of(&FUNCTIONS)),
            7 => format!("int({a})"),
            8 => format!("uint[2]({a})"),
            9 => format!("k[{a}]"),
            10 => format!("f({a}, k)"),
            11 => format!("({a}) - ({b})"),
            12 => format!("({a}) * ({b})"),
            13 => {
                let (a, b) = (self.duration(), self.duration());
                format!("{a} / {b}")
            }
            14 => format!("float({a})"),
            _ => format!("({a}) + ({b})"),
        }
    }

    fn duration(&mut self) -> String {
        let durations = self.durations.clone();
        let one = self.one_of(&durations);
        match self.below(5) {
            0 => format!("({one} / ({}))", self.value(1)),
            1 => format!("({one} * ({}))", self.value(1)),
            2 => format!("({one} - {})", self.one_of(&durations)),
            _ => one,
        }
    }

    fn qubit(&mut self) -> String {
        if self.one_in(2) {
            format!("q[{}]", self.below(3))
        } else {
            format!("q[{}]", self.value(1))
        }
    }

    fn condition(&mut self) -> String {
        let op = self.of(&["==", "<", ">=", "!="]);
        let (a, b) = (self.value(1), self.value(1));
        match self.below(4) {
            0 => format!("{} {op} {}", self.duration(), self.duration()),
            1 => format!("({a}) != 0 && ({b}) / ({a}) > 0"),
            _ => format!("({a}) {op} ({b})"),
        }
    }

    fn gate(&mut self) -> String {
        let (one, other) = (self.qubit(), self.qubit());
        let (value, gate) = (self.value(2), self.of(&GATES));
        match self.below(9) {
            0..=2 => format!("pow({value}) @ {gate} {one};"),
            3 => format!("pow({value}) @ pow({}) @ {gate} {one};", self.value(1)),
            4 => format!("rx({value}) {one};"),
            5 => format!("pow({value}) @ cx {one}, {other};"),
            6 => format!("ctrl @ pow({value}) @ {gate} {one}, {other};"),
            7 => format!("g({value}) {one};"),
            _ => format!("twice({value}) {one}, {other};"),
        }
    }

    fn statement(&mut self, deep: usize) {
        let value = self.value(2);
        match self.below(if deep > 0 { 13 } else { 9 }) {
            0..=2 => {
                let gate = self.gate();
                self.line(&gate);
            }
            3 | 4 => self.declare(&value),
            5 => {
                let (place, length) = (self.value(1), self.duration());
                let line = match self.below(4) {
                    0 => format!("delay[{length}] q[0];"),
                    1 => format!("k[{place}] = int({value});"),
                    2 => format!("c[{place}] = bool({value});"),
                    _ => format!("{} = measure {};", "c[0]", self.qubit()),
                };
                self.line(&line);
            }
            6 | 7 if !self.variables.is_empty() => {
                let variable = self.one_of(&self.variables.clone());
                let op = self.of(&["", "+", "-", "*", "/", "%", "<<", ">>"]);
                self.line(&format!("{variable} {op}= {value};"));
            }
            8 => self.line(&format!("reset q[{}];", self.names % 3)),
            9 | 10 => {
                let condition = self.condition();
                self.line(&format!("if ({condition}) {{"));
                self.block(deep - 1);
                if self.one_in(2) {
                    self.line("} else {");
                    self.block(deep - 1);
                }
                self.line("}");
            }
            11 => {
                let (first, last) = (self.value(1), self.value(1));
                let step = if self.one_in(3) {
                    self.value(0) + ":"
                } else {
                    String::new()
                };
                self.names += 1;
                let name = format!("i{}", self.names);
                self.line(&format!("for int {name} in [{first}:{step}{last}] {{"));
                self.whole.push(name.clone());
                self.block(deep - 1);
                self.whole.retain(|it| *it != name);
                self.line("}");
            }
            12 => {
                self.line(&format!("switch (int({value})) {{ case 0, 1 {{"));
                self.block(deep - 1);
                self.line("} default {");
                self.block(deep - 1);
                self.line("} }");
            }
            _ => {}
        }
    }

    fn declare(&mut self, value: &str) {
        let name = self.name();
        let ty = self.of(&[
            "int", "int[4]", "uint[3]", "float", "bit[2]", "bool", "duration",
        ]);
        match ty {
            "float" => {
                self.line(&format!("float {name} = {value};"));
                self.real.push(name.clone());
                self.variables.push(name);
            }
            "duration" => {
                let length = self.duration();
                self.line(&format!("duration {name} = {length};"));
                self.durations.push(name);
            }
            "bool" => self.line(&format!("bool {name} = {value};")),
            _ => {
                self.line(&format!("{ty} {name} = {ty}({value});"));
                self.whole.push(name.clone());
                self.variables.push(name);
            }
        }
    }

    /// Statements whose names end with them.
    fn block(&mut self, deep: usize) {
        let known = (
            self.whole.len(),
            self.real.len(),
            self.durations.len(),
            self.variables.len(),
        );
        for _ in 0..=self.below(2) {
            self.statement(deep);
        }
        self.whole.truncate(known.0);
        self.real.truncate(known.1);
        self.durations.truncate(known.2);
        self.variables.truncate(known.3);
    }
}

impl Valued {
    /// With everything that makes the program again.
    pub(crate) fn told(&self, seed: u64) -> String {
        let mut text = format!("QTASK_FUZZ_SEED={seed} QTASK_FUZZ_CHECKS=1\n");
        let given = Value::Object(self.parameters.clone());
        writeln!(text, "{}with {given}", self.source).unwrap();
        text
    }
}
