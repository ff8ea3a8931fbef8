"""The checks. They know of a topology only what it starts, stops and publishes: they are the same for containers and processes."""

import time

from client import Api, Load, wait_until

BELL = "OPENQASM 3; qubit[2] q; h q[0]; cnot q[0], q[1]; measure q;"
# The longest time for which the replacement of a single API may refuse connections.
MAX_REFUSED_SECONDS = 2.0


def common():
    return [start, circuit, settings, scaling, restarts, upgrade_under_load]


def start(topology):
    begun = time.monotonic()
    topology.start()
    api = Api(topology.address())
    health = wait_until("the API is healthy", api.healthy)
    assert health["database_status"] == health["queue_status"] == "connected", health
    wait_for_workers(api, 2)
    return f"{time.monotonic() - begun:.1f} s to healthy"


def circuit(topology):
    api = Api(topology.address())
    task = api.finished(api.submit(circuit=BELL, shots=100))
    assert task["status"] == "completed" and set(task["result"]) <= {"00", "11"}, task
    return task["result"]


def settings(topology):
    """A setting of the API and one of the workers, and the passwords, reach their processes."""
    api = Api(topology.address())
    cancelled = api.submit(circuit=BELL, backend="named-by-a-setting")
    api.call("DELETE", f"/tasks/{cancelled}")
    slots = [worker["capabilities"]["max_parallel_tasks"] for worker in api.online_workers()]
    assert slots == [3, 3], f"QTASK_CONCURRENCY=3 did not reach the workers: {slots}"
    return "those of the API and of the workers arrived"


def scaling(topology):
    api = Api(topology.address())
    topology.scale_workers(4)
    wait_for_workers(api, 4)
    topology.scale_workers(2)
    wait_for_workers(api, 2)
    shared = Api(topology.start_second_api())
    wait_until("both APIs are healthy", shared.healthy)
    for _ in range(4):
        assert shared.finished(shared.submit(circuit=BELL, shots=1))["status"] == "completed"
    topology.stop_second_api()
    wait_until("one API is healthy", Api(topology.address()).healthy)
    return "4 workers, 2 workers, 2 APIs, 1 API"


def restarts(topology):
    api = Api(topology.address())
    figures = []
    for service in topology.restartable:
        accepted = [api.submit(circuit=BELL, shots=1) for _ in range(5)]
        begun = time.monotonic()
        topology.restart(service)
        wait_until(f"the API is healthy after the restart of {service}", api.healthy)
        wait_for_workers(api, 2)
        for task in accepted:
            assert api.finished(task)["status"] == "completed", f"{task} after the restart of {service}"
        figures.append(f"{service} {time.monotonic() - begun:.1f} s")
    return ", ".join(figures)


def upgrade_under_load(topology):
    return upgrade(topology, topology.address(), MAX_REFUSED_SECONDS)


def upgrade(topology, address, max_refused_seconds):
    """Upgrades while tasks are submitted: each of them is completed once."""
    api = Api(address)
    with Load(address, BELL) as load:
        wait_until("the load runs", lambda: load.accepted() > 20)
        begun = time.monotonic()
        topology.upgrade()
        taken = time.monotonic() - begun
        before = load.accepted()
        wait_until("the load runs after the upgrade", lambda: load.accepted() > before + 20)
    assert topology.is_upgraded(), "something of the old version still runs"
    for task in load.tasks:
        finished = api.finished(task)
        ends = [entry for entry in finished["status_history"] if entry["status"] == "completed"]
        assert finished["status"] == "completed" and len(ends) == 1, finished
    count = api.count(load.tag)
    assert count == len(load.tasks), f"{len(load.tasks)} submissions made {count} tasks"
    refused = load.longest_refusal()
    text = f"{taken:.1f} s, {count} tasks, none lost, no answer for at most {refused:.2f} s"
    assert refused <= max_refused_seconds, text
    return text


def end(topology):
    return topology.stop()


def wait_for_workers(api, number):
    wait_until(f"{number} workers are online", lambda: len(api.online_workers()) == number)
