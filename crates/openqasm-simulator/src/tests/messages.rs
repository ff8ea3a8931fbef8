//! Typical mistakes, and what is said about them: one circuit and its messages on each line.

use crate::tests::errors;

/// What is said, each with its place: `line:column message`.
fn said(source: &str) -> Vec<String> {
    let errors = errors(source);
    let told = errors
        .iter()
        .map(|error| format!("{}:{} {}", error.line, error.column, error.message));
    told.collect()
}

#[track_caller]
fn assert_said(source: &str, messages: &[&str]) {
    assert_eq!(said(source), messages, "{source}");
}

#[test]
fn a_semicolon_or_comma_that_is_missing_is_asked_for_where_it_belongs() {
    assert_said("qubit q\nh q;", &["1:8 expected `;`, found `h`"]);
    assert_said(
        "qubit[2] q; h q[0] cx q[0], q[1];",
        &["1:19 expected `,` or `;`, found `cx`"],
    );
    assert_said(
        "qubit[2] q; cx q[0] q[1];",
        &["1:20 expected `,` or `;`, found `q`"],
    );
    assert_said(
        "OPENQASM 3.0\ninclude \"stdgates.inc\";\nqubit q;",
        &["1:13 expected `;`, found `include`"],
    );
    assert_said(
        "include \"stdgates.inc\" qubit q; h q;",
        &["1:23 expected `;`, found `qubit`"],
    );
    assert_said(
        "qubit q\nbit c\nh q\nc = measure q",
        &[
            "1:8 expected `;`, found `bit`",
            "2:6 expected `;`, found `h`",
            "3:4 expected `;`, found `c`",
            "4:14 expected `;`, found the end of the circuit",
        ],
    );
    assert_said(
        "gate g a b { cx a, b; } qubit q; x q;",
        &["1:10 expected `,` or `{`, found `b`"],
    );
}

#[test]
fn a_misspelt_word_finds_the_one_that_was_meant() {
    assert_said(
        "qubit[2] q; hh q[0]; cxx q[0], q[1]; H q[0]; hadamard q; Rx(0.2) q;",
        &[
            "1:13 there is no gate `hh`; did you mean `h`?",
            "1:22 there is no gate `cxx`; did you mean `cx`?",
            "1:38 there is no gate `H`; did you mean `h`?",
            "1:46 there is no gate `hadamard`; did you mean `h`?",
            "1:58 there is no gate `Rx`; did you mean `rx`?",
        ],
    );
    assert_said(
        "qubit[2] qr; bit[2] cr; measur qr; barier qr; h qr1[0]; rz(Pi) qr[0];",
        &[
            "1:25 there is no gate `measur`; did you mean `measure`?",
            "1:36 there is no gate `barier`; did you mean `barrier`?",
            "1:49 `qr1` is not declared; did you mean `qr`?",
            "1:60 `Pi` is not declared; did you mean `pi`?",
        ],
    );
    assert_said(
        "Qubit[2] q; h q;",
        &["1:1 `Qubit` is not a type or a gate; did you mean `qubit`?"],
    );
    assert_said(
        "double d = 1.0; string s = \"x\";",
        &[
            "1:1 `double` is not a type; did you mean `float`?",
            "1:17 `string` is not a type",
        ],
    );
    assert_said(
        "bool b = True; int n = 2 * tou;",
        &[
            "1:10 `True` is not declared; did you mean `true`?",
            "1:28 `tou` is not declared",
        ],
    );
    assert_said(
        "qubit q; rx(Sin(1)) q; rx(ceil(1)) q; rx(foo(1)) q;",
        &[
            "1:13 there is no function or subroutine `Sin`; did you mean `sin`?",
            "1:27 there is no function or subroutine `ceil`; did you mean `ceiling`?",
            "1:42 there is no function or subroutine `foo`; a subroutine must be defined before it is used",
        ],
    );
    assert_said(
        "qubit[2] q; control @ x q[0], q[1]; inverse @ s q[0];",
        &[
            "1:13 there is no modifier `control`; did you mean `ctrl`?",
            "1:37 there is no modifier `inverse`; did you mean `inv`?",
        ],
    );
    assert_said(
        "openqasm 3.0; qubit q;",
        &["1:1 expected `OPENQASM 3.0;`, found `openqasm`"],
    );
    assert_said(
        "qubit[2] q; iswp q[0], q[1]; grover q; rzz q[0], q[1]; mygate q;",
        &[
            "1:13 there is no gate `iswp`; did you mean `iswap`?",
            "1:30 there is no gate `grover`; a gate must be defined before it is used",
            "1:40 gate `rzz` takes 1 parameter, not 0",
            "1:56 there is no gate `mygate`; a gate must be defined before it is used",
        ],
    );
}

