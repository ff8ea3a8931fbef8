"""What both topologies set, and the ports that they take."""

import socket

# `checks.settings` looks for their effects. Tasks of the backend `mock` last long enough to meet the end of a worker.
SETTINGS = {
    "QTASK_BACKENDS": "simulator,mock,named-by-a-setting",
    "QTASK_CONCURRENCY": "3",
    "QTASK_WORKER_BACKENDS": "simulator,mock",
    "QTASK_MOCK_DELAY": "300ms",
}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
