//! The examples and rules of the OpenQASM 3 specification, section by section, with the values that
//! its text gives; and what `docs/circuits.md` says about those that this simulator does not follow.

use crate::tests::answers::{Answer, assert_answers};
use crate::tests::corpus;
use std::path::PathBuf;

#[test]
fn the_examples_of_the_specification_have_the_values_of_its_text() {
    assert_answers("specification");
}

#[test]
fn each_deviation_from_the_specification_is_documented() {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/circuits.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once("## The specification").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let mut found = 0;
    for (name, _) in corpus("specification") {
        let Some(line) = Answer::read("specification", &name).documented else {
            continue;
        };
        found += 1;
        assert!(
            section.contains(&line),
            "{name}: docs/circuits.md lacks {line:?}"
        );
    }
    assert!(found > 0, "no program names a deviation");
}