#[test]
fn numbers_of_qubits_and_parameters_are_named() {
    assert_said(
        "qubit[2] q; cx q[0]; h q[0], q[1]; ccx q[0], q[1];",
        &[
            "1:13 `cx` takes 2 qubits here, not 1",
            "1:22 `h` takes 1 qubit here, not 2",
            "1:36 `ccx` takes 3 qubits here, not 2",
        ],
    );
    assert_said(
        "qubit[2] q; rx q[0]; rx(0.1, 0.2) q[0]; u3(0.1) q[0]; h(0.1) q[0]; rz() q[0];",
        &[
            "1:13 gate `rx` takes 1 parameter, not 0",
            "1:22 gate `rx` takes 1 parameter, not 2",
            "1:41 gate `u3` takes 3 parameters, not 1",
            "1:55 gate `h` takes 0 parameters, not 1",
            "1:68 gate `rz` takes 1 parameter, not 0",
        ],
    );
    assert_said(
        "qubit[2] q; cx(q[0], q[1]); h(q);",
        &[
            "1:13 gate `cx` takes 0 parameters, not 2; qubits stand behind the gate without parentheses",
            "1:29 gate `h` takes 0 parameters, not 1; qubits stand behind the gate without parentheses",
        ],
    );
    assert_said(
        "qubit q; rx 0.5 q; rx(0.5), q;",
        &[
            "1:13 expected a qubit, found `0.5`; a number is a parameter, as in `rx(0.5) q;`, or an index, as in `h q[0];`",
            "1:27 expected a qubit, found `,`",
        ],
    );
    assert_said(
        "qubit[2] a; qubit[3] b; cx a, b; cx a[0], a[0];",
        &[
            "1:25 the registers differ in size: 2 and 3 qubits",
            "1:43 the same qubit is used twice by one gate",
        ],
    );
}

#[test]
fn indices_and_sizes_are_counted() {
    assert_said(
        "qubit[2] q; bit[2] c; h q[2]; c[2] = measure q[0]; h q[-3];",
        &[
            "1:27 index 2 is out of range: `q` has 2 elements, counted from 0",
            "1:33 index 2 is out of range: `c` has 2 elements, counted from 0",
            "1:56 index -3 is out of range: `q` has 2 elements, counted from 0",
        ],
    );
    assert_said(
        "qubit[0] q; bit[-1] c; qubit[2.5] r; qubit[n] s;",
        &[
            "1:7 a size must be at least 1, not 0",
            "1:17 a size must be at least 1, not -1",
            "1:30 expected an integer, found a float",
            "1:44 `n` is not declared",
        ],
    );
    assert_said(
        "int n = 2; qubit[n] q;",
        &["1:18 a size must be a constant: its value must be known before the run"],
    );
    assert_said(
        "bit c[2]; qubit q[2];",
        &[
            "1:6 the size of `c` stands behind its type: expected `bit[...]` before it",
            "1:18 the size of `q` stands behind its type: expected `qubit[...]` before it",
        ],
    );
    assert_said(
        "OPENQASM 3; creg c; qreg q[2]; c[1] = measure q[1];",
        &["1:34 index 1 is out of range: `c` has 1 element, counted from 0"],
    );
    assert_said(
        "qubit[2] q; h q(0); h q[1.5];",
        &["1:16 expected `;`, found `(`; an index stands in brackets, as in `q[0]`"],
    );
    assert_said(
        "qubit[2] q; h q[0; x q[1];",
        &["1:18 expected `]`, found `;`"],
    );
}

#[test]
fn names_that_do_not_exist_or_exist_already_are_told() {
    assert_said(
        "qubit[2] q; h r[0]; rx(theta) q[0];",
        &["1:15 `r` is not declared", "1:24 `theta` is not declared"],
    );
    assert_said(
        "qubit q; bit q; creg q[2];",
        &[
            "1:14 `q` is already declared",
            "1:22 `q` is already declared",
        ],
    );
    assert_said(
        "qubit measure; int in = 1; float pi = 3;",
        &[
            "1:7 expected a name for the qubits, found the keyword `measure`",
            "1:20 expected a name for the variable, found the keyword `in`",
            "1:34 expected a name for the variable, found the keyword `pi`",
        ],
    );
    assert_said(
        "gate foo(t) a { rx(u) a; } gate bar a { h a[0]; } gate baz a { measure a; } qubit q; foo(1) q; bar q;",
        &[
            "1:20 `u` is not declared",
            "1:43 `a` is a single qubit of this gate: expected it without an index",
            "1:64 only gates, barriers and loops over constants are supported in the definition of a gate",
        ],
    );
    assert_said(
        "qubit q; for int i in [0:9] { foo q; rx(u) q; }",
        &[
            "1:31 there is no gate `foo`; a gate must be defined before it is used",
            "1:41 `u` is not declared",
        ],
    );
    assert_said(
        "gate g a { x b; y c; foo a; x a; } qubit q; g q; h r;",
        &[
            "1:14 `b` is not declared",
            "1:19 `c` is not declared",
            "1:22 there is no gate `foo`; a gate must be defined before it is used",
            "1:52 `r` is not declared",
        ],
    );
    assert_said(
        "def f(int a) -> int { return a; } qubit q; f(1) q; int x = f();",
        &[
            "1:44 `f` is a subroutine: expected its arguments in parentheses, and nothing behind them",
            "1:60 `f` takes 1 argument, not 0",
        ],
    );
}

