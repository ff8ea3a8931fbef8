//! The built-in gates: one-qubit matrices with any number of controls, the swap, the global phase. Names are those of
//! OpenQASM's `stdgates.inc`, Qiskit's `qelib1.inc` and Amazon Braket; gates composed of others are in
//! `sema/library.inc`.

use crate::ir::complex::{Complex, Matrix};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_2, FRAC_PI_4, PI};

/// The effect of a built-in gate on its last qubit (the swap: on its last two).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named after the gates")]
pub enum Base {
    I,
    X,
    Y,
    Z,
    H,
    S,
    Sdg,
    T,
    Tdg,
    Sx,
    Sxdg,
    /// U(θ, φ, λ) of version 3, with its global phase `exp(iθ/2)`.
    U,
    U2,
    /// The `u3` of version 3: U without a phase on average.
    U3,
    /// Qiskit's u(θ, φ, λ, γ): real first element before the phase γ.
    Phased,
    P,
    Rx,
    Ry,
    Rz,
    R,
    Swap,
    GlobalPhase,
    /// One parameter without meaning, no effect (`u0`).
    U0,
}

/// A built-in gate: a base with control qubits before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Builtin {
    /// The effect when all controls are 1.
    pub base: Base,
    /// Number of controls.
    pub controls: u8,
}

impl Builtin {
    /// Finds a built-in gate by any of its names.
    pub fn named(name: &str) -> Option<Self> {
        let (base, controls) = match name {
            "id" | "i" | "I" => (Base::I, 0),
            "x" => (Base::X, 0),
            "y" => (Base::Y, 0),
            "z" => (Base::Z, 0),
            "h" => (Base::H, 0),
            "s" => (Base::S, 0),
            "sdg" | "si" => (Base::Sdg, 0),
            "t" => (Base::T, 0),
            "tdg" | "ti" => (Base::Tdg, 0),
            "sx" | "v" => (Base::Sx, 0),
            "sxdg" | "vi" => (Base::Sxdg, 0),
            "U" => (Base::U, 0),
            "u0" => (Base::U0, 0),
            "u1" | "p" | "phase" | "phaseshift" => (Base::P, 0),
            "u2" => (Base::U2, 0),
            "u3" | "u" => (Base::U3, 0),
            "rx" => (Base::Rx, 0),
            "ry" => (Base::Ry, 0),
            "rz" => (Base::Rz, 0),
            "r" | "prx" => (Base::R, 0),
            "gphase" => (Base::GlobalPhase, 0),
            "cx" | "CX" | "cnot" => (Base::X, 1),
            "cy" => (Base::Y, 1),
            "cz" => (Base::Z, 1),
            "ch" => (Base::H, 1),
            "cs" => (Base::S, 1),
            "csdg" => (Base::Sdg, 1),
            "csx" | "cv" => (Base::Sx, 1),
            "cp" | "cu1" | "cphase" | "cphaseshift" => (Base::P, 1),
            "mcphase" | "mcp" => (Base::P, 3),
            "crx" => (Base::Rx, 1),
            "cry" => (Base::Ry, 1),
            "crz" => (Base::Rz, 1),
            "cu" => (Base::Phased, 1),
            "ccx" | "ccnot" | "toffoli" => (Base::X, 2),
            "ccz" => (Base::Z, 2),
            "c3x" | "mcx" | "mcx_gray" => (Base::X, 3),
            "c4x" => (Base::X, 4),
            "c3sx" | "c3sqrtx" => (Base::Sx, 3),
            "swap" => (Base::Swap, 0),
            "cswap" | "fredkin" => (Base::Swap, 1),
            _ => return None,
        };
        Some(Self { base, controls })
    }

    /// The number of its parameters.
    pub fn parameters(self) -> usize {
        match self.base {
            Base::P | Base::Rx | Base::Ry | Base::Rz | Base::GlobalPhase | Base::U0 => 1,
            Base::U2 | Base::R => 2,
            Base::U | Base::U3 => 3,
            Base::Phased => 4,
            _ => 0,
        }
    }

