//! Runs of one circuit for many values of its inputs, on all threads.

use crate::error::SimulatorError;
use crate::output::Output;
use crate::request::Request;
use crate::resources::stop::Stop;
use crate::run::SharedCircuit;
use crate::sampling;
use crate::statevector::parallel::parallel_for;
use serde_json::{Map, Value};
use std::sync::{Mutex, PoisonError};

/// Why a sweep has no results.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("point {index}: {error}")]
pub struct PointError {
    /// The first point that failed, from 0.
    pub index: usize,
    /// Why it failed.
    pub error: SimulatorError,
}

/// Runs the circuit of the request for each point, and returns the results in order.
///
/// `parameters` returns the values of the inputs at a point, instead of those of the request. Point `i` has the seed of
/// the request plus `i`. `convert` makes a result of each point's output on the thread that ran it; its error fails the sweep.
pub fn sweep<T: Send>(
    request: &Request<'_>,
    points: usize,
    parameters: impl Fn(usize) -> Map<String, Value> + Sync,
    convert: impl Fn(usize, Output) -> Result<T, SimulatorError> + Sync,
    stop: &Stop,
) -> Result<Vec<T>, PointError> {
    let seed = request.seed.unwrap_or_else(sampling::random_seed);
    let circuit = SharedCircuit::new(request, stop);
    stop.meter().begin_points(points as u64);
    let threads = request.threads.map_or(1, |threads| {
        let joined = threads.join();
        let own = threads.threads_per_run();
        drop(joined);
        own
    });
    let mut results: Vec<Option<T>> = Vec::new();
    results.resize_with(points, || None);
    let failed: Mutex<Option<PointError>> = Mutex::new(None);
    let fail = |index, error| {
        let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
        // Points begin in order: all points before this one have begun, and report as well.
        if failed.as_ref().is_none_or(|earlier| index < earlier.index) {
            *failed = Some(PointError { index, error });
        }
    };
    let places = results.iter_mut().enumerate().collect();
    let ended = parallel_for(places, threads, || {
        |(index, place): (usize, &mut Option<T>)| {
            let values = parameters(index);
            let request = Request {
                seed: Some(seed.wrapping_add(index as u64)),
                parameters: Some(&values),
                ..*request
            };
            let found = stop.check().map_err(SimulatorError::from);
            let found = found.and_then(|()| circuit.run(&request, stop));
            match found.and_then(|output| convert(index, output)) {
                Ok(result) => {
                    *place = Some(result);
                    stop.meter().add_point();
                    Ok(())
                }
                Err(error) => {
                    fail(index, error);
                    Err(PointFailed)
                }
            }
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    match (ended, failed) {
        (Err(PointFailed), Some(error)) => Err(error),
        _ => Ok(results.into_iter().flatten().collect()),
    }
}

/// A point failed; the reason is recorded.
struct PointFailed;
