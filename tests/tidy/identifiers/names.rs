//! Names to avoid, and what to write instead.

/// A whole identifier, banned below a folder.
pub struct Name {
    pub identifier: &'static str,
    pub instead: &'static str,
    pub folder: &'static str,
}

const fn name(folder: &'static str, identifier: &'static str, instead: &'static str) -> Name {
    Name {
        identifier,
        instead,
        folder,
    }
}

/// Names that are used still, by folder, until they are changed.
pub const PENDING: &[(&str, &[&str])] = &[];

const ALL: &str = "";
const SERVICE: &str = "src/";
const STORE: &str = "src/store/";
const API: &str = "src/api/";
const AMQP: &str = "src/queue/amqp/";
const CLIENT: &str = "src/cli/client/";
const SIMULATOR: &str = "crates/openqasm-simulator/src/";

pub const NAMES: &[Name] = &[
    name(ALL, "Looks", "EmptyClaimCache"),
    name(ALL, "was_in_vain", "is_known_empty"),
    name(ALL, "Wish", "ClaimParams"),
    name("src/service/", "Granted", "ClaimGuard"),
    name(ALL, "in_rounds", "run_until_drained"),
    name(ALL, "in_silence", "delete_in_batches"),
    name(ALL, "Enrolment", "WorkerRegistration"),
    name("src/service/", "Busy", "HostLimiter"),
    name(ALL, "UnderWay", "HostPermit"),
    name(ALL, "Standing", "SessionState"),
    name(ALL, "Place", "QueuePosition, ThreadShare"),
    name(SERVICE, "Compare", "Reconcile"),
    name(ALL, "Moved", "Transition"),
    name(ALL, "take_turn", "try_acquire_duty"),
    name(ALL, "forget_keys", "delete_expired_keys"),
    name(ALL, "moment", "min_age, time_format"),
    name(STORE, "Rules", "QueuePolicy"),
    name(ALL, "Earlier", "PriorSubmission"),
    name(ALL, "Beat", "HeartbeatReport"),
    name(ALL, "Heard", "Notification"),
    name(ALL, "is_passing", "is_transient"),
    name(ALL, "hearing", "listener"),
    name(ALL, "Hands", "Registry"),
    name(ALL, "InHand", "RunningGuard"),
    name(ALL, "Surroundings", "LifecycleHooks"),
    name(ALL, "Journal", "LogBuffer"),
    name(SERVICE, "Pages", "LogBuffer"),
    name(ALL, "obey", "apply_directive"),
    name(ALL, "Checkup", "CircuitCheck"),
    name(ALL, "PATIENCE", "QUEUE_TIMEOUT"),
    name(API, "LINE", "MAX_QUEUED"),
    name(API, "TURNS", "RUN_SLOTS"),
    name(API, "PLACES", "QUEUE_SLOTS"),
    name(API, "Room", "MemoryPermit"),
    name(ALL, "grow_to", "try_grow"),
    name(ALL, "footprint", "estimated_heap_bytes"),
    name(ALL, "Registering", "RegisterRequest"),
    name(ALL, "Beating", "HeartbeatRequest"),
    name(ALL, "Claiming", "ClaimRequest"),
    name(ALL, "Draining", "DrainRequest"),
    name(ALL, "Seen", "LastEventId"),
    name(ALL, "obstacle", "not_ready_reason"),
    name(ALL, "collision", "serialization_conflict"),
    name(AMQP, "Lane", "BackendConsumer"),
    name(AMQP, "Board", "ConsumerStatus"),
    name(AMQP, "Verdict", "AckOutcome"),
    name(AMQP, "Settlement", "AckCommand"),
    name(ALL, "Crew", "ThreadBudget"),
    name(SIMULATOR, "Line", "WaitQueue"),
    name(SIMULATOR, "room", "bytes_to_reserve"),
    name(SIMULATOR, "Need", "MemoryNeed"),
    name(ALL, "copy_aside", "defer_with_ancilla"),
    name(SIMULATOR, "aside", "deferred_measurement"),
    name(SIMULATOR, "share", "parallel_for"),
    name(
        "crates/openqasm-simulator/src/statevector/",
        "parts",
        "tiles",
    ),
    name(SIMULATOR, "blocked", "tiling"),
    name(ALL, "Machinery", "ExecConfig"),
    name(ALL, "looks_at", "read_mask"),
    name(ALL, "make_real", "prefault"),
    name(SIMULATOR, "walk", "analysis"),
    name(SIMULATOR, "Found", "Analysis"),
    name(ALL, "NotWalked", "AnalysisError"),
    name(ALL, "toil", "charge"),
    name(ALL, "linger", "charge"),
    name(ALL, "rehearse", "check_body"),
    name(SIMULATOR, "Mark", "Checkpoint"),
    name(ALL, "go_back", "rollback"),
    name(ALL, "perhaps", "conditionally"),
    name(ALL, "unless", "branch_unless"),
    name(SIMULATOR, "silent", "already_reported"),
    name(SIMULATOR, "spread", "inline_wide_gate"),
    name(ALL, "Patience", "RetryPolicy"),
    name(ALL, "bear", "wait_or_fail"),
    name(ALL, "Happening", "TaskEvent"),
    name(ALL, "Tell", "OnEvent"),
    name(ALL, "Told", "AlreadyReported"),
    name(CLIENT, "sheet", "details"),
];
