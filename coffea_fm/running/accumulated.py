"""Sort the output of a processor into histograms, arrays, JSON values, and values that no such file can store."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePath
from typing import Any
from uuid import UUID

import awkward as ak
import boost_histogram
import hist
import numpy as np
from coffea.processor import column_accumulator, value_accumulator
from hist import BaseHist

from coffea_fm.names import KEY, safe_name

_DEEPEST = 50
_SUMS = (
    boost_histogram.accumulators.Mean,
    boost_histogram.accumulators.Sum,
    boost_histogram.accumulators.WeightedMean,
    boost_histogram.accumulators.WeightedSum,
)
_SEEN_ELSEWHERE = object()
"""Placeholder in the counts for a value that another file stores, or no file."""


@dataclass
class Parts:
    """The output of a processor, by the kind of file that stores it.

    Parameters
    ----------
    histograms : dict of str to hist.BaseHist
        By path: the keys that lead to the histogram, joined with ``/``.
    arrays : dict of str to numpy or awkward array
        By path.
    counts : object
        Everything else, as JSON values.
    left_out : dict of str to str
        Why a value is not stored, by path.
    """

    histograms: dict[str, BaseHist[Any]] = field(default_factory=dict)
    arrays: dict[str, Any] = field(default_factory=dict)
    counts: Any = None
    left_out: dict[str, str] = field(default_factory=dict)


def take_apart(output: Any) -> Parts:
    """Sort the output of a processor by kind of file.

    Parameters
    ----------
    output : object
        Nested mappings, sequences, sets and accumulators of any values.
    """
    parts = Parts()
    counts = _take(output, (), parts)
    parts.counts = {} if counts is _SEEN_ELSEWHERE else counts
    return parts


def _take(value: Any, path: tuple[str, ...], parts: Parts) -> Any:
    """Convert a value for JSON, or return `_SEEN_ELSEWHERE`."""
    name = "/".join(path) or "output"
    if len(path) > _DEEPEST:
        return _leave_out(name, "is nested too deeply", parts)
    if isinstance(value, value_accumulator | column_accumulator):
        return _take(value.value, path, parts)
    if isinstance(value, boost_histogram.Histogram):
        parts.histograms[name] = value if isinstance(value, BaseHist) else hist.Hist(value)
        return _SEEN_ELSEWHERE
    if isinstance(value, np.ndarray | ak.Array) and value.ndim:
        parts.arrays[name] = value
        return _SEEN_ELSEWHERE
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {entry.name: getattr(value, entry.name) for entry in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return _members(value, dict(zip(value, _texts(list(value)), strict=True)), path, parts)
    if isinstance(value, AbstractSet):
        return sorted(_items(value, name, parts), key=str)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview):
        if all(isinstance(item, bool | int | str) for item in value):
            return list(value)
        entries = dict(enumerate(value))
        kept = _members(entries, {key: str(key) for key in entries}, path, parts)
        return kept if kept is _SEEN_ELSEWHERE else list(kept.values())
    return _plain(value, name, parts)


def _members(values: Mapping[Any, Any], names: Mapping[Any, str], path: tuple[str, ...], parts: Parts) -> Any:
    taken = {names[key]: _take(value, (*path, safe_name(names[key], KEY)), parts) for key, value in values.items()}
    kept = {key: value for key, value in taken.items() if value is not _SEEN_ELSEWHERE}
    return _SEEN_ELSEWHERE if taken and not kept else kept


def _texts(keys: Sequence[Any]) -> list[str]:
    """Keys as text, with their type if two would be equal, such as the number 1 and the text "1"."""
    texts = [_key_text(key) for key in keys]
    return [
        text if isinstance(key, str) or texts.count(text) == 1 else f"{text} ({type(key).__name__})"
        for key, text in zip(keys, texts, strict=True)
    ]


def _key_text(key: Any) -> str:
    if isinstance(key, bytes):
        return key.decode("utf-8", "backslashreplace")
    return str(key.item() if isinstance(key, np.generic) else key)


def _plain(value: Any, name: str, parts: Parts) -> Any:
    """Convert one value for JSON."""
    if isinstance(value, np.ndarray | np.generic | ak.Array):
        value = _from_numpy(value)
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Enum):
        return _plain(value.value, name, parts)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real | Decimal) and not isinstance(value, Fraction):
        number = float(value)
        if math.isfinite(number):
            return number
        parts.left_out[name] = f"{name} is {number}, which JSON cannot store: it is null in cutflow.json"
        return None
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta | Fraction | PurePath | UUID | complex):
        return str(value)
    if isinstance(value, tuple | list | frozenset):
        return _items(value, name, parts)
    if (fields := _accumulator_fields(value)) is not None:
        return {key: _plain(number, name, parts) for key, number in fields.items()}
    return _leave_out(name, f"is a {type(value).__name__}, which only output.coffea can store", parts)


def _items(values: Iterable[Any], name: str, parts: Parts) -> list[Any]:
    return [plain for item in values if (plain := _plain(item, name, parts)) is not _SEEN_ELSEWHERE]


def _from_numpy(value: Any) -> Any:
    if isinstance(value, np.datetime64 | np.timedelta64):
        return str(value)
    if isinstance(value, np.void):
        return [entry.item() if isinstance(entry, np.generic) else entry for entry in value.tolist() or ()]
    return value.tolist() if isinstance(value, np.ndarray | ak.Array) else value.item()


def _accumulator_fields(value: Any) -> dict[str, Any] | None:
    """Fields of the sum of a histogram with variances or means."""
    if not isinstance(value, _SUMS):
        return None
    names = ("value", "variance", "count", "sum_of_weights", "sum_of_weights_squared")
    return {key: getattr(value, key) for key in names if hasattr(value, key)}


def _leave_out(name: str, reason: str, parts: Parts) -> Any:
    parts.left_out[name] = f"{name} {reason}"
    return _SEEN_ELSEWHERE
