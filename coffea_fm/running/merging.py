"""Add the outputs of chunks like coffea, but keep values that cannot be added."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Self

import cloudpickle  # type: ignore[import-untyped]
import lz4.frame  # type: ignore[import-untyped]
from coffea.processor.accumulator import AccumulatorABC, iadd

from coffea_fm.errors import InputError

_ADD_BY_KEY = (AccumulatorABC.__add__, Counter.__add__)


class NotAdded(list[Any]):
    """Values of several chunks that cannot be added.

    Parameters
    ----------
    values : list
        One value per chunk, or per group of chunks that could be added.
    reason : str
        Why they cannot be added.
    """

    def __init__(self, values: list[Any], reason: str) -> None:
        super().__init__(values)
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return NotAdded, (list(self), self.reason)


@dataclass
class Merging:
    """The output of one or more chunks, for coffea's executors to add.

    coffea stops at the first value that cannot be added, and loses all others. Here such values are kept as `NotAdded`.
    Pickled with cloudpickle, so that default dictionaries with a lambda and classes from a notebook work.

    Parameters
    ----------
    output : object
        Returned by ``process``.
    """

    output: Any

    def __add__(self, other: Merging) -> Merging:
        return Merging(_copied(self.output)).__iadd__(other)

    def __iadd__(self, other: Merging) -> Self:
        self.output = _add(self.output, other.output)
        return self

    def __deepcopy__(self, _: dict[int, Any]) -> Merging:
        return Merging(_copied(self.output))

    def __getstate__(self) -> bytes:
        try:
            return bytes(cloudpickle.dumps(self.output))
        except Exception as error:
            raise InputError(f"the processor's output cannot be pickled: {error}") from error

    def __setstate__(self, state: bytes) -> None:
        self.output = cloudpickle.loads(state)


def packed(value: Any) -> bytes:
    """The result of a chunk for the way back from a worker."""
    return bytes(lz4.frame.compress(cloudpickle.dumps(value)))


def unpacked(result: bytes) -> Any:
    """What `packed` made small."""
    return cloudpickle.loads(lz4.frame.decompress(result))


def not_added(output: Any, path: str = "") -> Iterator[tuple[str, NotAdded]]:
    """Values that could not be added, by path."""
    if isinstance(output, NotAdded):
        yield path or "output", output
    elif isinstance(output, Mapping):
        for key, value in output.items():
            yield from not_added(value, f"{path}/{key}".lstrip("/"))


def _add(first: Any, second: Any) -> Any:
    """Add two values, in place if possible; mappings by key."""
    if isinstance(first, NotAdded) or isinstance(second, NotAdded):
        values = [*_values(first), *_values(second)]
        return NotAdded(values, next(part.reason for part in (first, second) if isinstance(part, NotAdded)))
    if _by_key(first) and _by_key(second):
        for key, value in second.items():
            first[key] = _add(first[key], value) if key in first else value
        return first
    try:
        return iadd(first, second)
    except Exception as error:  # noqa: BLE001 - user types may raise anything
        kinds = " and ".join(dict.fromkeys(type(value).__name__ for value in (first, second)))
        reason = " ".join(str(error).split())[:200].rstrip(".")
        return NotAdded([first, second], f"{kinds} of two chunks cannot be added: {type(error).__name__}: {reason}")


def _copied(value: Any) -> Any:
    """Copy a value to add to; values that cannot be copied, such as an open file, are used as they are."""
    try:
        if _by_key(value):
            copied = copy.copy(value)
            for key, part in value.items():
                copied[key] = _copied(part)  # not by update(), which adds in a Counter
            return copied
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001 - user types may raise anything
        return value


def _by_key(value: Any) -> bool:
    adds = getattr(type(value), "__add__", None)
    return isinstance(value, MutableMapping) and adds in (None, *_ADD_BY_KEY)


def _values(part: Any) -> list[Any]:
    return list(part) if isinstance(part, NotAdded) else [part]
