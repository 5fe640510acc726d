"""One onnxruntime session per process and graph, however many chunks, threads or copies of a tagger ask for it."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from typing import Any

from coffea_fm.errors import BundleError, InputError, first_line
from coffea_fm.inference.providers import choose_providers
from coffea_fm.inference.threads import owned_threads

Session = Any

_LOG = logging.getLogger(__name__)
_lock = threading.Lock()
_sessions: dict[tuple[int, str, tuple[str, ...]], Session] = {}


def session(sha256: str, data: bytes, providers: Sequence[str] | None = None) -> Session:
    """Return the session of a graph in this process, creating it on the first call.

    It runs on the calling thread only. Tagging runs several batches in parallel instead, which scales better for
    small batches and leaves no idle threads behind.

    Parameters
    ----------
    sha256 : str
        Content hash of the graph.
    data : bytes
        The graph.
    providers : sequence of str, optional
        See `choose_providers`.
    """
    ort = _onnxruntime()
    chosen = choose_providers(providers, ort.get_available_providers())
    key = (os.getpid(), sha256, chosen)  # a forked child cannot use its parent's sessions
    with _lock:
        if key not in _sessions:
            _sessions[key] = _create(ort, data, chosen)
        return _sessions[key]


def session_count() -> int:
    """Number of sessions that this process has created."""
    return sum(pid == os.getpid() for pid, *_ in _sessions)


def _create(ort: Any, data: bytes, providers: tuple[str, ...]) -> Session:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.enable_mem_pattern = False  # patterns are kept per input shape: memory would grow with every new one
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.load_model_format", "ONNX")  # never guessed from the bytes
    options.log_severity_level = 3
    try:
        made = ort.InferenceSession(data, options, providers=list(providers))
    except Exception as error:
        raise BundleError(
            f"onnxruntime {ort.__version__} cannot open a graph of the bundle: {first_line(error)}"
        ) from error
    where = ", ".join(made.get_providers())
    _LOG.info(
        "onnxruntime %s runs a graph on %s; this process owns %d threads", ort.__version__, where, owned_threads()
    )
    return made


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError(
            "tagging needs onnxruntime: install coffea-fm[cpu] or coffea-fm[gpu] on every worker"
        ) from error
    return onnxruntime


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603 - a lock held by another thread at the fork would never be released in the child
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
