//! Complex numbers: values on the way to real parameters.

use crate::tests::{assert_refused, outcome};

/// Asserts that a condition holds after these declarations.
fn holds(declarations: &str, condition: &str) {
    let source = format!(
        "OPENQASM 3; {declarations} qubit q; bit o; if ({condition}) {{ x q; }} o = measure q;"
    );
    assert_eq!(outcome(&source), "1", "{condition}");
}

#[test]
fn complex_numbers_are_computed_with() {
    let declared = "complex[float[64]] a = 4 - 5.5im; complex b = 2.0 im; const complex[float] c = 1e1im; float x = 0.5;";
    for condition in [
        "a == 4 - 5.5im",
        "a != b",
        "real(a) == 4 && imag(a) == -5.5",
        "a + b == 4 - 3.5im",
        "a - x == 3.5 - 5.5im",
        "b * b == -4",
        "-b * x == -1im",
        "c / b == 5",
        "(3 + 4im) / (1 - 2im) == -1 + 2im",
        "b ** 0 == 1",
        "abs_square(3 + 4im) == 25",
        "real((1 + 1im) ** 2) < 1e-12 && imag((1 + 1im) ** 2) > 2 - 1e-12",
        "real(x) == 0.5 && imag(2) == 0",
        "imag(complex[float[32]](0.1im)) != 0.1",
    ] {
        let declared = format!(
            "def abs_square(complex[float[64]] z) -> float {{ return real(z)**2 + imag(z)**2; }} {declared}"
        );
        holds(&declared, condition);
    }
    holds(
        "array[complex[float[64]], 2] a = {1, 2im}; complex s; for int i in [0:1] { s += a[i]; }",
        "s == 1 + 2im",
    );
}

#[test]
fn real_parts_are_angles() {
    let source = "OPENQASM 3; complex z = pi * (1 + 1im); qubit q; bit c; rx(real(z)) q; ry(imag(z) - pi) q; c = measure q;";
    assert_eq!(outcome(source), "1");
}

#[test]
fn wrong_complex_numbers_are_refused_at_their_place() {
    for (statement, column, words) in [
        ("rx(1im) q;", 4, "expected a number, found a complex number"),
        ("float x = 1im;", 11, "`real(x)` or `imag(x)`"),
        ("float f = complex(1);", 11, "`real(x)` or `imag(x)`"),
        ("int x = 2 + 1im;", 9, "`real(x)` or `imag(x)`"),
        ("bool b = 1im < 2;", 10, "no order"),
        ("complex z = 1im % 2;", 13, "no remainder"),
        ("complex z = 1im / 0;", 13, "division by zero"),
        ("complex z = \"1\";", 13, "found a bit"),
        ("if (1im) { x q; }", 5, "neither true nor false"),
        ("complex[int[32]] z;", 9, "expected `float`"),
        ("complex[float[20]] z;", 15, "of 32 or 64"),
        ("float f = sin(1im);", 11, "expected a number"),
        ("float f = 1imx;", 11, "neither a number nor a name"),
    ] {
        assert_refused(
            &format!("OPENQASM 3; qubit q;\n{statement}"),
            2,
            column,
            words,
        );
    }
}

#[test]
fn quotients_and_powers_of_very_large_and_very_small_numbers_are_right() {
    holds("complex a = 1e200im;", "a / 1e200im == 1 && 1 / a != 0");
    holds("complex a = 1e-200im;", "a / 1e-200im == 1");
    holds("complex a = 1e200im;", "imag(a ** 0.5) > 7e99");
    holds("complex a = 0im;", "a ** 2 == 0 && a ** 0 == 1");
    for exponent in ["-1", "1im", "-1 + 1im"] {
        assert_refused(
            &format!("OPENQASM 3; complex a = 0im; complex b;\nb = a ** ({exponent});"),
            2,
            5,
            "division by zero",
        );
    }
}
