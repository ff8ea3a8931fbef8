//! Clifford gates: gates that map every Pauli operator to a Pauli operator. A tableau needs only an operation's
//! effect on the Pauli operators of its qubits.

use crate::ir::complex::{Complex, Matrix};
use crate::statevector::op::Op;

/// Tolerance of an element against that of an exact Clifford gate: far above the rounding of an angle's sine, far
/// below what any number of shots can resolve.
const TOLERANCE: f64 = 1e-10;

/// The image of X, Z or Y of one qubit: a Pauli operator (`x`, `z`; both for Y) with a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Local {
    pub x: Image,
    pub z: Image,
    /// Whether Y gets a sign beyond those of X and Z.
    pub y_negative: bool,
}

/// A Pauli operator other than the identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Image {
    pub x: bool,
    pub z: bool,
    pub negative: bool,
}

/// A step on a tableau.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clifford {
    Local { target: u8, local: Local },
    ControlledX { control: u8, target: u8 },
    ControlledZ { a: u8, b: u8 },
    Swap { a: u8, b: u8 },
}

/// The steps of an operation, in order, up to a global phase; `None` if it is not Clifford.
pub(crate) fn steps(op: &Op) -> Option<Vec<Clifford>> {
    match *op {
        Op::Swap { a, b, on: 0, .. } => Some(vec![Clifford::Swap { a, b }]),
        Op::Swap { .. } => None,
        Op::Phase { on, value, factor } => phase(on, value, factor),
        Op::Unitary {
            target,
            on,
            value,
            matrix,
        } => match on.count_ones() {
            0 => Some(vec![Clifford::Local {
                target,
                local: local(&matrix)?,
            }]),
            1 => controlled(on, value, target, &matrix),
            _ => is_near(&matrix, &Matrix::IDENTITY).then(Vec::new),
        },
    }
}

fn gate(target: u8, matrix: &Matrix) -> Option<Clifford> {
    local(matrix).map(|local| Clifford::Local { target, local })
}

const X: Matrix = Matrix {
    a: Complex::ZERO,
    b: Complex::ONE,
    c: Complex::ONE,
    d: Complex::ZERO,
};
const Z: Matrix = Matrix::diagonal(Complex::ONE, Complex::new(-1.0, 0.0));
/// XZ, which is Y up to a phase.
const XZ: Matrix = Matrix {
    a: Complex::ZERO,
    b: Complex::new(-1.0, 0.0),
    c: Complex::ONE,
    d: Complex::ZERO,
};

/// A factor on basis states whose qubits in the mask have the given values.
fn phase(on: u64, value: u64, factor: Complex) -> Option<Vec<Clifford>> {
    if (factor - Complex::ONE).norm2() < TOLERANCE * TOLERANCE || on == 0 {
        return Some(Vec::new());
    }
    let (lowest, highest) = ends(on);
    match on.count_ones() {
        1 if value == 0 => Some(vec![gate(lowest, &Matrix::diagonal(factor, Complex::ONE))?]),
        1 => Some(vec![gate(lowest, &Matrix::diagonal(Complex::ONE, factor))?]),
        2 if (factor + Complex::ONE).norm2() < TOLERANCE * TOLERANCE => {
            let zeros = [lowest, highest].into_iter();
            let mut flips = Vec::new();
            for qubit in zeros.filter(|qubit| value >> qubit & 1 == 0) {
                flips.push(gate(qubit, &X)?);
            }
            let sign = Clifford::ControlledZ {
                a: lowest,
                b: highest,
            };
            Some([flips.as_slice(), &[sign], flips.as_slice()].concat())
        }
        _ => None,
    }
}

/// The lowest and the highest qubit of a non-empty mask.
fn ends(mask: u64) -> (u8, u8) {
    let small = |number: u32| u8::try_from(number).unwrap_or(0);
    (
        small(mask.trailing_zeros()),
        small(63_u32.saturating_sub(mask.leading_zeros())),
    )
}

