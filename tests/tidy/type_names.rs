//! A type's name has one meaning in a crate.

use crate::model::Crate;
use crate::texts::{assert_none, planted, rust};
use std::collections::BTreeMap;

/// Names that two types of one crate still share.
const KNOWN_IN_SERVICE: &[&str] = &["Failure", "LogPage", "Messages", "PublishOutcome"];
const KNOWN_IN_SIMULATOR: &[&str] = &[
    "Apply",
    "Domain",
    "Expr",
    "GateCall",
    "GateDefinition",
    "Part",
    "Step",
    "Subroutine",
];

/// Names that several structs, enums, unions, traits or type aliases share, without the known ones; and known ones
/// that are unique.
fn violations(krate: &Crate, known: &[&str]) -> Vec<String> {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for module in krate.modules() {
        for item in module.items.iter().filter(|item| item.is_type) {
            let place = format!("{}:{}", module.file, item.line);
            places.entry(&item.name).or_default().push(place);
        }
    }
    let shared = places.iter().filter(|(_, places)| places.len() > 1);
    let unknown = shared.clone().filter(|(name, _)| !known.contains(name));
    let unknown = unknown.map(|(name, places)| format!("{name}: {}", places.join(", ")));
    let is_shared = |name: &str| shared.clone().any(|(it, _)| *it == name);
    let unique = known.iter().filter(|name| !is_shared(name));
    let unique = unique.map(|name| format!("{name} is unique: remove it from the known ones"));
    unknown.chain(unique).collect()
}

#[test]
fn a_type_name_means_one_thing_in_the_service() {
    let krate = Crate::read("src/lib.rs", &rust("src/"));
    assert_none(&violations(&krate, KNOWN_IN_SERVICE));
}

#[test]
fn a_type_name_means_one_thing_in_the_simulator() {
    let folder = "crates/openqasm-simulator/src/";
    let krate = Crate::read(&format!("{folder}lib.rs"), &rust(folder));
    assert_none(&violations(&krate, KNOWN_IN_SIMULATOR));
}

#[test]
fn a_type_name_means_one_thing_in_the_private_database() {
    let folder = "crates/dev-postgres/src/";
    let krate = Crate::read(&format!("{folder}lib.rs"), &rust(folder));
    assert_none(&violations(&krate, &[]));
}

#[test]
fn two_types_of_one_name_are_found_but_associated_types_and_tests_are_not() {
    let texts = planted(&[
        (
            "src/lib.rs",
            "mod a; mod b; mod inner { type Source = u8; }",
        ),
        (
            "src/a.rs",
            "enum Source {} impl Tr for u8 { type Verdict = u8; }",
        ),
        (
            "src/b.rs",
            "struct Verdict; #[cfg(test)] mod tests { struct Source; }",
        ),
    ]);
    let krate = Crate::read("src/lib.rs", &texts);
    assert_eq!(
        violations(&krate, &[]),
        ["Source: src/a.rs:1, src/lib.rs:1"]
    );
    assert_none(&violations(&krate, &["Source"]));
    let known = violations(&krate, &["Source", "Verdict"]);
    assert_eq!(known, ["Verdict is unique: remove it from the known ones"]);
}