#[test]
fn measurements_are_shown_in_their_right_form() {
    assert_said(
        "qubit[2] q; bit[3] c; c = measure q; bit d = measure q;",
        &[
            "1:23 cannot measure 2 qubits into 3 bits",
            "1:38 cannot measure 2 qubits into 1 bit",
        ],
    );
    assert_said(
        "qubit[2] q; bit[2] c; c -> measure q; c = measure(q);",
        &[
            "1:25 expected a qubit, found `->`; a measurement is written `measure q -> c;` or `c = measure q;`",
            "1:50 expected a qubit, found `(`; qubits stand without parentheses, as in `measure q;`",
        ],
    );
    assert_said(
        "qubit[2] q; bit[2] c; measure q => c; measure q[0], q[1]; measure q into c; c[0] measure q[0];",
        &[
            "1:32 expected `->` or `;`, found `=`; it is written `measure q -> c;` or `c = measure q;`",
            "1:51 expected `->` or `;`, found `,`; one measurement takes one qubit or one register",
            "1:68 expected `->` or `;`, found `into`",
            "1:82 expected `=`, found `measure`",
        ],
    );
    assert_said(
        "qubit[2] q; bit[2] c; measure c -> q; if (q[0]) { x q[1]; }",
        &[
            "1:36 cannot measure into `q`: it is a qubit; expected classical bits",
            "1:43 `q` is a qubit, not a value; measure it into a bit first",
        ],
    );
    assert_said(
        "OPENQASM 2.0; include \"qelib1.inc\"; qreg q[2]; creg c[2]; c = measure q;",
        &[
            "1:59 `=` belongs to OpenQASM 3, but the header says version 2; expected `measure q -> c;`",
        ],
    );
    assert_said(
        "OPENQASM 2.0; include \"qelib1.inc\"; qubit[2] q; bit[2] c; h q;",
        &[
            "1:37 `qubit` belongs to OpenQASM 3, but the header says version 2",
            "1:49 `bit` belongs to OpenQASM 3, but the header says version 2",
        ],
    );
}

#[test]
fn what_other_languages_write_is_put_right() {
    assert_said(
        "import qiskit\nqc = QuantumCircuit(2)\nqc.h(0)",
        &["1:1 this looks like Python; expected OpenQASM, such as `OPENQASM 3.0;`"],
    );
    assert_said(
        "# a comment\nqubit q; qc.h(q);",
        &[
            "1:1 expected a statement, found `#`; a comment begins with `//`",
            "2:12 expected a qubit, found `.`; a gate is applied as in `h q[0];`",
        ],
    );
    assert_said(
        "qubit[2] q; for i in [0:1] { h q[i]; }",
        &["1:17 expected a type before the name, such as `for int i in [0:3]`, found `i`"],
    );
    assert_said(
        "qubit[2] q; for i in range(2):\n  h q[i]",
        &["1:17 expected a type before the name, such as `for int i in [0:3]`, found `i`"],
    );
    assert_said(
        "qubit[2] q; for (int i = 0; i < 2; i++) { h q[i]; } x r;",
        &[
            "1:17 expected a loop such as `for int i in [0:3]`, found `(`",
            "1:55 `r` is not declared",
        ],
    );
    assert_said(
        "qubit q; bit c; if c == 1 { x q; } else { h q; }",
        &["1:20 expected parentheses around the condition, found `c`"],
    );
    assert_said(
        "qubit q; bit c; if (c = 1) { x q; } else { h q; }",
        &["1:23 expected `)`, found `=`; a comparison is written `==`"],
    );
    assert_said(
        "qubit q; bit c; if (c and true) { x q; } elif (c) { h q; }",
        &[
            "1:23 expected `)`, found `and`; `and` is written `&&`",
            "1:42 expected `else if`, found `elif`",
        ],
    );
    assert_said(
        "qubit q; bit c; if (c == 1) then x q;",
        &["1:29 expected `{` or a statement, found `then`"],
    );
    assert_said(
        "qubit q; int i = 0; i++; rx(2pi) q;",
        &[
            "1:29 this is neither a number nor a name; a product is written with its `*`, as in `2*pi`",
        ],
    );
    assert_said(
        "array[int, 2] b = [1, 2];",
        &["1:19 expected a value, found `[`; a list is written `{1, 2}`"],
    );
    assert_said(
        "{\"circuit\": \"OPENQASM 3;\"}",
        &["1:1 this looks like JSON; expected OpenQASM, such as `OPENQASM 3.0;`"],
    );
}

