//! Kernels, fusion and tiling against the definition of a gate, amplitude by amplitude.

use crate::ir::complex::{Complex, Matrix};
use crate::ir::gates::Base;
use crate::resources::stop::Stop;
use crate::resources::thread_budget::ThreadBudget;
use crate::sampling::generator;
use crate::statevector::exec_config::ExecConfig;
use crate::statevector::fusion;
use crate::statevector::kernels;
use crate::statevector::op::Op;
use crate::statevector::pass::Pass;
use crate::statevector::simd::Level;
use crate::statevector::state::State;
use crate::statevector::tiling;
use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;
use std::sync::Arc;

/// The definition of each operation, applied directly.
fn apply_by_definition(state: &mut [Complex], op: &Op) {
    let before = state.to_vec();
    for (index, amplitude) in state.iter_mut().enumerate() {
        let selected = |on: u64, value: u64| index as u64 & on == value;
        *amplitude = match op {
            Op::Phase { on, value, factor } if selected(*on, *value) => before[index] * *factor,
            Op::Unitary {
                target,
                on,
                value,
                matrix,
            } if selected(*on, *value) => {
                let (zero, one) = (index & !(1 << target), index | 1 << target);
                let row = if index == zero {
                    (matrix.a, matrix.b)
                } else {
                    (matrix.c, matrix.d)
                };
                row.0 * before[zero] + row.1 * before[one]
            }
            Op::Swap { a, b, on, value } if selected(*on, *value) => {
                let differ = (index >> a ^ index >> b) & 1;
                before[index ^ (differ << a | differ << b)]
            }
            _ => before[index],
        };
    }
}

struct Dice(Xoshiro256PlusPlus);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.0.next_u64() % bound as u64).unwrap()
    }

    fn angle(&mut self) -> f64 {
        f64::from(u32::try_from(self.below(1000)).unwrap()) / 100.0
    }

    fn matrix(&mut self) -> Matrix {
        let angles = [self.angle(), self.angle(), self.angle()];
        let bases = [
            Base::X,
            Base::Y,
            Base::Z,
            Base::H,
            Base::T,
            Base::Sx,
            Base::U3,
            Base::Ry,
            Base::Rz,
            Base::P,
            Base::U,
        ];
        bases[self.below(bases.len())].matrix(&angles)
    }

    /// A few different qubits, of which the last two are taken off as targets.
    fn op(&mut self, qubits: usize) -> Op {
        let mut order: Vec<u8> = (0..u8::try_from(qubits).unwrap()).collect();
        for place in (1..order.len()).rev() {
            order.swap(place, self.below(place + 1));
        }
        let count = [0, 0, 0, 1, 1, 1, 2, 3][self.below(8)].min(qubits - 2);
        let on = order[2..2 + count]
            .iter()
            .fold(0_u64, |mask, bit| mask | 1 << bit);
        let value = on & self.0.next_u64();
        match self.below(8) {
            0 => Op::Swap {
                a: order[0],
                b: order[1],
                on,
                value,
            },
            1 => Op::Phase {
                on: on | 1 << order[0],
                value,
                factor: Complex::cis(self.angle()),
            },
            _ => Op::Unitary {
                target: order[0],
                on,
                value,
                matrix: self.matrix(),
            },
        }
    }
}

/// The maximum distance of two amplitudes, up to the states' global phases.
fn distance(state: &State, expected: &[Complex]) -> f64 {
    let tiles = state.re.iter().zip(&state.im);
    let amplitudes = tiles.map(|(re, im)| Complex::new(*re, *im));
    let pairs = amplitudes.zip(expected.iter().copied());
    let overlap = pairs
        .clone()
        .fold(Complex::ZERO, |sum, (a, b)| sum + a.conj() * b);
    let turn = overlap.scale(1.0 / overlap.norm2().sqrt());
    pairs
        .map(|(a, b)| (a * turn - b).norm2().sqrt())
        .fold(0.0, |most, next| if next <= most { most } else { next })
}

fn compare(qubits: usize, ops: usize, seed: u64, apply: impl Fn(&mut State, &mut Vec<Op>)) {
    compare_list(qubits, some_gates(qubits, ops, seed), apply);
}

