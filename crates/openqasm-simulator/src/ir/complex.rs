//! Complex numbers and the 2×2 matrices of one-qubit gates.

use std::f64::consts::{FRAC_PI_4, PI, TAU};
use std::ops::{Add, Mul, Neg, Sub};

/// A complex number.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Complex {
    /// Real part.
    pub re: f64,
    /// Imaginary part.
    pub im: f64,
}

impl Complex {
    /// 0
    pub const ZERO: Self = Self::new(0.0, 0.0);
    /// 1
    pub const ONE: Self = Self::new(1.0, 0.0);
    /// The imaginary unit.
    pub const I: Self = Self::new(0.0, 1.0);

    /// `re + i im`
    pub const fn new(re: f64, im: f64) -> Self {
        Self { re, im }
    }

    /// `exp(i angle)`
    pub fn cis(angle: f64) -> Self {
        let (sin, cos) = angle.sin_cos();
        Self::new(cos, sin)
    }

    /// The complex conjugate.
    pub fn conj(self) -> Self {
        Self::new(self.re, -self.im)
    }

    /// `|z|²`
    pub fn norm2(self) -> f64 {
        self.re * self.re + self.im * self.im
    }

    /// The argument, in (-π, π].
    pub fn arg(self) -> f64 {
        self.im.atan2(self.re)
    }

    /// The product with a real number.
    pub fn scale(self, by: f64) -> Self {
        Self::new(self.re * by, self.im * by)
    }
}

impl Add for Complex {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::new(self.re + other.re, self.im + other.im)
    }
}

impl Sub for Complex {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::new(self.re - other.re, self.im - other.im)
    }
}

impl Neg for Complex {
    type Output = Self;
    fn neg(self) -> Self {
        Self::new(-self.re, -self.im)
    }
}

impl Mul for Complex {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self::new(
            self.re * other.re - self.im * other.im,
            self.re * other.im + self.im * other.re,
        )
    }
}

/// A 2×2 matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Matrix {
    /// Row 0.
    pub a: Complex,
    /// Row 0, column 1.
    pub b: Complex,
    /// Row 1, column 0.
    pub c: Complex,
    /// Row 1, column 1.
    pub d: Complex,
}

impl Matrix {
    /// The identity matrix.
    pub const IDENTITY: Self = Self::diagonal(Complex::ONE, Complex::ONE);

    /// A diagonal matrix.
    pub const fn diagonal(a: Complex, d: Complex) -> Self {
        Self {
            a,
            b: Complex::ZERO,
            c: Complex::ZERO,
            d,
        }
    }

    /// The product of this matrix and that one: that one acts first.
    pub fn times(self, first: Self) -> Self {
        Self {
            a: self.a * first.a + self.b * first.c,
            b: self.a * first.b + self.b * first.d,
            c: self.c * first.a + self.d * first.c,
            d: self.c * first.b + self.d * first.d,
        }
    }

    /// The product of every element with a number.
    pub fn scaled(self, by: Complex) -> Self {
        Self {
            a: self.a * by,
            b: self.b * by,
            c: self.c * by,
            d: self.d * by,
        }
    }

    /// The inverse of a unitary matrix.
    pub fn adjoint(self) -> Self {
        Self {
            a: self.a.conj(),
            b: self.c.conj(),
            c: self.b.conj(),
            d: self.d.conj(),
        }
    }

    /// Whether both elements off the diagonal are exactly zero.
    pub fn is_diagonal(&self) -> bool {
        self.b == Complex::ZERO && self.c == Complex::ZERO
    }

    /// Whether both elements on the diagonal are exactly zero.
    pub fn is_antidiagonal(&self) -> bool {
        self.a == Complex::ZERO && self.d == Complex::ZERO
    }

