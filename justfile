# `just` alone lists what there is.
compose := env("COMPOSE", "docker compose")

_default:
    @just --list --unsorted

# Builds the image and starts the whole system in containers: http://localhost:8001/docs
up *arguments:
    {{ compose }} up --build --detach --wait {{ arguments }}

# Replaces the running containers by those of the current sources: the API is away for about a second, no task is lost
upgrade *arguments:
    COMPOSE="{{ compose }}" scripts/upgrade {{ arguments }}

# Stops the containers; `just down --volumes` also deletes their data
down *arguments:
    {{ compose }} down {{ arguments }}

# Follows the logs of the containers
logs *arguments:
    {{ compose }} logs --follow {{ arguments }}

# Runs everything on this machine; installs what is missing first
dev *arguments:
    scripts/dev {{ arguments }}

# Brings the schema of DATABASE_URL up to date, or whatever else `qtask migrate` does
migrate *arguments="up":
    cargo run --locked -- migrate {{ arguments }}

# Formats the code
fmt:
    cargo fmt --all

# Runs the tests; arguments select them
test *arguments:
    scripts/test {{ arguments }}

# What CI runs: format, lints, documentation, tests
check:
    scripts/check

# Starts the system of compose.yaml beside the one that runs, checks it, and removes it; as processes without an engine
containers:
    scripts/containers

# Makes the files of a release in dist/; publishes nothing
release *arguments:
    scripts/release {{ arguments }}

# Writes the list of settings in docs/configuration.md
settings:
    QTASK_WRITE_SETTINGS=1 cargo test --locked --lib settings_page

# Checks the Python package against a real service; arguments select tests
python *arguments:
    scripts/python {{ arguments }}

# Checks the manifests for Kubernetes
kubernetes:
    scripts/kubernetes

# Checks the alerts and the dashboard with promtool and a real Prometheus
observability *arguments:
    scripts/observability {{ arguments }}

# Tries a million damaged circuits on the simulator, and checks against runs, others each time
fuzz mutants="1000000" checks="100000" seed=`date +%s000000`:
    QTASK_FUZZ_MUTANTS={{ mutants }} QTASK_FUZZ_CHECKS={{ checks }} QTASK_FUZZ_SEED={{ seed }} cargo test --locked --package openqasm-simulator --lib tests::fuzz:: -- --nocapture

# Runs random classical programs on the simulator and on an evaluator of their own, others each time
fuzz-values programs="100000" seed=`date +%s000000`:
    QTASK_EVALUATOR_PROGRAMS={{ programs }} QTASK_FUZZ_SEED={{ seed }} cargo test --locked --package openqasm-simulator --lib tests::evaluator:: -- --nocapture

# Measures throughput and latency on this machine
bench *arguments:
    cargo bench --locked --bench throughput {{ arguments }}

# Times the simulator against Qiskit Aer; QTASK_AER_PYTHON names a Python with qiskit and qiskit-aer
bench-simulator *arguments:
    cargo bench --locked --package openqasm-simulator --bench simulator -- {{ arguments }}
