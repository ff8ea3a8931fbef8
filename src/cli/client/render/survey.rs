//! Renders the result of a circuit check for people.

use super::paint::{Cell, Colour, Paint};
use super::table::{self, Column};
use super::text;
use crate::executor::circuit_report::{
    CircuitMemory, CircuitMistake, CircuitSurvey, CircuitVerdict,
};

const INDENT: &str = "  ";
/// The width of the label column.
const NAMES: usize = 14;
/// Maximum number of gates, registers and inputs that are listed.
const MOST_GATES: usize = 30;
const MOST_NAMES: usize = 30;
const MIB: u64 = 1 << 20;

const GATES: &[Column] = &[
    Column::new("GATE").flexible(),
    Column::new("APPLIED").right(),
];

/// The file name and the verdict; below it, the resources that the circuit needs.
pub fn details(name: &str, verdict: &CircuitVerdict, width: usize, paint: Paint) -> Vec<String> {
    let word = if verdict.valid {
        Cell::coloured("valid", Colour::Green)
    } else {
        Cell::coloured("invalid", Colour::Red)
    };
    let title = paint.paint(Colour::Bold, &text::line(name));
    let mut lines = vec![format!("{title}  {}", word.show(paint))];
    if let Some(survey) = &verdict.survey {
        lines.extend(of_survey(survey, width, paint));
    }
    lines
}

fn of_survey(survey: &CircuitSurvey, width: usize, paint: Paint) -> Vec<String> {
    let inner = width.saturating_sub(INDENT.len());
    let mut lines = Vec::new();
    for (name, value) in fields(survey) {
        let room = inner.saturating_sub(NAMES);
        for (place, line) in text::wrap(&value, room).into_iter().enumerate() {
            let shown = if place == 0 { name } else { "" };
            let padding = " ".repeat(NAMES - shown.len());
            lines.push(format!(
                "{}{padding}{line}",
                paint.paint(Colour::Dim, shown)
            ));
        }
    }
    if !survey.gates.is_empty() {
        lines.push(String::new());
        lines.extend(gates(survey, inner, paint));
    }
    if !survey.notes.is_empty() {
        lines.push(String::new());
        let notes = survey.notes.iter();
        let notes = notes.flat_map(|note| text::wrap(&format!("Note: {note}."), inner));
        lines.extend(notes.map(|line| paint.paint(Colour::Yellow, &line)));
    }
    let indented = lines.iter().map(|line| match line.as_str() {
        "" => String::new(),
        line => format!("{INDENT}{line}"),
    });
    indented.collect()
}

fn fields(survey: &CircuitSurvey) -> Vec<(&'static str, String)> {
    let number = |count: u64| text::thousands(count);
    let estimate = |exact, count: u64| {
        let about = if exact { "" } else { "about " };
        format!("{about}{}", number(count))
    };
    let mut qubits = number(u64::from(survey.qubits));
    if survey.qubits_used as u64 != u64::from(survey.qubits) {
        qubits = format!("{qubits}, {} used", number(survey.qubits_used as u64));
    }
    let named = |name: &str, what: String| format!("{name} ({what})");
    let registers = survey.registers.iter();
    let registers = registers.map(|it| named(&it.name, text::count(it.size, "bit")));
    let inputs = survey.inputs.iter();
    let inputs = inputs.map(|it| named(&it.name, it.ty.clone()));
    let mut gates = estimate(survey.counts_are_exact, survey.gate_count);
    if survey.multi_qubit_gates > 0 {
        let several = number(survey.multi_qubit_gates);
        gates = format!("{gates}, {several} of them on two qubits or more");
    }
    let exact = survey.counts_are_exact;
    let fields = [
        ("OpenQASM", survey.openqasm_version.to_string()),
        ("qubits", qubits),
        ("registers", list(registers)),
        ("inputs", list(inputs)),
        ("gates", gates),
        ("measurements", estimate(exact, survey.measurements)),
        ("resets", optional(survey.resets, exact)),
        (
            "depth",
            estimate(survey.depth_is_exact, u64::from(survey.depth)),
        ),
        ("method", survey.method.unwrap_or_default().to_owned()),
        ("memory", survey.memory.map(of_memory).unwrap_or_default()),
    ];
    let said = fields.into_iter().filter(|(_, value)| !value.is_empty());
    said.collect()
}

fn list(mut names: impl ExactSizeIterator<Item = String>) -> String {
    let shown: Vec<String> = names.by_ref().take(MOST_NAMES).collect();
    let shown = shown.join(", ");
    match names.len() {
        0 => shown,
        rest => format!("{shown} and {} more", text::thousands(rest as u64)),
    }
}

fn optional(count: u64, exact: bool) -> String {
    match (count, exact) {
        (0, _) => String::new(),
        (count, true) => text::thousands(count),
        (count, false) => format!("about {}", text::thousands(count)),
    }
}

fn of_memory(memory: CircuitMemory) -> String {
    let limit = mib(memory.limit_bytes);
    let Some(state) = memory.state_bytes.map(mib) else {
        return format!("more than can be counted; the limit is {limit}");
    };
    if memory.fits {
        let reserved = mib(memory.reserved_bytes);
        format!("{state}; {reserved} set aside of {limit}")
    } else {
        format!("{state}; the limit is {limit}")
    }
}

