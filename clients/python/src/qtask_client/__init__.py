"""Client of the task service qtask: submits circuits and problems, and reads their results."""

from .client import Client
from .errors import (
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    QtaskError,
    ServiceError,
    TaskFailedError,
    UnreachableError,
    UsageError,
)
from .model import Result, Task

__all__ = [
    "AuthenticationError",
    "Client",
    "InvalidRequestError",
    "NotFoundError",
    "QtaskError",
    "Result",
    "ServiceError",
    "Task",
    "TaskFailedError",
    "UnreachableError",
    "UsageError",
]
