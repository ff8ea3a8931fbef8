//! The tiles of a state: all amplitudes whose indices agree outside a mask of qubits. Threads get disjoint pieces of
//! the state, each with many whole tiles.
#![allow(clippy::inline_always, reason = "tiles of kernels")]

use crate::resources::stop::{Stop, Stopped};
use crate::statevector::parallel::parallel_for;
use crate::statevector::simd::{Lanes, Level, Work};
use crate::statevector::state::State;
use std::ops::Range;

/// Which amplitudes form a tile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    /// The qubits that differ within a tile. The lowest [`NEIGHBOURS`] are always among them.
    pub mask: u64,
    /// All qubits of the state.
    pub qubits: u32,
}

/// Lowest qubits that belong to every tile, so that copies are of neighbours.
pub(crate) const NEIGHBOURS: u32 = 5;
/// More pieces than threads: a delayed thread leaves some to the others.
const PIECES_PER_THREAD: usize = 4;
/// A vector that starts at a cache line is loaded at once.
const CACHE_LINE: usize = 64;

/// Called for each tile with its amplitudes, contiguous in memory, and its index in the state.
pub(crate) type Visit<'a> = &'a (dyn Fn(Slices<'_>, u64) -> Result<(), Stopped> + Sync);

/// Contiguous amplitudes.
pub(crate) struct Slices<'a> {
    pub re: &'a mut [f64],
    pub im: &'a mut [f64],
}

impl Slices<'_> {
    /// Whether all amplitudes are 0: gates leave them 0.
    fn are_zero(&self) -> bool {
        let is_zero = |part: &[f64]| part.iter().all(|value| *value == 0.0);
        is_zero(self.re) && is_zero(self.im)
    }
}

/// A share of the state for one thread: all amplitudes with certain values of the highest qubits outside the mask, as
/// slices in the order of their indices.
struct Piece<'a> {
    base: u64,
    re: Vec<&'a mut [f64]>,
    im: Vec<&'a mut [f64]>,
}

/// Visits all tiles of a state that are not zero.
pub(crate) fn each(
    state: &mut State,
    tiles: Parts,
    level: Level,
    threads: usize,
    stop: &Stop,
    visit: Visit<'_>,
) -> Result<(), Stopped> {
    let outside = tiles.outside();
    let wanted = match threads {
        0 | 1 => 1,
        threads => threads.saturating_mul(PIECES_PER_THREAD),
    };
    let (pieces, cut) = pieces(state, outside, wanted);
    parallel_for(pieces, threads, || {
        let mut visitor = Visitor {
            tiles,
            cut,
            level,
            buffer: Buffer::new(tiles),
            stop,
            visit,
        };
        move |piece| visitor.all_in(piece)
    })
}

/// Cuts the state at its highest qubits outside the tiles until there are as many pieces as requested. Also returns
/// the qubit of the last cut, or the number of qubits if there was none.
fn pieces(state: &mut State, outside: u64, wanted: usize) -> (Vec<Piece<'_>>, u32) {
    let mut cut = state.re.len().trailing_zeros();
    let mut pieces = vec![Piece {
        base: 0,
        re: vec![&mut state.re],
        im: vec![&mut state.im],
    }];
    let mut left = outside;
    while pieces.len() < wanted && left != 0 {
        cut = left.ilog2();
        left &= !(1 << cut);
        let halves = pieces.into_iter().flat_map(|piece| piece.halves(cut));
        pieces = halves.collect();
    }
    (pieces, cut)
}

/// Lower and upper halves.
type Halves<'a> = (Vec<&'a mut [f64]>, Vec<&'a mut [f64]>);

impl Piece<'_> {
    /// The amplitudes where that qubit is 0, and those where it is 1.
    fn halves(self, qubit: u32) -> [Self; 2] {
        let half = 1_usize << qubit;
        let (re_0, re_1) = halves(self.re, half);
        let (im_0, im_1) = halves(self.im, half);
        let one = self.base | 1 << qubit;
        [(self.base, re_0, im_0), (one, re_1, im_1)].map(|(base, re, im)| Self { base, re, im })
    }
}

fn halves(slices: Vec<&mut [f64]>, half: usize) -> Halves<'_> {
    let blocks = slices
        .into_iter()
        .flat_map(|slice| slice.chunks_exact_mut(2 * half));
    blocks.map(|block| block.split_at_mut(half)).unzip()
}

/// A buffer for the amplitudes of a tile.
struct Buffer {
    re: Vec<f64>,
    im: Vec<f64>,
    length: usize,
}

impl Buffer {
    /// A tile is small: the memory check covered far more.
    fn new(tiles: Parts) -> Self {
        let length = 1_usize << tiles.mask.count_ones();
        let buffer = length + CACHE_LINE / size_of::<f64>();
        Self {
            re: vec![0.0; buffer],
            im: vec![0.0; buffer],
            length,
        }
    }

    fn slices(&mut self) -> Slices<'_> {
        Slices {
            re: aligned(&mut self.re, self.length),
            im: aligned(&mut self.im, self.length),
        }
    }
}