/// A different rotation of every qubit, and that many gates of all kinds.
fn some_gates(qubits: usize, ops: usize, seed: u64) -> Vec<Op> {
    let mut dice = Dice(generator(seed));
    let mut list: Vec<Op> = (0..u8::try_from(qubits).unwrap())
        .map(|target| Op::Unitary {
            target,
            on: 0,
            value: 0,
            matrix: Base::U3.matrix(&[0.3 + f64::from(target), 0.5, 0.7]),
        })
        .collect();
    list.extend((0..ops).map(|_| dice.op(qubits)));
    list
}

fn compare_list(qubits: usize, mut list: Vec<Op>, apply: impl Fn(&mut State, &mut Vec<Op>)) {
    let mut expected = vec![Complex::ZERO; 1 << qubits];
    expected[0] = Complex::ONE;
    for op in &list {
        apply_by_definition(&mut expected, op);
    }
    let mut state = State::new();
    state.grow(qubits, &alone(), &Stop::default()).unwrap();
    let expected_of = list.clone();
    apply(&mut state, &mut list);
    let distance = distance(&state, &expected);
    assert!(
        distance < 1e-10,
        "{qubits} qubits, {expected_of:?}: {distance}"
    );
}

/// Vectors of every width, several numbers of threads, and tiles so small that there are many.
fn all_machinery() -> impl Iterator<Item = ExecConfig> {
    Level::all().into_iter().flat_map(|level| {
        [1, 2, 3, 8].into_iter().map(move |threads| ExecConfig {
            threads: Arc::new(ThreadBudget::new(threads)),
            level,
            part_qubits: 8,
            least_shared: 0,
        })
    })
}

/// One thread.
fn alone() -> ExecConfig {
    ExecConfig::new(Arc::new(ThreadBudget::new(1)))
}

fn fused(state: &mut State, ops: &mut Vec<Op>) {
    fusion::apply_all(state, ops, &alone(), &Stop::default()).unwrap();
}

#[test]
fn every_kernel_does_what_its_gate_is_defined_to_do() {
    for (qubits, rounds) in [(2, 40), (3, 40), (5, 40), (9, 10)] {
        for seed in 0..rounds {
            compare(qubits, 12, seed, |state, ops| {
                for op in ops.iter() {
                    kernels::apply(state, op, &Stop::default()).unwrap();
                }
            });
        }
    }
}

#[test]
fn fused_gates_do_what_the_gates_do() {
    for (qubits, rounds) in [(8, 30), (9, 10), (10, 6)] {
        for seed in 0..rounds {
            compare(qubits, 60, seed, fused);
        }
    }
}

#[test]
fn gates_do_the_same_with_all_vectors_and_threads() {
    for config in all_machinery() {
        for (qubits, rounds) in [(8, 6), (10, 6), (12, 3), (13, 1)] {
            for seed in 0..rounds {
                compare(qubits, 60, 100 + seed, |state, ops| {
                    fusion::apply_all(state, ops, &config, &Stop::default()).unwrap();
                });
            }
        }
    }
}

#[test]
fn states_are_bit_for_bit_the_same_with_any_number_of_threads() {
    for (qubits, seed) in (8..=16).zip(50..) {
        let list = some_gates(qubits, 60, seed);
        let run = |threads| {
            let config = ExecConfig {
                least_shared: 0,
                ..ExecConfig::new(Arc::new(ThreadBudget::new(threads)))
            };
            let mut state = State::new();
            state.grow(qubits, &alone(), &Stop::default()).unwrap();
            fusion::apply_all(&mut state, &mut list.clone(), &config, &Stop::default()).unwrap();
            let weights = state.weights(1, &config, &Stop::default()).unwrap();
            let numbers = state.re.into_iter().chain(state.im).chain(weights);
            numbers.map(f64::to_bits).collect::<Vec<u64>>()
        };
        let alone = run(1);
        for threads in [2, 3, 8] {
            assert!(run(threads) == alone, "{qubits} qubits, {threads} threads");
        }
    }
}

#[test]
fn phases_on_every_pair_of_qubits_become_few_passes_that_do_the_same() {
    for config in all_machinery() {
        let mut dice = Dice(generator(11));
        let mut list = Vec::new();
        for high in (0..11_u8).rev() {
            list.push(Op::Unitary {
                target: high,
                on: 0,
                value: 0,
                matrix: dice.matrix(),
            });
            for low in 0..high {
                let on = 1 << low | 1 << high;
                list.push(Op::Phase {
                    on,
                    value: on & dice.0.next_u64(),
                    factor: Complex::cis(dice.angle()),
                });
            }
        }
        compare_list(11, list, |state, ops| {
            fusion::apply_all(state, ops, &config, &Stop::default()).unwrap();
        });
    }
}

