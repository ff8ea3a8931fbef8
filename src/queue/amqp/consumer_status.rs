//! The state of a consumer: its connection and each of its backends.

use std::sync::Arc;
use std::time::Instant;

use super::state::LinkState;

/// The state of the connection and of each backend on it.
#[derive(Debug, Clone)]
pub(super) struct ConsumerStatus {
    pub(super) link: LinkState,
    lanes: Vec<(BackendConsumerState, Instant)>,
}

/// The state of a backend on the current connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BackendConsumerState {
    Starting,
    Consuming,
    /// Paused with all others.
    Paused,
    /// Paused alone.
    BackendPaused,
    Failed(Arc<str>),
}

impl ConsumerStatus {
    /// All backends starting, on a link that is connecting.
    pub(super) fn starting(backends: usize) -> Self {
        Self {
            link: LinkState::Connecting,
            lanes: vec![(BackendConsumerState::Starting, Instant::now()); backends],
        }
    }

    pub(super) fn set_lane(&mut self, index: usize, state: BackendConsumerState) {
        if let Some(lane) = self.lanes.get_mut(index) {
            let still_failed = matches!(
                (&lane.0, &state),
                (
                    BackendConsumerState::Failed(_),
                    BackendConsumerState::Failed(_)
                )
            );
            let since = if still_failed { lane.1 } else { Instant::now() };
            *lane = (state, since);
        }
    }

    /// False while a lane is still starting: it may begin to consume before it observes the pause.
    pub(super) fn none_can_consume(&self) -> bool {
        let stopped = |lane: &BackendConsumerState| {
            matches!(
                lane,
                BackendConsumerState::Paused
                    | BackendConsumerState::BackendPaused
                    | BackendConsumerState::Failed(_)
            )
        };
        self.lanes.iter().all(|(lane, _)| stopped(lane))
    }

    /// Whether all backends are in this state, except those that are paused alone.
    fn all(&self, wanted: &BackendConsumerState) -> bool {
        let fits = |lane: &BackendConsumerState| {
            lane == wanted || *lane == BackendConsumerState::BackendPaused
        };
        self.lanes.iter().all(|(lane, _)| fits(lane))
    }

    pub(super) fn state(&self) -> LinkState {
        if !self.link.is_up() {
            return self.link.clone();
        }
        let failed = self.lanes.iter().find_map(|(lane, since)| match lane {
            BackendConsumerState::Failed(reason) => Some((Arc::clone(reason), *since)),
            _ => None,
        });
        match failed {
            Some((reason, since)) => LinkState::Down { reason, since },
            None if self.all(&BackendConsumerState::Consuming) => LinkState::Up,
            None if self.all(&BackendConsumerState::Paused) => LinkState::Paused,
            None => LinkState::Connecting,
        }
    }
}
