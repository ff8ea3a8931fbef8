//! Vectors of the processor: the same kernel is compiled for each instruction set, and the widest one that this
//! machine has is chosen at run time.
#![allow(
    clippy::indexing_slicing,
    clippy::inline_always,
    reason = "tiles of kernels, over fixed arrays"
)]

#[cfg(target_arch = "x86_64")]
use pulp::{
    NullaryFnOnce, cast, f64x4, f64x8,
    x86::{V3, V4},
};

/// Operations of kernels on vectors of floating-point numbers. Everything is inlined, so that it is compiled for the
/// instruction set of the calling kernel.
pub(crate) trait Lanes: Copy {
    /// A vector in memory.
    type Memory: Copy;
    /// A vector in a register.
    type Register: Copy;
    /// The logarithm of the number of lanes: a vector has `1 << LOG` numbers.
    const LOG: u32;

    /// The whole vectors of a slice.
    fn view(part: &[f64]) -> &[Self::Memory];
    /// The whole vectors of a slice.
    fn view_mut(part: &mut [f64]) -> &mut [Self::Memory];
    fn load(self, from: &Self::Memory) -> Self::Register;
    fn store(self, to: &mut Self::Memory, value: Self::Register);
    fn splat(self, value: f64) -> Self::Register;
    fn mul(self, a: Self::Register, b: Self::Register) -> Self::Register;
    /// `a * b + c`, rounded once or twice.
    fn mul_add(self, a: Self::Register, b: Self::Register, c: Self::Register) -> Self::Register;
    /// `c - a * b`, rounded once or twice.
    fn mul_sub(self, a: Self::Register, b: Self::Register, c: Self::Register) -> Self::Register;
    /// Each lane gets the value of the lane whose number differs in bit `BIT`.
    fn flip<const BIT: u32>(self, value: Self::Register) -> Self::Register;
}

/// A kernel, for any vectors.
pub(crate) trait Work {
    type Output;
    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}

/// A set of vector instructions that this machine has.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Level {
    /// Of 8 numbers: AVX-512.
    #[cfg(target_arch = "x86_64")]
    Eight(V4),
    /// Of 4 numbers: AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Four(V3),
    /// The baseline that every machine of this architecture has.
    Plain,
}

impl Level {
    /// The widest set. Cheap: the processor's features are detected once.
    pub(crate) fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if let Some(token) = V4::try_new() {
                return Self::Eight(token);
            }
            if let Some(token) = V3::try_new() {
                return Self::Four(token);
            }
        }
        Self::Plain
    }

    /// All sets that this machine has.
    #[cfg(test)]
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![Self::Plain];
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(V3::try_new().map(Self::Four));
            all.extend(V4::try_new().map(Self::Eight));
        }
        all
    }

    /// The logarithm of the numbers in a vector.
    pub(crate) fn log(self) -> u32 {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Eight(_) => V4::LOG,
            #[cfg(target_arch = "x86_64")]
            Self::Four(_) => V3::LOG,
            Self::Plain => Plain::LOG,
        }
    }

    /// Runs a kernel, compiled for these instructions.
    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Eight(token) => token.vectorize(Inlined(token, work)),
            #[cfg(target_arch = "x86_64")]
            Self::Four(token) => token.vectorize(Inlined(token, work)),
            Self::Plain => work.run(Plain),
        }
    }
}

#[cfg(target_arch = "x86_64")]
struct Inlined<L, W>(L, W);

#[cfg(target_arch = "x86_64")]
impl<L: Lanes, W: Work> NullaryFnOnce for Inlined<L, W> {
    type Output = W::Output;

    #[inline(always)]
    fn call(self) -> W::Output {
        self.1.run(self.0)
    }
}

/// Plain arrays, vectorized by the compiler.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain;

impl Lanes for Plain {
    type Memory = [f64; 4];
    type Register = [f64; 4];
    const LOG: u32 = 2;

    #[inline(always)]
    fn view(part: &[f64]) -> &[Self::Memory] {
        part.as_chunks().0
    }

    #[inline(always)]
    fn view_mut(part: &mut [f64]) -> &mut [Self::Memory] {
        part.as_chunks_mut().0
    }

    #[inline(always)]
    fn load(self, from: &Self::Memory) -> Self::Register {
        *from
    }

    #[inline(always)]
    fn store(self, to: &mut Self::Memory, value: Self::Register) {
        *to = value;
    }

    #[inline(always)]
    fn splat(self, value: f64) -> Self::Register {
        [value; 4]
    }