/// `0.5 MiB`, `1,024 MiB`; small numbers in bytes.
fn mib(bytes: u64) -> String {
    if bytes < MIB / 10 {
        return format!("{} bytes", text::thousands(bytes));
    }
    let tenths = bytes.saturating_mul(10) / MIB;
    match tenths % 10 {
        0 => format!("{} MiB", text::thousands(tenths / 10)),
        tenth => format!("{}.{tenth} MiB", text::thousands(tenths / 10)),
    }
}

/// The gates, the most frequent first.
fn gates(survey: &CircuitSurvey, width: usize, paint: Paint) -> Vec<String> {
    let mut gates: Vec<(&String, &u64)> = survey.gates.iter().collect();
    gates.sort_by(|one, other| other.1.cmp(one.1).then_with(|| one.0.cmp(other.0)));
    let shown = gates.iter().take(MOST_GATES);
    let row = |(name, count): &(&String, &u64)| {
        vec![name.as_str().into(), text::thousands(**count).into()]
    };
    let rows: Vec<Vec<Cell>> = shown.map(row).collect();
    let mut lines = table::render(GATES, &rows, width, paint);
    if let Some(rest) = gates.len().checked_sub(MOST_GATES).filter(|rest| *rest > 0) {
        lines.push(format!("and {} more", text::thousands(rest as u64)));
    }
    lines
}

/// An error as `file:line:column: message`, and below it the source line with a caret.
pub fn mistake(name: &str, mistake: &CircuitMistake) -> Vec<String> {
    // A line break in the name would end the line.
    let name = text::line(name);
    let place = match (mistake.line, mistake.column) {
        (Some(line), Some(column)) => format!("{name}:{line}:{column}"),
        _ => name,
    };
    let mut lines = vec![format!("{place}: {}", mistake.message)];
    if let (Some(line), Some(caret)) = (&mistake.source_line, mistake.caret) {
        let before: String = line.chars().take(caret).collect();
        let blanks = " ".repeat(text::width(&text::line(&before)));
        lines.push(format!("{INDENT}{line}"));
        lines.push(format!("{INDENT}{blanks}^"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::CircuitCheck;
    use openqasm_simulator::Stop;

    fn verdict(source: &str) -> CircuitVerdict {
        let circuit_check = CircuitCheck::new(source.to_owned(), None, 1 << 30);
        circuit_check.run(&Stop::default()).unwrap()
    }

    #[test]
    fn a_sheet_says_what_a_circuit_takes() {
        let source =
            "OPENQASM 3; input float a; qubit[20] q; bit[2] c; h q; ctrl @ rx(a) q[0], q[1];
                      c[0] = measure q[0]; if (c[0]) x q[3];";
        let details = details("a.qasm", &verdict(source), 100, Paint(false));
        assert_eq!(
            details,
            [
                "a.qasm  valid",
                "  OpenQASM      3",
                "  qubits        20",
                "  registers     c (2 bits)",
                "  inputs        a (float[64])",
                "  gates         about 22, 1 of them on two qubits or more",
                "  measurements  about 1",
                "  depth         about 4",
                "  method        statevector",
                "  memory        16 MiB; 64 MiB set aside of 1,024 MiB",
                "",
                "  GATE       APPLIED",
                "  h               20",
                "  ctrl @ rx        1",
                "  x                1",
                "",
                "  Note: what runs depends on outcomes, or on inputs without a value: the gates of all branches are",
                "  counted, a loop body without a known end once; the depth is that of the longest branch.",
            ]
        );
        for width in 40..120 {
            let lines = super::details("a.qasm", &verdict(source), width, Paint(false));
            assert!(
                lines.iter().all(|line| text::width(line) <= width),
                "{width}"
            );
        }
    }

    #[test]
    fn a_mistake_has_its_caret_under_its_place() {
        let found = verdict("OPENQASM 3;\nqubit ψ; /* 量子 */ hh ψ;");
        assert_eq!(
            mistake("a.qasm", &found.errors[0]),
            [
                &format!("a.qasm:2:19: {}", found.errors[0].message),
                "  qubit ψ; /* 量子 */ hh ψ;",
                "                      ^",
            ]
        );
        let broken = mistake("a\nb.qasm", &found.errors[0]);
        assert!(broken[0].starts_with("a\\nb.qasm:2:19: "), "{}", broken[0]);
    }

    #[test]
    fn many_registers_are_summed_up() {
        let registers: Vec<String> = (0..1040).map(|n| format!("bit b{n};")).collect();
        let details = details("a.qasm", &verdict(&registers.concat()), 100, Paint(false));
        assert!(details.len() < 20, "{}", details.len());
        assert!(details.join("\n").contains("b29 (1 bit) and 1,010 more"));
    }

    #[test]
    fn bytes_are_readable() {
        let shown = [64, 16 << 16, 3 << 19, 1 << 30].map(mib);
        assert_eq!(shown, ["64 bytes", "1 MiB", "1.5 MiB", "1,024 MiB"]);
    }
}
