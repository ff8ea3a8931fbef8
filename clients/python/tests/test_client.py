"""The client without Qiskit."""

from __future__ import annotations

import pytest

from qtask_client import (
    Client,
    InvalidRequestError,
    NotFoundError,
    TaskFailedError,
    UnreachableError,
    UsageError,
)
from qtask_client.batches import batches

_BELL = "OPENQASM 3; qubit[2] q; h q[0]; cx q[0], q[1]; measure q;"


def test_a_circuit_has_counts_and_what_was_requested_beside_them(client: Client) -> None:
    result = client.run(_BELL, shots=100, seed=4, memory=True, probabilities=True)
    assert set(result.counts) <= {"00", "11"}
    assert result.seed == 4
    assert result.registers == [("meas", 2)]
    assert len(result.memory["meas"]) == 100
    assert result.probabilities == pytest.approx({"00": 0.5, "11": 0.5})
    assert "<td><code>00</code></td>" in result._repr_html_()


def test_a_mistake_in_a_circuit_has_its_line_and_column(client: Client) -> None:
    with pytest.raises(TaskFailedError, match="out of range") as caught:
        client.run("OPENQASM 3;\nqubit[2] q;\nh q[9];")
    assert (caught.value.code, caught.value.line) == ("invalid_circuit", 3)
    assert caught.value.column is not None


def test_an_invalid_field_has_the_message_of_the_service(client: Client) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        client.submit_many([{"circuit": _BELL}, {"circuit": _BELL, "shots": -1}])
    assert list(caught.value.errors) == ["tasks[1].shots"]
    assert caught.value.errors["tasks[1].shots"] in str(caught.value)


def test_a_task_that_does_not_exist_is_not_found(client: Client) -> None:
    with pytest.raises(NotFoundError):
        client.get("01a22fd5-e2de-73a9-a833-ee08b3a1c955")


def test_a_map_has_results_in_order_and_none_for_a_failure(client: Client) -> None:
    first, second, third = client.map([_BELL, "OPENQASM 3; nonsense;", "qubit q; x q;"], seed=5, shots=8)
    assert second is None
    assert first is not None
    assert first.seed == 5
    assert third is not None
    assert (third.counts, third.seed) == ({"1": 8}, 7)


def test_a_fast_task_is_not_behind_a_slow_one(client: Client) -> None:
    layer = "rx(0.3) q; cx q[0:22], q[1:23];"
    slow = client.submit(f"OPENQASM 3; qubit[24] q; for int i in [1:400] {{ {layer} }} measure q;")
    fast = client.submit(_BELL)
    results = client.results([slow, fast])
    assert next(results).id == fast.id
    assert client.cancel(slow) == 1
    assert next(results).status == "cancelled"


def test_a_service_that_does_not_answer_is_named() -> None:
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:9"):
        Client("http://127.0.0.1:9", patience=0).backends()


def test_a_token_is_not_sent_in_clear_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QTASK_INSECURE", raising=False)
    with pytest.raises(UsageError, match="not sent"):
        Client("http://lab.example", token="secret")
    assert "secret" not in repr(Client("https://lab.example", token="secret"))


def test_batches_are_within_the_limits_and_in_order() -> None:
    many = [{"circuit": "x", "shots": index + 1} for index in range(2_500)]
    divided = list(batches(many))
    assert [len(batch) for batch in divided] == [1_000, 1_000, 500]
    assert [item for batch in divided for item in batch] == many
    large = [{"circuit": "x" * (2 << 20)}] * 3
    assert [len(batch) for batch in batches(large)] == [1, 1, 1]
