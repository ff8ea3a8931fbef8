//! The crates of the workspace, and planted circles.

use super::{known, violations};
use crate::model::Crate;
use crate::texts::{assert_none, planted, rust};

fn found_in(files: &[(&str, &str)]) -> Vec<String> {
    violations(&Crate::read("src/lib.rs", &planted(files)), &[])
}

#[test]
fn the_files_of_the_service_form_no_circle() {
    let krate = Crate::read("src/lib.rs", &rust("src/"));
    assert_none(&violations(&krate, known::SERVICE));
}

#[test]
fn the_files_of_the_simulator_form_no_circle() {
    let folder = "crates/openqasm-simulator/src/";
    let krate = Crate::read(&format!("{folder}lib.rs"), &rust(folder));
    assert_none(&violations(&krate, known::SIMULATOR));
}

#[test]
fn the_files_of_the_private_database_form_no_circle() {
    let folder = "crates/dev-postgres/src/";
    let krate = Crate::read(&format!("{folder}lib.rs"), &rust(folder));
    assert_none(&violations(&krate, &[]));
}

#[test]
fn a_circle_through_three_files_is_found_with_its_lines() {
    let found = found_in(&[
        ("src/lib.rs", "mod a; mod b; mod c;"),
        ("src/a.rs", "use crate::b::B; pub struct A;"),
        ("src/b.rs", "pub struct B;\nfn f() { vec![super::c::C]; }"),
        ("src/c.rs", "pub struct C; fn f(a: crate::a::A) {}"),
    ]);
    assert_eq!(
        found,
        [
            "circle:\n  src/a.rs:1 uses B of src/b.rs\n  src/b.rs:2 uses C of src/c.rs\n  src/c.rs:1 uses A of src/a.rs"
        ]
    );
}

#[test]
fn a_child_that_uses_an_item_of_the_parent_that_uses_it_is_a_circle() {
    let parent = "mod child; use child::Child; pub struct Parent;";
    let found = found_in(&[
        ("src/lib.rs", "mod parent;"),
        ("src/parent/mod.rs", parent),
        (
            "src/parent/child.rs",
            "use super::Parent; pub struct Child;",
        ),
    ]);
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn a_re_export_leads_to_the_file_that_defines_the_item() {
    let parent = "mod one; mod two; pub use one::One; pub use two::Two;";
    let no_circle = found_in(&[
        ("src/lib.rs", "mod parent;"),
        ("src/parent/mod.rs", parent),
        ("src/parent/one.rs", "pub struct One;"),
        ("src/parent/two.rs", "use super::One; pub struct Two;"),
    ]);
    assert_none(&no_circle);
    let circle = found_in(&[
        ("src/lib.rs", "mod parent;"),
        ("src/parent/mod.rs", parent),
        ("src/parent/one.rs", "use super::Two; pub struct One;"),
        (
            "src/parent/two.rs",
            "use super::*; fn f(one: One) {} pub struct Two;",
        ),
    ]);
    assert_eq!(circle.len(), 1, "{circle:?}");
}

#[test]
fn methods_that_a_child_adds_to_its_parents_type_and_the_parent_calls_are_a_circle() {
    let parent = "mod child; pub struct Parent; impl Parent { fn f(&self) { self.g(); } }";
    let child = "use super::Parent; impl Parent { pub fn g(&self) {} }";
    let found = found_in(&[
        ("src/lib.rs", "mod parent;"),
        ("src/parent.rs", parent),
        ("src/parent/child.rs", child),
    ]);
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn tests_may_use_what_uses_them() {
    let found = found_in(&[
        ("src/lib.rs", "mod a; mod b;"),
        ("src/a.rs", "use crate::b::B; pub struct A;"),
        (
            "src/b.rs",
            "pub struct B; #[cfg(test)] mod tests { use crate::a::A; }",
        ),
    ]);
    assert_none(&found);
}

#[test]
fn a_known_dependency_that_is_in_no_circle_any_more_is_found() {
    let texts = planted(&[
        ("src/lib.rs", "mod a; mod b;"),
        ("src/a.rs", "use crate::b::B;"),
        ("src/b.rs", "pub struct B;"),
    ]);
    let krate = Crate::read("src/lib.rs", &texts);
    let known = [("src/a.rs", "src/b.rs"), ("src/b.rs", "src/a.rs")];
    assert_eq!(
        violations(&krate, &known),
        [
            "src/b.rs does not use src/a.rs any more: remove the pair",
            "src/a.rs -> src/b.rs is in no circle: remove the pair",
        ]
    );
}

#[test]
fn a_known_folder_stands_for_the_dependencies_between_its_files() {
    let texts = planted(&[
        ("src/lib.rs", "mod a; mod b;"),
        ("src/a/mod.rs", "mod one; mod two;"),
        ("src/a/one.rs", "use super::two::Two; pub struct One;"),
        ("src/a/two.rs", "use super::one::One; pub struct Two;"),
        ("src/b.rs", ""),
    ]);
    let krate = Crate::read("src/lib.rs", &texts);
    assert_none(&violations(&krate, &[("src/a/", "src/a/")]));
    assert_eq!(
        violations(&krate, &[("src/a/", "src/a/"), ("src/b.rs", "src/a/")]),
        ["src/b.rs does not use src/a/ any more: remove the pair"]
    );
}
