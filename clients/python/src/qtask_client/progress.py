"""A progress bar, if tqdm is installed."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

from .errors import UsageError


class Bar(Protocol):
    """Counts ended tasks."""

    def update(self, number: int) -> Any:
        """Adds ended tasks."""


class _NoBar(AbstractContextManager["_NoBar"]):
    def update(self, number: int) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


def progress_bar(total: int, shown: bool) -> AbstractContextManager[Bar]:
    """Returns a bar for so many tasks, which shows nothing unless asked to."""
    if not shown:
        return _NoBar()
    try:
        from tqdm.auto import tqdm  # noqa: PLC0415
    except ImportError as error:
        raise UsageError("the progress bar needs tqdm: pip install 'qtask-client[progress]'") from error
    bar: AbstractContextManager[Bar] = tqdm(total=total, unit="task")
    return bar
