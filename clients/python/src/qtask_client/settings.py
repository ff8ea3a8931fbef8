"""Address and token of the service, from arguments, environment or a file."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from urllib.parse import urlsplit

from .errors import UsageError


def token_from_environment() -> str | None:
    """Returns the content of `QTASK_TOKEN`, or of the file that `QTASK_TOKEN_FILE` names."""
    token = os.environ.get("QTASK_TOKEN", "").strip()
    file = os.environ.get("QTASK_TOKEN_FILE", "")
    if token and file:
        raise UsageError("QTASK_TOKEN and QTASK_TOKEN_FILE are both set: remove one of them")
    if token or not file:
        return token or None
    try:
        token = Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    if not token:
        raise UsageError(f"{file} is empty")
    return token


def checked_url(url: str, token: str | None, allow_insecure: bool) -> str:
    """Returns the address without a trailing slash; refuses to send a token in clear to another machine."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{url!r} is not an address of a service: it must begin with http:// or https://")
    if parts.username or parts.password:
        raise UsageError("the address must not have a user or a password: give the token apart")
    if token and parts.scheme == "http" and not allow_insecure and not _is_this_machine(parts.hostname):
        raise UsageError(
            f"The token is not sent: {parts.hostname} is another machine, and everybody in between "
            "could read it. Use https://, or insecure=True (QTASK_INSECURE=true) where the network is trusted"
        )
    return url.rstrip("/")


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