    /// The number of its qubits, controls included.
    pub fn qubits(self) -> usize {
        let own = match self.base {
            Base::GlobalPhase => 0,
            Base::Swap => 2,
            _ => 1,
        };
        own + usize::from(self.controls)
    }
}

impl Base {
    /// The matrix of a one-qubit base. Formulas: OpenQASM 3 specification, "Standard library".
    pub fn matrix(self, parameters: &[f64]) -> Matrix {
        let one = Complex::ONE;
        let zero = Complex::ZERO;
        let given = |index: usize| parameters.get(index).copied().unwrap_or(0.0);
        let (first, second, third) = (given(0), given(1), given(2));
        let off = |b: Complex, c: Complex| Matrix {
            a: zero,
            b,
            c,
            d: zero,
        };
        let half = Complex::new(0.5, 0.5);
        match self {
            Self::I | Self::U0 | Self::Swap | Self::GlobalPhase => Matrix::IDENTITY,
            Self::X => off(one, one),
            Self::Y => off(-Complex::I, Complex::I),
            Self::Z => Matrix::diagonal(one, -one),
            Self::H => {
                let h = Complex::new(FRAC_1_SQRT_2, 0.0);
                Matrix {
                    a: h,
                    b: h,
                    c: h,
                    d: -h,
                }
            }
            Self::S => Matrix::diagonal(one, Complex::I),
            Self::Sdg => Matrix::diagonal(one, -Complex::I),
            Self::T => Matrix::diagonal(one, Complex::cis(FRAC_PI_4)),
            Self::Tdg => Matrix::diagonal(one, Complex::cis(-FRAC_PI_4)),
            Self::Sx => Matrix {
                a: half,
                b: half.conj(),
                c: half.conj(),
                d: half,
            },
            Self::Sxdg => Matrix {
                a: half.conj(),
                b: half,
                c: half,
                d: half.conj(),
            },
            Self::U => euler(first, second, third).scaled(Complex::cis(first / 2.0)),
            Self::U2 => euler(FRAC_PI_2, first, second).scaled(half_back(first, second)),
            Self::U3 => euler(first, second, third).scaled(half_back(second, third)),
            Self::Phased => euler(first, second, third).scaled(Complex::cis(given(3))),
            Self::P => Matrix::diagonal(one, Complex::cis(first)),
            Self::Rx => euler(first, -FRAC_PI_2, FRAC_PI_2),
            Self::Ry => euler(first, 0.0, 0.0),
            Self::Rz => Matrix::diagonal(Complex::cis(-first / 2.0), Complex::cis(first / 2.0)),
            Self::R => euler(first, second - FRAC_PI_2, FRAC_PI_2 - second),
        }
    }
}

/// `e^{-i(φ+λ)/2}`, without the sum, in which the smaller angle may be lost beside a very large one.
fn half_back(phi: f64, lambda: f64) -> Complex {
    Complex::cis(-phi / 2.0) * Complex::cis(-lambda / 2.0)
}

/// `[[cos, -e^{iλ} sin], [e^{iφ} sin, e^{i(φ+λ)} cos]]` of θ/2, exact where the angle is a
/// multiple of π so that permutations and diagonals keep their fast kernels.
fn euler(theta: f64, phi: f64, lambda: f64) -> Matrix {
    let (mut sin, mut cos) = (theta / 2.0).sin_cos();
    #[allow(clippy::float_cmp, reason = "only the exact angle has exact zeros")]
    if theta.abs() == PI {
        cos = 0.0;
        sin = theta.signum();
    }
    // Not the exponential of the sum: the rounded sum would not match the angles of the other elements.
    let (phi, lambda) = (Complex::cis(phi), Complex::cis(lambda));
    Matrix {
        a: Complex::new(cos, 0.0),
        b: -lambda.scale(sin),
        c: phi.scale(sin),
        d: (phi * lambda).scale(cos),
    }
}
