"""The provider: finds backends of a service."""

from __future__ import annotations

from typing import Any

from ..client import Client
from .backend import QtaskBackend


class QtaskProvider:
    """The backends of one service that run circuits."""

    def __init__(self, client: Client | None = None, **settings: Any) -> None:
        """Takes a client, or the arguments of one."""
        self.client = client or Client(**settings)

    def get_backend(self, name: str = "simulator") -> QtaskBackend:
        """Returns a backend by its name."""
        return QtaskBackend(self.client, name)

    def backends(self) -> list[QtaskBackend]:
        """Returns the backends that have a worker online."""
        online = [item["backend"] for item in self.client.backends() if item["workers_online"]]
        return [self.get_backend(name) for name in online]