    #[inline(always)]
    fn mul(self, a: Self::Register, b: Self::Register) -> Self::Register {
        std::array::from_fn(|lane| a[lane] * b[lane])
    }

    #[inline(always)]
    fn mul_add(self, a: Self::Register, b: Self::Register, c: Self::Register) -> Self::Register {
        std::array::from_fn(|lane| a[lane] * b[lane] + c[lane])
    }

    #[inline(always)]
    fn mul_sub(self, a: Self::Register, b: Self::Register, c: Self::Register) -> Self::Register {
        std::array::from_fn(|lane| c[lane] - a[lane] * b[lane])
    }

    #[inline(always)]
    fn flip<const BIT: u32>(self, value: Self::Register) -> Self::Register {
        std::array::from_fn(|lane| value[(lane ^ 1 << BIT) & 3])
    }
}

#[cfg(target_arch = "x86_64")]
impl Lanes for V3 {
    type Memory = f64x4;
    type Register = std::arch::x86_64::__m256d;
    const LOG: u32 = 2;

    #[inline(always)]
    fn view(part: &[f64]) -> &[Self::Memory] {
        <Self as pulp::Simd>::as_simd_f64s(part).0
    }

    #[inline(always)]
    fn view_mut(part: &mut [f64]) -> &mut [Self::Memory] {
        <Self as pulp::Simd>::as_mut_simd_f64s(part).0
    }

    #[inline(always)]
    fn load(self, from: &Self::Memory) -> Self::Register {
        cast(*from)
    }

    #[inline(always)]
    fn store(self, to: &mut Self::Memory, value: Self::Register) {
        *to = cast(value);
    }

    #[inline(always)]
    fn splat(self, value: f64) -> Self::Register {
        self.avx._mm256_set1_pd(value)
    }

    #[inline(always)]
    fn mul(self, a: Self::Register, b: Self::Register) -> Self::Register {
        self.avx._mm256_mul_pd(a, b)
    }

    #[inline(always)]
    fn mul_add(self, a: Self::Register, b: Self::Register, c: Self::Register) -> Self::Register {
        self.fma._mm256_fmadd_pd(a, b, c)
    }

    #[inline(always)]
    fn mul_sub(self, a: Self::Register, b: Self::Register, c: Self::Register) -> Self::Register {
        self.fma._mm256_fnmadd_pd(a, b, c)
    }

    #[inline(always)]
    fn flip<const BIT: u32>(self, value: Self::Register) -> Self::Register {
        if BIT == 0 {
            self.avx._mm256_permute_pd::<0b0101>(value)
        } else {
            self.avx2._mm256_permute4x64_pd::<0b01_00_11_10>(value)
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Lanes for V4 {
    type Memory = f64x8;
    type Register = std::arch::x86_64::__m512d;
    const LOG: u32 = 3;

    #[inline(always)]
    fn view(part: &[f64]) -> &[Self::Memory] {
        <Self as pulp::Simd>::as_simd_f64s(part).0
    }

    #[inline(always)]
    fn view_mut(part: &mut [f64]) -> &mut [Self::Memory] {
        <Self as pulp::Simd>::as_mut_simd_f64s(part).0
    }

    #[inline(always)]
    fn load(self, from: &Self::Memory) -> Self::Register {
        cast(*from)
    }

    #[inline(always)]
    fn store(self, to: &mut Self::Memory, value: Self::Register) {
        *to = cast(value);
    }

    #[inline(always)]
    fn splat(self, value: f64) -> Self::Register {
        self.avx512f._mm512_set1_pd(value)
    }

    #[inline(always)]
    fn mul(self, a: Self::Register, b: Self::Register) -> Self::Register {
        self.avx512f._mm512_mul_pd(a, b)
    }

    #[inline(always)]
    fn mul_add(self, a: Self::Register, b: Self::Register, c: Self::Register) -> Self::Register {
        self.avx512f._mm512_fmadd_pd(a, b, c)
    }

    #[inline(always)]
    fn mul_sub(self, a: Self::Register, b: Self::Register, c: Self::Register) -> Self::Register {
        self.avx512f._mm512_fnmadd_pd(a, b, c)
    }

    #[inline(always)]
    fn flip<const BIT: u32>(self, value: Self::Register) -> Self::Register {
        match BIT {
            0 => self.avx512f._mm512_permute_pd::<0b0101_0101>(value),
            1 => self.avx512f._mm512_permutex_pd::<0b01_00_11_10>(value),
            _ => self
                .avx512f
                ._mm512_shuffle_f64x2::<0b01_00_11_10>(value, value),
        }
    }
}