/// That many numbers, starting at a cache line.
fn aligned(buffer: &mut [f64], length: usize) -> &mut [f64] {
    let first = buffer.as_ptr().align_offset(CACHE_LINE);
    let first = first.min(buffer.len() - length);
    buffer.get_mut(first..first + length).unwrap_or_default()
}

impl Parts {
    fn outside(self) -> u64 {
        ((1 << self.qubits) - 1) & !self.mask
    }
}

/// The state of a thread that visits tiles.
struct Visitor<'a> {
    tiles: Parts,
    /// The qubit of the last cut into pieces.
    cut: u32,
    level: Level,
    buffer: Buffer,
    stop: &'a Stop,
    visit: Visit<'a>,
}

impl Visitor<'_> {
    fn all_in(&mut self, mut piece: Piece<'_>) -> Result<(), Stopped> {
        let Parts { mask, .. } = self.tiles;
        let below = (1_u64 << self.cut) - 1;
        let length = 1_usize << (!mask).trailing_zeros().min(self.cut);
        let starts: Vec<usize> = subsets(mask & below & !(length as u64 - 1)).collect();
        for base in subsets(self.tiles.outside() & below) {
            self.stop.check()?;
            let index = piece.base | base as u64;
            let runs = Runs {
                base,
                starts: &starts,
                length,
            };
            if let ([start], [re], [im]) = (&*starts, &mut *piece.re, &mut *piece.im) {
                // The amplitudes are contiguous already.
                let range = runs.range(*start);
                let slices = re.get_mut(range.clone()).zip(im.get_mut(range));
                if let Some(slices) = slices.map(|(re, im)| Slices { re, im })
                    && !slices.are_zero()
                {
                    (self.visit)(slices, index)?;
                }
            } else {
                self.copied(&mut piece, runs, index)?;
            }
        }
        Ok(())
    }

    /// Visits a tile whose amplitudes are scattered, in a buffer.
    fn copied(&mut self, piece: &mut Piece<'_>, runs: Runs<'_>, index: u64) -> Result<(), Stopped> {
        let Slices { re, im } = self.buffer.slices();
        self.level.run(Gather(re, &piece.re, runs));
        self.level.run(Gather(im, &piece.im, runs));
        let slices = Slices { re, im };
        if slices.are_zero() {
            return Ok(());
        }
        (self.visit)(slices, index)?;
        let Slices { re, im } = self.buffer.slices();
        self.level.run(Scatter(re, &mut piece.re, runs));
        self.level.run(Scatter(im, &mut piece.im, runs));
        Ok(())
    }
}

/// The positions of a tile's amplitudes in each slice of a piece: runs of whole vectors, each of which starts at
/// `base + start`.
#[derive(Clone, Copy)]
struct Runs<'a> {
    base: usize,
    starts: &'a [usize],
    length: usize,
}

impl Runs<'_> {
    #[inline(always)]
    fn range(self, start: usize) -> Range<usize> {
        self.base + start..self.base + start + self.length
    }
}

/// Gathers the runs of each slice into contiguous memory.
struct Gather<'a>(&'a mut [f64], &'a [&'a mut [f64]], Runs<'a>);

impl Work for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self(to, from, runs) = self;
        let mut places = to.chunks_exact_mut(runs.length);
        for slice in from {
            for (start, to) in runs.starts.iter().zip(&mut places) {
                if let Some(from) = slice.get(runs.range(*start)) {
                    copy(lanes, to, from);
                }
            }
        }
    }
}

/// Scatters contiguous runs back to their positions.
struct Scatter<'a, 'b>(&'a [f64], &'a mut [&'b mut [f64]], Runs<'a>);

impl Work for Scatter<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self(from, to, runs) = self;
        let mut places = from.chunks_exact(runs.length);
        for slice in to {
            for (start, from) in runs.starts.iter().zip(&mut places) {
                if let Some(to) = slice.get_mut(runs.range(*start)) {
                    copy(lanes, to, from);
                }
            }
        }
    }
}

/// Runs are too short for the standard library's copy.
#[inline(always)]
fn copy<L: Lanes>(lanes: L, to: &mut [f64], from: &[f64]) {
    const VECTORS: usize = 4;
    let (to, from) = (L::view_mut(to), L::view(from));
    let (to, _) = to.as_chunks_mut::<VECTORS>();
    let (from, _) = from.as_chunks::<VECTORS>();
    for (to, from) in to.iter_mut().zip(from) {
        for (to, from) in to.iter_mut().zip(from) {
            lanes.store(to, lanes.load(from));
        }
    }
}

/// All numbers whose bits lie within the mask, in order.
#[allow(
    clippy::cast_possible_truncation,
    reason = "indices of amplitudes fit usize"
)]
fn subsets(mask: u64) -> impl Iterator<Item = usize> {
    let mut next = Some(0_u64);
    std::iter::from_fn(move || {
        let current = next?;
        let following = (current | !mask).wrapping_add(1) & mask;
        next = (following != 0).then_some(following);
        Some(current as usize)
    })
}