#[test]
fn gates_on_parts_of_a_large_state_do_what_the_gates_do() {
    compare(17, 40, 1, fused);
    compare(18, 25, 2, fused);
}

#[test]
fn gates_on_the_highest_qubits_of_a_large_state_work_in_pieces() {
    compare(18, 0, 3, |state, ops| {
        for op in ops.iter() {
            kernels::apply(state, op, &Stop::default()).unwrap();
        }
    });
}

#[test]
fn two_qubit_matrices_work_on_every_pair() {
    for low in 0..8_u8 {
        for high in low + 1..9 {
            let op = |dice: &mut Dice, target: u8, other: u8| Op::Unitary {
                target,
                on: 1 << other,
                value: 0,
                matrix: dice.matrix(),
            };
            let mut dice = Dice(generator(u64::from(low) * 16 + u64::from(high)));
            let list = [
                op(&mut dice, low, high),
                op(&mut dice, high, low),
                Op::Swap {
                    a: low,
                    b: high,
                    on: 0,
                    value: 0,
                },
            ];
            let random_ops = (0..9_u8).map(|target| Op::Unitary {
                target,
                on: 0,
                value: 0,
                matrix: Base::Ry.matrix(&[f64::from(target) + 0.2]),
            });
            let mut state = State::new();
            state.grow(9, &alone(), &Stop::default()).unwrap();
            let mut expected = vec![Complex::ZERO; 512];
            expected[0] = Complex::ONE;
            for op in random_ops.chain(list.iter().cloned()) {
                apply_by_definition(&mut expected, &op);
            }
            let mut matrix = crate::statevector::two_qubit::IDENTITY4;
            for op in &list {
                crate::statevector::two_qubit::follow(&mut matrix, op, low);
            }
            let random_ops = (0..9_u8).map(|target| Op::Unitary {
                target,
                on: 0,
                value: 0,
                matrix: Base::Ry.matrix(&[f64::from(target) + 0.2]),
            });
            for op in random_ops {
                kernels::apply(&mut state, &op, &Stop::default()).unwrap();
            }
            let pass = Pass::Pair {
                low,
                high,
                on: 0,
                value: 0,
                matrix: Box::new(matrix),
            };
            tiling::apply_all(&mut state, vec![pass], &alone(), &Stop::default()).unwrap();
            assert!(distance(&state, &expected) < 1e-10, "{low} {high}");
        }
    }
}

/// The bits of all amplitudes after gates, a measurement and more gates, and of the weights of the
/// measured qubit and of the blocks.
fn bits_of_a_measured_state(qubits: usize, threads: usize) -> Vec<u64> {
    let config = ExecConfig {
        least_shared: 0,
        ..ExecConfig::new(Arc::new(ThreadBudget::new(threads)))
    };
    let (stop, last) = (Stop::default(), qubits - 1);
    let mut state = State::new();
    state.grow(qubits, &alone(), &stop).unwrap();
    let gates = |state: &mut State, seed| {
        let mut ops = some_gates(qubits, 40, seed);
        fusion::apply_all(state, &mut ops, &config, &stop).unwrap();
    };
    gates(&mut state, 70);
    let weights = state.weights(last, &config, &stop).unwrap();
    let likely = weights[1] > weights[0];
    let scale = 1.0 / weights[usize::from(likely)].sqrt();
    state.collapse(last, likely, scale, &config, &stop).unwrap();
    gates(&mut state, 71);
    let blocks = state.block_weights(&config, &stop).unwrap();
    let numbers = [state.re, state.im, blocks, weights.to_vec()].concat();
    numbers.into_iter().map(f64::to_bits).collect()
}

#[test]
fn measured_states_are_bit_for_bit_the_same_with_any_number_of_threads() {
    for qubits in [10, 13, 15, 17, 18] {
        let one = bits_of_a_measured_state(qubits, 1);
        for threads in [2, 3, 8] {
            let several = bits_of_a_measured_state(qubits, threads);
            assert!(several == one, "{qubits} qubits, {threads} threads");
        }
    }
}
