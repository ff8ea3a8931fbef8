"""A real service for the tests: `qtask serve` and `qtask work` with a database of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from service import Service

from qtask_client import Client
from qtask_client.qiskit import QtaskBackend


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    service = Service()
    try:
        service.start()
        yield service
    finally:
        service.remove()


@pytest.fixture(scope="session")
def client(service: Service) -> Client:
    return Client(service.url)


@pytest.fixture(scope="session")
def backend(client: Client) -> QtaskBackend:
    return QtaskBackend(client)
