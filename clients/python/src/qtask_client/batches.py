"""Divides submissions into batches that the service accepts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

# Limits of `POST /tasks/batch`; a single larger task is a batch of its own.
_MAX_TASKS = 1_000
_MAX_BYTES = 3 << 20


def batches(submissions: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yields non-empty batches, in order."""
    batch: list[dict[str, Any]] = []
    size = 0
    for submission in submissions:
        length = _length(submission)
        if batch and (len(batch) == _MAX_TASKS or size + length > _MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(submission)
        size += length
    if batch:
        yield batch


def _length(submission: dict[str, Any]) -> int:
    rest = {name: value for name, value in submission.items() if name != "circuit"}
    return len(submission.get("circuit", "").encode()) + len(json.dumps(rest)) + 16