    /// A real power of a unitary matrix: small whole exponents by products, others on the principal branch
    /// (eigenvalues' arguments in (-π, π]), as OpenQASM 3 defines `pow`. `None` if rounding would decide the result.
    pub fn power(self, exponent: f64) -> Option<Self> {
        if exponent.fract() == 0.0 && exponent.abs() <= 64.0 {
            let base = if exponent < 0.0 { self.adjoint() } else { self };
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "whole and small"
            )]
            return Some(base.whole_power(exponent.abs() as u32));
        }
        if self.is_diagonal() {
            let power = |value: Complex| phase_power(value.arg(), exponent, 0.0);
            return Some(Self::diagonal(power(self.a)?, power(self.d)?));
        }
        // A unitary matrix is exp(i mean) (cos(half) + i sin(half) N) with N² = 1: its eigenvalues are exp(i (mean ±
        // half)), its projectors (1 ± N) / 2. The sine is computed from the elements: a cosine near 1 does not
        // resolve small angles.
        let mean = (self.a * self.d - self.b * self.c).arg() / 2.0;
        let special = self.scaled(Complex::cis(-mean));
        let along = [
            f64::midpoint(special.b.im, special.c.im),
            f64::midpoint(special.b.re, -special.c.re),
            f64::midpoint(special.a.im, -special.d.im),
        ];
        let [x, y, z] = along;
        let sine = x.hypot(y).hypot(z);
        let half = sine.atan2(f64::midpoint(special.a.re, special.d.re));
        let rounding = if mean == 0.0 { 0.0 } else { ROUNDING };
        let plus = phase_power(mean + half, exponent, rounding)?;
        let minus = phase_power(mean - half, exponent, rounding)?;
        if sine == 0.0 {
            return Some(Self::diagonal(plus, plus));
        }
        let [x, y, z] = along.map(|part| part / sine);
        let (sum, difference) = ((plus + minus).scale(0.5), (plus - minus).scale(0.5));
        Some(Self {
            a: sum + difference.scale(z),
            b: difference * Complex::new(x, -y),
            c: difference * Complex::new(x, y),
            d: sum - difference.scale(z),
        })
    }

    fn whole_power(self, mut exponent: u32) -> Self {
        let (mut result, mut base) = (Self::IDENTITY, self);
        while exponent > 0 {
            if exponent & 1 == 1 {
                result = base.times(result);
            }
            base = base.times(base);
            exponent >>= 1;
        }
        result
    }
}

/// Several times the rounding of an angle of π.
const ROUNDING: f64 = 2e-15;
/// Maximum phase error from rounding.
const TOLERANCE: f64 = 1e-6;

/// The equivalent angle in (-π, π].
fn principal(angle: f64) -> f64 {
    let principal = Complex::cis(angle).arg();
    // Rounding must not turn -1 into the lower edge of the branch.
    if principal < ROUNDING - PI {
        -principal
    } else {
        principal
    }
}

/// A power of `exp(i angle)`, with the angle reduced to (-π, π]. Multiples of π/4, up to rounding, have exact powers,
/// however large. An angle near 0 is taken for 0 if rounding may account for that much of it.
fn phase_power(angle: f64, exponent: f64, rounding: f64) -> Option<Complex> {
    let angle = principal(angle);
    let eighths = (angle / FRAC_PI_4).round();
    let allowed = if eighths == 0.0 { rounding } else { ROUNDING };
    if (angle - eighths * FRAC_PI_4).abs() <= allowed {
        let turned = (eighths * exponent) % 8.0 * FRAC_PI_4;
        return turned.is_finite().then(|| Complex::cis(turned));
    }
    scaled_angle(angle, exponent, rounding).map(Complex::cis)
}

/// The product of an angle, known up to rounding, and a number, if it still determines an angle.
fn scaled_angle(angle: f64, by: f64, rounding: f64) -> Option<f64> {
    let scaled = angle * by;
    let error = rounding * by.abs() + scaled.abs() * f64::EPSILON;
    // Also `None` for NaN.
    (error < TOLERANCE).then_some(scaled)
}

/// The angle of a power of `p(angle)`.
pub(crate) fn phase_angle_power(angle: f64, exponent: f64) -> Option<f64> {
    if exponent.fract() == 0.0 {
        return scaled_angle(angle, exponent, 0.0);
    }
    let reduced = if angle.abs() < PI {
        angle
    } else {
        principal(angle)
    };
    scaled_angle(reduced, exponent, 0.0)
}

/// The angle of a power of a rotation, whose eigenvalues are `exp(±i angle/2)`. A fraction of an angle of a full turn
/// or more is not a rotation about the same angle: `None` then.
pub(crate) fn rotation_angle_power(angle: f64, exponent: f64) -> Option<f64> {
    if exponent.fract() != 0.0 && angle.abs() >= TAU {
        return None;
    }
    scaled_angle(angle, exponent, 0.0)
}
