//! The smallest programs whose values differed from those that the specification's text gives them.

use crate::tests::gives;

#[test]
fn loops_run_over_sets_of_every_scalar_type() {
    gives(
        "1",
        "duration s = 0ns; for duration d in {1ns, 2ns} { s += d; } bit o = s == 3ns;",
    );
    gives(
        "1",
        "complex s = 0; for complex z in {1im, 2} { s += z; } bit o = s == 2 + 1im;",
    );
}

#[test]
fn loops_run_over_parts_of_arrays_whose_size_only_the_call_tells() {
    gives(
        "110",
        "def f(readonly array[int[8], #dim = 1] p) -> int { int s = 0; for int e in p[1:-1] { s += e; } return s; }
         array[int[8], 3] a = {1, 2, 4}; bit[3] o = f(a);",
    );
    gives(
        "10",
        "def f(readonly array[int[8], #dim = 1] p) -> int { int s = 0; for int e in p[-2:1] { s += e; } return s; }
         array[int[8], 3] a = {1, 2, 4}; bit[2] o = f(a);",
    );
}

#[test]
fn the_size_of_an_array_is_a_uint() {
    gives("1", "array[int, 2] a; bit o = sizeof(a) - 3 > 0;");
    gives(
        "1",
        "def f(readonly array[int, #dim = 1] p) -> bool { return -sizeof(p) > 0; } array[int, 2] a; bit o = f(a);",
    );
}

#[test]
fn booleans_become_complex_numbers() {
    gives("1", "complex z = true; bit o = z + true == 2;");
}

#[test]
fn of_two_angles_that_are_equally_near_the_even_one_is_taken() {
    gives(
        "00111110",
        "bit[8] o = bit[8](angle[8](tau * (125. / 512.)));",
    );
    gives(
        "01000000",
        "bit[8] o = bit[8](angle[8](tau * (127. / 512.)));",
    );
}

#[test]
fn a_bit_at_a_computed_place_is_a_register_of_one() {
    for index in ["0:0", "-1:-1", "0:2:0", "{0}", "{-1}"] {
        gives(
            "1",
            &format!("uint[4] n = 5; int i = 2; bit o = n[i][{index}];"),
        );
    }
}

#[test]
fn indices_are_no_calls_of_subroutines() {
    gives(
        "1",
        "const bit[4] m = \"0010\"; def f() { } const bool known = m[0] || m[1]; bit o = known;",
    );
}

#[test]
fn calls_beside_what_decides_are_not_made() {
    gives(
        "1",
        "def f(mutable array[int, 1] p) -> int { p[0] += 1; return p[0]; } array[int, 1] a = {0};
         bool b = false && (f(a) in {1}); b = true || (f(a) + 1)[0]; bit o = a[0] == 0;",
    );
    gives(
        "0",
        "def f(int n) -> int { return n; } bit o = false && f(1) / 0 == 1 / 0;",
    );
}
