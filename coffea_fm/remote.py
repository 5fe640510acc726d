"""Files on servers: whose fault an error is, and how long to wait for an answer."""

from __future__ import annotations

import errno
import os
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum
from typing import Final

import fsspec
from fsspec.core import split_protocol

from coffea_fm.errors import RecipeError

TIMEOUT: Final = "COFFEA_FM_TIMEOUT"
_SECONDS: Final = 60
_NETWORK_LIBRARIES = ("aiohttp", "requests", "urllib", "urllib3", "http", "botocore", "aiobotocore")
_AWAY = re.compile(
    r"range requests|timed? ?out|unreachable|connection (refused|reset|error)|operation expired|socket (error|timeout)"
    r"|invalid address|stream was broken|on closed file|no servers are available|slow ?down|reduce your request rate"
    # fsspec returns exceptions in place of bytes, and uproot slices them
    r"|'(OS|Client\w*|Server\w*|Connection\w*|Timeout)Error' object is not subscriptable"
    r"|\[(3007|3012|3014|3024|3034|3035)\]",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"permission denied|not authori[sz]ed|auth(entication)? failed|access ?denied|forbidden|unable to locate credentials"
    r"|expired ?token|token.* expired|\[(3010|3028|3030)\]|40[13], message",
    re.IGNORECASE,
)
_MISSING = re.compile(r"no such (file|bucket|key)|\[3011\]|404, message", re.IGNORECASE)
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT)
_TEMPORARY = (408, 425, 429)
"""Statuses of HTTP by which a client is asked to come back, beside 500 and above."""


class Cause(Enum):
    """Why a file cannot be read, and what to do."""

    PLUGIN = "install the missing package"
    DENIED = "renew its proxy or token, or ask for access"
    EXHAUSTED = "this machine has run out of it"
    FOLDER = "give the files in it"
    PROTOCOL = "check the protocol of the URL"
    MISSING = "check its path"
    NETWORK = "try again"


def cause(error: BaseException) -> Cause | None:
    """Why one exception, without its causes, was raised; None if it says nothing of servers, accounts and machines."""
    text, status = str(error), _status(error)
    if isinstance(error, ImportError):
        return Cause.PLUGIN
    if isinstance(error, PermissionError) or status in (401, 403) or _DENIED.search(text):
        return Cause.DENIED
    if isinstance(error, MemoryError) or getattr(error, "errno", None) in _EXHAUSTED:
        return Cause.EXHAUSTED
    if isinstance(error, IsADirectoryError):
        return Cause.FOLDER
    if "Protocol not known" in text:
        return Cause.PROTOCOL
    if isinstance(error, FileNotFoundError) or status == 404:
        return Cause.MISSING
    if _of_network(error):
        return Cause.NETWORK
    return Cause.MISSING if _MISSING.search(text) else None


def cause_of(error: BaseException) -> Cause | None:
    """Why an exception was raised, by itself or its causes."""
    found = first_cause(error)
    return found[0] if found else None


def first_cause(error: BaseException | None) -> tuple[Cause, BaseException] | None:
    """Why an exception was raised, with the one of its causes that says so."""
    return next(((found, each) for each in causes(error) if (found := cause(each)) is not None), None)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, then what caused it, back to the first."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def may_pass(error: BaseException) -> bool:
    """Whether another attempt may succeed: the server or the network failed, and the server does not refuse."""
    found = first_cause(error)
    if found is None or found[0] is not Cause.NETWORK:
        return False
    status = _status(found[1])
    return status < 400 or status >= 500 or status in _TEMPORARY


def timeout_seconds() -> int:
    """Seconds after which a server that does not answer is taken to be away: ``COFFEA_FM_TIMEOUT``, 60 by default.

    Raises
    ------
    RecipeError
        If it is not a positive number.
    """
    text = os.environ.get(TIMEOUT) or str(_SECONDS)
    if not text.isdecimal() or int(text) < 1:
        raise RecipeError(f"{TIMEOUT}={text!r}: give a whole number of seconds, such as {_SECONDS}")
    return int(text)


def set_timeouts() -> None:
    """Give up servers that are silent, unless fsspec's own configuration, or that of XRootD, says otherwise.

    By default, XRootD waits for many minutes, and HTTP limits the whole transfer instead, however fast it is.
    """
    seconds = timeout_seconds()
    for variable in ("XRD_CONNECTIONWINDOW", "XRD_STREAMTIMEOUT", "XRD_REQUESTTIMEOUT"):
        os.environ.setdefault(variable, str(seconds))
    os.environ.setdefault("XRD_STREAMERRORWINDOW", "1")  # else a server that was away once is not asked again for long
    fsspec.config.conf.setdefault("root", {}).setdefault("timeout", seconds)
    if "http" not in fsspec.config.conf:
        from aiohttp import ClientTimeout

        timeout = ClientTimeout(total=None, sock_connect=seconds, sock_read=seconds)
        fsspec.config.conf["http"] = {"client_kwargs": {"timeout": timeout}}


def forget_connections(url: str) -> None:
    """Let the next attempt connect anew: file systems keep connections, and handles of files, that have failed."""
    protocol = split_protocol(url)[0]
    if protocol not in (None, "file", "memory"):
        with suppress(ImportError, ValueError):  # no such plugin, or protocol: the next attempt says so
            fsspec.get_filesystem_class(protocol).clear_instance_cache()


def _status(error: BaseException) -> int:
    """Status of an HTTP answer; 0 if the error is no such answer."""
    status = getattr(error, "status", None) or getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else 0


def _of_network(error: BaseException) -> bool:
    return isinstance(error, ConnectionError | TimeoutError | socket.gaierror) or (
        type(error).__module__.partition(".")[0] in _NETWORK_LIBRARIES or bool(_AWAY.search(str(error)))
    )
