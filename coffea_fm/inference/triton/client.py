"""Requests to a Triton server, repeated while it is away."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from coffea_fm.errors import InputError, ServerError
from coffea_fm.inference.triton.names import Address

TRIES: Final = 10
FIRST_TRIES: Final = 3
"""For the first request of a user, who would rather know soon that the address is wrong."""
FIRST_WAIT: Final = 0.25
LONGEST_WAIT: Final = 16.0
"""Seconds. The limit of a wait doubles with each try. A wait is random between half of it and all of it, so that a thousand
jobs do not come back at once. All waits are about a minute together, in which a server can restart."""
_TIMEOUT: Final = 120.0
_AWAY: Final = {"429", "502", "503", "504"}
_LOG = logging.getLogger(__name__)
_clients = threading.local()

Arrays = Mapping[str, npt.NDArray[Any]]


def infer(address: Address, model: str, version: str, arrays: Arrays, outputs: Sequence[str]) -> list[npt.NDArray[Any]]:
    """Run a model for one batch.

    Parameters
    ----------
    address : Address
        The server.
    model, version : str
        Name and version of the model.
    arrays : mapping of str to array
        Inputs.
    outputs : sequence of str
        Names of the outputs.

    Raises
    ------
    ServerError
        If the server is away for longer than all tries take, or refuses.
    """
    http = _tritonclient()
    inputs = []
    for name, array in arrays.items():
        tensor = http.InferInput(name, list(array.shape), "BOOL" if array.dtype == np.bool_ else "FP32")
        tensor.set_data_from_numpy(np.ascontiguousarray(array))
        inputs.append(tensor)
    wanted = [http.InferRequestedOutput(name) for name in outputs]

    def ask(client: Any) -> Any:
        return client.infer(model, inputs, model_version=version, outputs=wanted)

    answer = _repeated(address, ask, TRIES)
    if (given := answer.get_response().get("model_version")) != version:
        raise ServerError(f"{address} answered with version {given} instead of {version}: it has a different model")
    return [answer.as_numpy(name) for name in outputs]


def model_config(address: Address, tries: int | None = None) -> dict[str, Any]:
    """Configuration of a model.

    Parameters
    ----------
    address : Address
        The model.
    tries : int, optional
        How often to ask a server that is away; `TRIES` by default.

    Raises
    ------
    ServerError
        If the server is away, or has no such model.
    """
    config: dict[str, Any] = _repeated(address, lambda client: client.get_model_config(address.model), tries or TRIES)
    return config


def _repeated(address: Address, ask: Callable[[Any], Any], tries: int) -> Any:
    """Ask, again after a random wait while the server is away."""
    from tritonclient.utils import InferenceServerException

    reason = ""
    for attempt in range(tries):
        if attempt:
            limit = min(LONGEST_WAIT, FIRST_WAIT * 2**attempt)
            wait = random.uniform(limit / 2, limit)
            _LOG.info("%s: %s; try %d in %.1f s", address, reason, attempt + 1, wait)
            time.sleep(wait)
        try:
            return ask(_client(address))
        except InferenceServerException as error:
            reason = error.message() or "no reason given"
            if error.status() not in _AWAY:
                raise ServerError(f"{address} refused the request: {reason}; {_cure(reason)}") from error
        except Exception as error:
            if not _is_of_the_network(error):
                raise
            reason = str(error) or type(error).__name__
            _forget(address)
    raise ServerError(
        f"{address} did not answer in {tries} tries: {reason}; check that the server runs, and that the address is that of "
        "its HTTP port"
    )


def _cure(reason: str) -> str:
    if "version" in reason or "unknown model" in reason.lower():
        return "the server has another model, or another version of it: load it again, or export the bundle again"
    return "the log of the server says more"


def _is_of_the_network(error: Exception) -> bool:
    """Whether a connection failed or broke; geventhttpclient and gevent have errors of their own for it."""
    return isinstance(error, OSError | TimeoutError) or type(error).__module__.startswith(
        ("gevent", "geventhttpclient")
    )


def _client(address: Address) -> Any:
    """The connection of this thread, which cannot be shared with others."""
    key = (os.getpid(), address.server)
    known: dict[tuple[int, str], Any] = _clients.__dict__.setdefault("known", {})
    if key not in known:
        known[key] = _tritonclient().InferenceServerClient(
            address.server, connection_timeout=_TIMEOUT, network_timeout=_TIMEOUT, ssl=address.tls
        )
    return known[key]


def _forget(address: Address) -> None:
    """Drop a broken connection."""
    _clients.__dict__.get("known", {}).pop((os.getpid(), address.server), None)


def _tritonclient() -> Any:
    try:
        import tritonclient.http
    except ImportError as error:
        raise InputError(
            "a Triton server needs tritonclient: pip install 'coffea-fm[triton]' on every worker"
        ) from error
    return tritonclient.http
