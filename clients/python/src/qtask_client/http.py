"""HTTP requests to the service, with retries and typed errors."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any
from urllib.parse import urlencode

import urllib3

from .errors import UnreachableError, service_error

_TRANSIENT = frozenset({408, 429, 502, 503, 504})
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
_REQUEST_TIMEOUT = 30.0


class Connection:
    """A pool of connections to one service. May be used by several threads."""

    def __init__(self, url: str, token: str | None, patience: float, ca_file: str | None = None) -> None:
        """Takes the address, the bearer token, and the seconds that an outage may last."""
        self.url = url
        self._patience = patience
        headers = {"Accept": "application/json", "User-Agent": "qtask-client"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._headers = headers
        self._pool = urllib3.PoolManager(maxsize=8, retries=False, ca_certs=ca_file)

    def get(self, path: str, query: list[tuple[str, str]] | None = None, wait: float = 0) -> Any:
        """Reads a document."""
        if query:
            path = f"{path}?{urlencode(query)}"
        return self._repeat("GET", path, None, {}, _REQUEST_TIMEOUT + wait)

    def post(self, path: str, document: Any) -> Any:
        """Posts a document under an idempotency key, so that the request can be repeated."""
        body = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        return self._repeat("POST", path, body, headers, _REQUEST_TIMEOUT)

    def delete(self, path: str) -> Any:
        """Sends a DELETE request, which may be repeated."""
        return self._repeat("DELETE", path, None, {}, _REQUEST_TIMEOUT)

    def close(self) -> None:
        """Closes the connections."""
        self._pool.clear()

    def _repeat(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], limit: float
    ) -> Any:
        deadline = time.monotonic() + self._patience
        pause = _FIRST_PAUSE
        while True:
            answer = self._send(method, path, body, headers, limit)
            if not isinstance(answer, Exception):
                return answer
            transient = isinstance(answer, UnreachableError) or getattr(answer, "status", 0) in _TRANSIENT
            delay = min(max(getattr(answer, "retry_after", None) or 0, pause), _LONGEST_PAUSE)
            if not transient or time.monotonic() + delay > deadline:
                raise answer
            time.sleep(delay)
            pause *= 2

    def _send(self, method: str, path: str, body: bytes | None, headers: dict[str, str], limit: float) -> Any:
        timeout = urllib3.Timeout(connect=5.0, read=limit)
        try:
            response = self._pool.request(
                method,
                self.url + path,
                body=body,
                headers={**self._headers, **headers},
                timeout=timeout,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            return UnreachableError(f"{self.url} does not answer: {error}")
        if 200 <= response.status < 300:
            return json.loads(response.data) if response.data else None
        try:
            problem = json.loads(response.data)
        except ValueError:
            problem = None
        if not isinstance(problem, dict):
            problem = {
                "detail": f"{self.url} answered with HTTP status {response.status}: is it a qtask service?"
            }
        return service_error(response.status, problem, _seconds(response.headers.get("Retry-After")))


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isdecimal() else None