#[test]
fn what_is_never_closed_is_told_by_its_beginning() {
    assert_said(
        "gate foo a { h a;\nqubit q; foo q;",
        &["2:16 expected `}` for the `{` of line 1, column 12, found the end of the circuit"],
    );
    assert_said(
        "qubit[2] q; if (true) { h q[0];\nmeasure q;",
        &["2:11 expected `}` for the `{` of line 1, column 23, found the end of the circuit"],
    );
    assert_said(
        "qubit[2] q; rx(pi/2 q[0]; h q[1];",
        &["1:21 expected `,` or `)`, found `q`"],
    );
    assert_said(
        "include \"stdgates.inc;\nqubit q;",
        &["1:9 this text is never closed on its line"],
    );
    assert_said(
        "qubit q; /* never closed\nx q;",
        &["1:10 this comment is never closed with `*/`"],
    );
    assert_said(
        "qubit[2] q; } h q;",
        &["1:13 expected a statement, found `}`"],
    );
}

#[test]
fn includes_and_versions_are_checked() {
    assert_said(
        "include stdgates.inc; qubit q;",
        &["1:9 expected a quoted file name, found `stdgates`"],
    );
    assert_said(
        "OPENQASM 4.0; qubit q;",
        &["1:10 version 4.0 is not supported; expected 2.0, 3.0 or 3.1"],
    );
    assert_said(
        "qubit q; OPENQASM 3; h q;",
        &["1:10 `OPENQASM` must be the first statement"],
    );
}

#[test]
fn values_have_to_fit_their_types() {
    assert_said(
        "int x = 1.5; uint u = -1; bit[3] d = \"01\"; bool[2] e; int[200] b;",
        &[
            "1:9 a float needs an explicit cast to become an integer, such as `int(x)`",
            "1:23 -1 does not fit in `uint[64]`",
            "1:38 2 bits do not fit a register of 3",
            "1:49 `bool` has no width",
            "1:59 expected a width of at most 128",
        ],
    );
    assert_said(
        "const float theta; input qubit q;",
        &[
            "1:18 expected `=` and a value, found `;`",
            "1:26 expected a type such as `int`, found `qubit`",
        ],
    );
    assert_said(
        "qubit q; rx(pi/) q; rx(*2) q;",
        &[
            "1:16 expected a value, found `)`",
            "1:24 expected a value, found `*`",
        ],
    );
    assert_said(
        "qubit q; rx(1/0) q; rx(sqrt(-1)) q; rx(sin(pi, 2)) q;",
        &[
            "1:13 division by zero",
            "1:24 the result is not a real number",
            "1:40 `sin` takes 1 argument, not 2",
        ],
    );
    assert_said(
        "array[int, 3] a = {1, 2}; a[5] = 1;",
        &["1:19 expected 3 elements here, found 2"],
    );
    assert_said(
        "qubit q; break; return; else { x q; }",
        &[
            "1:10 `break` outside of a loop",
            "1:17 `return` outside of a subroutine",
            "1:25 `else` without its beginning",
        ],
    );
    assert_said(
        "qubit q; break; return; x q;",
        &[
            "1:10 `break` outside of a loop",
            "1:17 `return` outside of a subroutine",
        ],
    );
    assert_said(
        "qubit q; switch (1) { case { x q; } } h r;",
        &[
            "1:28 expected a value, found `{`",
            "1:41 `r` is not declared",
        ],
    );
}

#[test]
fn messages_hold_nothing_that_a_terminal_would_obey() {
    for source in [
        "OPENQASM 3; include \"\u{1b}[31mred\";",
        "OPENQASM 3;\n#pragma braket \u{1b}[31mred\n",
        "OPENQASM 3; qubit q; \u{1b} q;",
    ] {
        for error in errors(source) {
            let shown = [error.message, error.excerpt].concat();
            assert!(!shown.contains(char::is_control), "{shown:?}");
        }
    }
}
