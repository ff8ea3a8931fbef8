//! Maximum sizes of request bodies, as text and parsed.

use crate::domain::submission::Limits;

const MIB: usize = 1 << 20;
/// Maximum size of a body with a circuit, for any `QTASK_MAX_CIRCUIT_MIB`: its text and values fit alone into the
/// memory that all bodies share.
const MAX_WITH_CIRCUIT: usize = 120 * MIB;

/// Maximum size of a body, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxBody {
    /// Size of the text.
    pub text: usize,
    /// Size of text and values together.
    pub parsed: usize,
}

/// Maximum size of a kind of body.
pub trait BodySize {
    /// The maximum under these limits.
    fn max(limits: &Limits) -> MaxBody;
}

/// A body without a circuit.
#[derive(Debug)]
pub struct Plain;

impl BodySize for Plain {
    fn max(_: &Limits) -> MaxBody {
        MaxBody {
            text: 4 * MIB,
            parsed: 64 * MIB,
        }
    }
}

/// A body with one circuit and 2 MiB of other fields. A circuit of up to 59 MiB may take twice its length in JSON
/// because of escapes.
#[derive(Debug)]
pub struct WithCircuit;

impl BodySize for WithCircuit {
    fn max(limits: &Limits) -> MaxBody {
        let text = 2 * limits.max_circuit_bytes + 2 * MIB;
        let text = text.min(MAX_WITH_CIRCUIT);
        MaxBody {
            text,
            // The text and the circuit, or the largest task that consists of tiny values, which takes half of 64 MiB.
            parsed: (2 * text + MIB).max(64 * MIB),
        }
    }
}

/// A batch of tasks: at least one circuit of the maximum length.
#[derive(Debug)]
pub struct Batch;

impl BodySize for Batch {
    fn max(limits: &Limits) -> MaxBody {
        let one = WithCircuit::max(limits);
        MaxBody {
            text: one.text.max(16 * MIB),
            parsed: one.parsed.max(128 * MIB),
        }
    }
}

/// A result of 8 MiB and the other fields. Parsed, an array of one-digit numbers takes 200 MiB, log lines or counts
/// about 100 MiB.
#[derive(Debug)]
pub struct OfResult;

impl BodySize for OfResult {
    fn max(_: &Limits) -> MaxBody {
        MaxBody {
            text: 8 * MIB + MIB / 2,
            parsed: 224 * MIB,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::body_memory::ALL_KIB;
    use crate::api::extract::heap_estimate::HeapEstimate;

    fn limits(mib: usize) -> Limits {
        Limits {
            max_circuit_bytes: mib * MIB,
            ..Limits::default()
        }
    }

    #[test]
    fn bodies_grow_with_the_longest_circuit() {
        let largest = |mib| WithCircuit::max(&limits(mib)).text / MIB;
        assert_eq!([1, 8, 59, 64].map(largest), [4, 18, 120, 120]);
        assert_eq!(Batch::max(&limits(1)).text, 16 * MIB);
        assert_eq!(Batch::max(&limits(8)).text, 18 * MIB);
    }

    #[test]
    fn the_largest_body_of_one_circuit_fits_in_the_memory_that_all_share() {
        for mib in [1, 8, 64] {
            let max = WithCircuit::max(&limits(mib));
            let head = "{\"circuit\": \"";
            let body = format!("{head}{}\"}}", "x".repeat(max.text - head.len() - 2));
            assert_eq!(body.len(), max.text);
            let taken = body.len() + HeapEstimate::of(body.as_bytes()).bytes;
            assert!(taken <= max.parsed, "{mib}: {taken}");
            assert!(Batch::max(&limits(mib)).parsed <= ALL_KIB * 1024);
        }
    }
}
