//! The smallest program of each kind that once had a wrong result, or was refused or accepted
//! wrongly. `NAME.json` beside it tells the right answer.

use crate::tests::answers::assert_answers;

#[test]
fn the_smallest_programs_of_each_kind_have_the_right_answer() {
    assert_answers("smallest");
}