/// A controlled gate is Clifford if the gate is a Pauli operator times a power of i.
fn controlled(on: u64, value: u64, target: u8, matrix: &Matrix) -> Option<Vec<Clifford>> {
    let (control, _) = ends(on);
    let flip = Clifford::ControlledX { control, target };
    let sign = Clifford::ControlledZ {
        a: control,
        b: target,
    };
    let paulis: [(Matrix, &[Clifford]); 4] = [
        (Matrix::IDENTITY, &[]),
        (X, &[flip]),
        (Z, &[sign]),
        // XZ: first the sign, then the flip.
        (XZ, &[sign, flip]),
    ];
    for (pauli, steps) in paulis {
        let product = pauli.adjoint().times(*matrix);
        let factor = product.a;
        if !is_near(&product, &Matrix::diagonal(factor, factor)) {
            continue;
        }
        let mut found = Vec::with_capacity(5);
        found.extend_from_slice(steps);
        // A power of i where the control is 1; `local` refuses all other phases.
        if (factor - Complex::ONE).norm2() >= TOLERANCE * TOLERANCE {
            found.push(gate(control, &Matrix::diagonal(Complex::ONE, factor))?);
        }
        if value == 0 {
            found.insert(0, gate(control, &X)?);
            found.push(gate(control, &X)?);
        }
        return Some(found);
    }
    None
}

/// The images of the Pauli operators under a matrix; `None` if it is not Clifford.
fn local(matrix: &Matrix) -> Option<Local> {
    let y = XZ.scaled(Complex::I);
    let [x, z, y] = [X, Z, y].map(|pauli| {
        let image = matrix.times(pauli).times(matrix.adjoint());
        [(X, true, false), (Z, false, true), (y, true, true)]
            .into_iter()
            .find_map(|(candidate, x, z)| {
                let negative = is_near(&image, &candidate.scaled(Complex::new(-1.0, 0.0)));
                (negative || is_near(&image, &candidate)).then_some(Image { x, z, negative })
            })
    });
    Some(Local {
        x: x?,
        z: z?,
        y_negative: y?.negative,
    })
}

fn is_near(left: &Matrix, right: &Matrix) -> bool {
    let pairs = [
        (left.a, right.a),
        (left.b, right.b),
        (left.c, right.c),
        (left.d, right.d),
    ];
    let far = |(left, right): (Complex, Complex)| (left - right).norm2();
    pairs
        .into_iter()
        .all(|pair| far(pair) < TOLERANCE * TOLERANCE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::gates::Base;

    fn is_clifford(base: Base, angles: &[f64], on: u64) -> bool {
        let matrix = base.matrix(angles);
        steps(&Op::Unitary {
            target: 0,
            on,
            value: on,
            matrix,
        })
        .is_some()
    }

    #[test]
    fn exactly_the_gates_that_keep_pauli_operators_are_clifford() {
        let quarter = std::f64::consts::FRAC_PI_2;
        for base in [Base::X, Base::Y, Base::Z, Base::H, Base::S, Base::Sdg] {
            assert!(is_clifford(base, &[], 0), "{base:?}");
        }
        for base in [Base::Sx, Base::Sxdg, Base::I] {
            assert!(is_clifford(base, &[], 0), "{base:?}");
        }
        for base in [Base::Rx, Base::Ry, Base::Rz, Base::P] {
            assert!(is_clifford(base, &[3.0 * quarter], 0), "{base:?}");
            assert!(!is_clifford(base, &[quarter + 1e-6], 0), "{base:?}");
            assert!(!is_clifford(base, &[quarter], 2), "{base:?} controlled");
            assert!(
                is_clifford(base, &[2.0 * quarter], 2),
                "{base:?} controlled"
            );
        }
        assert!(!is_clifford(Base::T, &[], 0));
        for base in [Base::X, Base::Y, Base::Z] {
            assert!(is_clifford(base, &[], 2), "controlled {base:?}");
            assert!(!is_clifford(base, &[], 6), "twice controlled {base:?}");
        }
        assert!(!is_clifford(Base::H, &[], 2));
        assert!(!is_clifford(Base::S, &[], 2));
    }
}
