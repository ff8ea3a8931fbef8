"""Tasks and results, as the service describes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from .errors import TaskFailedError

TERMINAL = frozenset({"completed", "failed", "cancelled"})


@dataclass(frozen=True)
class Result:
    """The result of a completed circuit."""

    task_id: str
    counts: dict[str, int]
    execution: Mapping[str, Any] = field(repr=False)

    @property
    def seed(self) -> int | None:
        """The seed of the run, also if the service drew it."""
        return self.execution.get("seed")

    @property
    def registers(self) -> list[tuple[str, int]]:
        """Names and sizes of the classical registers, in the order of their declaration."""
        return [(str(item["name"]), int(item["size"])) for item in self.execution.get("registers", [])]

    @property
    def memory(self) -> dict[str, list[str]]:
        """The outcome of each shot in hexadecimal, by register. Empty unless `memory` was requested."""
        return {name: item["samples"] for name, item in self.execution.get("memory", {}).items()}

    @property
    def probabilities(self) -> dict[str, float] | None:
        """The exact probability of each outcome, if it was requested and exists."""
        return self.execution.get("probabilities")

    @property
    def statevector(self) -> list[complex] | None:
        """The amplitudes before the final measurements, if they were requested and exist."""
        amplitudes = self.execution.get("statevector")
        return None if amplitudes is None else [complex(*pair) for pair in amplitudes]

    @property
    def expectations(self) -> list[dict[str, float]]:
        """Value, variance and standard error of each requested observable."""
        return list(self.execution.get("expectations", []))

    def _repr_html_(self) -> str:
        total = sum(self.counts.values()) or 1
        rows = "".join(
            f"<tr><td><code>{escape(key)}</code></td><td>{count:,}</td><td>{count / total:.1%}</td></tr>"
            for key, count in sorted(self.counts.items(), key=lambda item: -item[1])[:16]
        )
        return f"<table><tr><th>outcome</th><th>shots</th><th></th></tr>{rows}</table>"


@dataclass(frozen=True)
class Task:
    """A snapshot of a task."""

    id: str
    status: str
    name: str | None = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Task:
        """Reads an answer of the service."""
        return cls(str(document["task_id"]), str(document["status"]), document.get("name"), document)

    @property
    def has_ended(self) -> bool:
        """Whether the status is terminal."""
        return self.status in TERMINAL

    @property
    def error(self) -> TaskFailedError | None:
        """The error of a task that failed or was cancelled."""
        if self.status not in ("failed", "cancelled"):
            return None
        return TaskFailedError(
            self.id, self.status, self.document.get("error_code"), self.document.get("error_message")
        )

    @property
    def waiting_message(self) -> str | None:
        """Why a waiting task does not run yet."""
        return self.document.get("waiting_message")

    def result(self) -> Result:
        """Returns the result of a completed circuit; raises the error of a task that failed."""
        if error := self.error:
            raise error
        counts = self.document.get("result")
        return Result(self.id, dict(counts or {}), self.document.get("execution") or {})

    def _repr_html_(self) -> str:
        message = self.document.get("error_message") or self.waiting_message or ""
        text = f"<pre>{escape(message)}</pre>" if message else ""
        return f"<b>{escape(self.name or self.id)}</b> {escape(self.status)}{text}"
