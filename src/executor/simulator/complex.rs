//! Complex numbers and the 2×2 matrices of one-qubit gates.

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

    /// Multiplied by a real number.
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
    /// The matrix that changes nothing.
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

    /// This matrix times that one: that one acts first.
    pub fn times(self, first: Self) -> Self {
        Self {
            a: self.a * first.a + self.b * first.c,
            b: self.a * first.b + self.b * first.d,
            c: self.c * first.a + self.d * first.c,
            d: self.c * first.b + self.d * first.d,
        }
    }

    /// Every element times a number.
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

    /// A real power of a unitary matrix: whole exponents exactly, others on the principal branch
    /// (eigenvalues' arguments in (-π, π]), as OpenQASM 3 defines `pow`.
    pub fn power(self, exponent: f64) -> Self {
        if exponent.fract() == 0.0 && exponent.abs() <= 1024.0 {
            let base = if exponent < 0.0 { self.adjoint() } else { self };
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "whole and small"
            )]
            return base.whole_power(exponent.abs() as u32);
        }
        // A unitary matrix is exp(i mean) (cos(half) + i sin(half) N) with N² = 1: its eigenvalues
        // are exp(i (mean ± half)), its projectors (1 ± N) / 2.
        let mean = (self.a * self.d - self.b * self.c).arg() / 2.0;
        let special = self.scaled(Complex::cis(-mean));
        let cosine = ((special.a + special.d).re / 2.0).clamp(-1.0, 1.0);
        let half = cosine.acos();
        let sine = half.sin();
        let power_of = |angle: f64| {
            let principal = Complex::cis(angle).arg();
            // Rounding must not turn the eigenvalue -1 into the lower edge of the branch.
            let principal = if principal < -std::f64::consts::PI + 1e-9 {
                -principal
            } else {
                principal
            };
            Complex::cis(principal * exponent)
        };
        let (plus, minus) = (power_of(mean + half), power_of(mean - half));
        if sine.abs() < 1e-12 {
            return Self::diagonal(plus, plus);
        }
        // special = cos + i sin N, so N = (special - cos) / (i sin).
        let inverse = Complex::new(0.0, -1.0 / sine);
        let shifted = |value: Complex| value - Complex::new(cosine, 0.0);
        let n = Self {
            a: shifted(special.a) * inverse,
            b: special.b * inverse,
            c: special.c * inverse,
            d: shifted(special.d) * inverse,
        };
        let (sum, difference) = ((plus + minus).scale(0.5), (plus - minus).scale(0.5));
        Self {
            a: sum + n.a * difference,
            b: n.b * difference,
            c: n.c * difference,
            d: sum + n.d * difference,
        }
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
