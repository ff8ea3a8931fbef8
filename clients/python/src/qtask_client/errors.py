"""Errors, with the message of the service."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_POSITION = re.compile(r"line (\d+), column (\d+)")


class QtaskError(Exception):
    """Base class of all errors of this package."""


class UsageError(QtaskError):
    """An argument or a setting is invalid; nothing was sent."""


class UnreachableError(QtaskError):
    """The service did not answer."""


class ServiceError(QtaskError):
    """The service refused a request."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: float | None = None) -> None:
        """Reads a document of type `application/problem+json`."""
        self.status = status
        self.code = str(problem.get("code", ""))
        self.detail = str(problem.get("detail") or problem.get("title") or f"HTTP status {status}")
        errors = problem.get("errors")
        self.errors: dict[str, str] = (
            {str(field): str(message) for field, message in errors.items()}
            if isinstance(errors, dict)
            else {}
        )
        self.correlation_id = problem.get("correlation_id")
        self.retry_after = retry_after
        fields = "".join(f"\n  {field}: {message}" for field, message in self.errors.items())
        super().__init__(self.detail + fields)


class InvalidRequestError(ServiceError):
    """A field of the request is invalid: `errors` maps fields to messages."""


class AuthenticationError(ServiceError):
    """The token is missing, invalid, or lacks a scope."""


class NotFoundError(ServiceError):
    """The task does not exist."""


class TaskFailedError(QtaskError):
    """A task failed or was cancelled; has the message of the service, and the position in the circuit."""

    def __init__(self, task_id: str, status: str, code: str | None, message: str | None) -> None:
        """Reads line and column from the message of an invalid circuit."""
        self.task_id = task_id
        self.status = status
        self.code = code
        self.message = message or f"the task is {status}"
        position = _POSITION.match(self.message)
        self.line = int(position[1]) if position else None
        self.column = int(position[2]) if position else None
        super().__init__(f"task {task_id} {status}: {self.message}")


def service_error(status: int, problem: Mapping[str, Any], retry_after: float | None) -> ServiceError:
    """Returns the error of the class that the status names."""
    classes: dict[int, type[ServiceError]] = {
        400: InvalidRequestError,
        401: AuthenticationError,
        403: AuthenticationError,
        404: NotFoundError,
        413: InvalidRequestError,
        422: InvalidRequestError,
    }
    return classes.get(status, ServiceError)(status, problem, retry_after)
