"""Reduce a configuration to plain parts that are the same in every process, so that it can be hashed.

Pickled bytes cannot be used: they depend on the order of sets and on which objects are shared.
"""

from __future__ import annotations

import copyreg
import hashlib
import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from functools import singledispatch
from pathlib import Path, PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import awkward as ak
import numpy as np

from coffea_fm.errors import RecipeError
from coffea_fm.inference import Tagger

_LONGEST_PATH = 4096
_LARGE = 1 << 30
_FALLBACK = 4
"""Protocol of ``__reduce_ex__``."""


class Canonical:
    """Hashes values, and remembers which classes, functions and modules it met.

    Attributes
    ----------
    met : set of str
        Names of these modules: their source belongs to the configuration as well.
    """

    def __init__(self) -> None:
        self.met: set[str] = set()
        self._inside: list[int] = []

    def digest(self, value: Any, name: str = "the processor") -> bytes:
        """Hash a value.

        Parameters
        ----------
        value : object
            Plain values, containers, arrays, histograms, functions, and objects that can be pickled. Sets have no
            order; that of a dictionary counts, because a processor may go by it. Strings and paths that name a file
            include what is in the file.
        name : str
            What to call the value in an error.

        Raises
        ------
        RecipeError
            If a part has no content that can be reproduced, such as an open file or a lock.
        """
        if id(value) in self._inside:  # a cycle: say how far up it leads
            return _hash("cycle", str(len(self._inside) - self._inside.index(id(value))).encode())
        self._inside.append(id(value))
        try:
            return _hash(type(value).__qualname__, *_parts(value, self, name))
        except RecursionError as error:
            raise RecipeError(f"checkpoints cannot describe {name}: it is nested too deeply") from error
        finally:
            self._inside.pop()

    def all_of(self, values: Iterable[Any], name: str) -> Iterator[bytes]:
        """Hash several values, in order."""
        return (self.digest(value, name) for value in values)

    def by_key(self, values: Mapping[Any, Any], name: str) -> Iterator[bytes]:
        """Hash keys and values, in order."""
        for key, value in values.items():
            yield self.digest(key, name)
            yield self.digest(value, f"{key!r} of {name}")


def _hash(kind: str, *parts: bytes) -> bytes:
    """Hash parts with their lengths, so that no two lists of parts look alike."""
    digest = hashlib.sha256(kind.encode())
    for part in parts:
        digest.update(struct.pack("<Q", len(part)))
        digest.update(part)
    return digest.digest()


@singledispatch
def _parts(value: Any, canonical: Canonical, name: str) -> Iterable[bytes]:
    """The parts of an object: its class, and what pickle would make it again from."""
    kind = type(value)
    canonical.met.add(kind.__module__)
    try:
        reducer = copyreg.dispatch_table.get(kind)
        reduced: Any = value.__reduce_ex__(_FALLBACK) if reducer is None else reducer(value)
    except Exception as error:
        raise RecipeError(
            f"checkpoints need a processor whose content is known, and {name} holds a {kind.__name__}: {error}; create "
            "it in process(), or run without --checkpoints"
        ) from error
    if isinstance(reduced, str):
        return [kind.__module__.encode(), reduced.encode()]
    function, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
    members = (function, arguments, state, list(items or ()), list(pairs or ()))
    return [kind.__module__.encode(), *canonical.all_of(members, name)]


@_parts.register(type(None))
@_parts.register(bool)
@_parts.register(int)
@_parts.register(complex)
def _(value: Any, canonical: Canonical, name: str) -> Iterable[bytes]:  # noqa: ARG001
    return [repr(value).encode()]


@_parts.register(float)
def _(value: float, canonical: Canonical, name: str) -> Iterable[bytes]:  # noqa: ARG001
    return [struct.pack("<d", value)]


@_parts.register(bytes)
@_parts.register(bytearray)
def _(value: bytes, canonical: Canonical, name: str) -> Iterable[bytes]:  # noqa: ARG001
    return [bytes(value)]


@_parts.register(str)
@_parts.register(PurePath)
def _(value: str | PurePath, canonical: Canonical, name: str) -> Iterable[bytes]:  # noqa: ARG001
    return [str(value).encode("utf-8", "surrogatepass"), content(value)]


@_parts.register(list)
@_parts.register(tuple)
def _(value: list[Any] | tuple[Any, ...], canonical: Canonical, name: str) -> Iterable[bytes]:
    return canonical.all_of(value, name)


@_parts.register(AbstractSet)
def _(value: AbstractSet[Any], canonical: Canonical, name: str) -> Iterable[bytes]:
    return sorted(canonical.all_of(value, name))


@_parts.register(dict)
def _(value: dict[Any, Any], canonical: Canonical, name: str) -> Iterable[bytes]:
    canonical.met.add(type(value).__module__)
    made_by = getattr(value, "default_factory", None)
    return [canonical.digest(made_by, name), *canonical.by_key(value, name)]


@_parts.register(np.ndarray)
def _(value: np.ndarray[Any, Any], canonical: Canonical, name: str) -> Iterable[bytes]:
    what = f"{value.dtype.descr} {value.shape}".encode()
    if value.dtype.hasobject:
        return [what, *canonical.all_of(value.ravel().tolist(), name)]
    mask = np.ma.getmaskarray(value).tobytes() if isinstance(value, np.ma.MaskedArray) else b""
    return [what, np.ascontiguousarray(value).tobytes(), mask]


@_parts.register(np.generic)
def _(value: np.generic, canonical: Canonical, name: str) -> Iterable[bytes]:  # noqa: ARG001
    return [value.dtype.str.encode(), value.tobytes()]


@_parts.register(ak.Array)
def _(value: ak.Array, canonical: Canonical, name: str) -> Iterable[bytes]:
    form, length, buffers = ak.to_buffers(ak.to_packed(ak.materialize(value)))
    return [form.to_json().encode(), str(length).encode(), *canonical.by_key(buffers, name)]


@_parts.register(Enum)
def _(value: Enum, canonical: Canonical, name: str) -> Iterable[bytes]:
    return [canonical.digest(type(value), name), value.name.encode()]


@_parts.register(Tagger)
def _(value: Tagger, canonical: Canonical, name: str) -> Iterable[bytes]:
    """The model and its working points, wherever the bundle is."""
    about = (value.name, value.checksum, value.calibration.model_dump(mode="json"), value.providers)
    return [canonical.digest(about, name)]


@_parts.register(ModuleType)
def _(value: ModuleType, canonical: Canonical, name: str) -> Iterable[bytes]:  # noqa: ARG001
    canonical.met.add(value.__name__)
    return [value.__name__.encode()]


@_parts.register(type)
def _(value: type, canonical: Canonical, name: str) -> Iterable[bytes]:
    canonical.met |= {base.__module__ for base in value.__mro__}
    where = [value.__module__.encode(), value.__qualname__.encode()]
    if value.__module__ != "__main__":
        return where
    # from a notebook: there is no file to read
    members = {key: part for key, part in vars(value).items() if not _is_bookkeeping(key)}
    return [*where, *canonical.all_of(value.__bases__, name), *canonical.by_key(members, name)]


def _is_bookkeeping(key: str) -> bool:
    return key in ("__dict__", "__weakref__", "__doc__", "__module__", "_abc_impl", "__firstlineno__")


@_parts.register(BuiltinFunctionType)
def _(value: Any, canonical: Canonical, name: str) -> Iterable[bytes]:
    owner = value.__self__
    bound = b"" if owner is None or isinstance(owner, ModuleType) else canonical.digest(owner, name)
    return [str(value.__module__).encode(), value.__qualname__.encode(), bound]


@_parts.register(MethodType)
def _(value: MethodType, canonical: Canonical, name: str) -> Iterable[bytes]:
    return canonical.all_of((value.__func__, value.__self__), name)


@_parts.register(staticmethod)
@_parts.register(classmethod)
def _(value: Any, canonical: Canonical, name: str) -> Iterable[bytes]:
    return [canonical.digest(value.__func__, name)]


@_parts.register(property)
def _(value: property, canonical: Canonical, name: str) -> Iterable[bytes]:
    return canonical.all_of((value.fget, value.fset, value.fdel), name)


@_parts.register(FunctionType)
def _(value: FunctionType, canonical: Canonical, name: str) -> Iterable[bytes]:
    """Where a function is from; for one without a file of its own, such as in a notebook, also what it uses."""
    canonical.met.add(value.__module__)
    cells = [cell.cell_contents for cell in value.__closure__ or () if _is_filled(cell)]
    bound = (value.__code__, value.__defaults__, value.__kwdefaults__, cells)
    used: dict[str, Any] = {}
    if value.__module__ == "__main__":
        used = {key: value.__globals__[key] for key in _names(value.__code__) if key in value.__globals__}
    return [str(value.__module__).encode(), *canonical.all_of((*bound, used), name)]


@_parts.register(CodeType)
def _(value: CodeType, canonical: Canonical, name: str) -> Iterable[bytes]:
    return canonical.all_of((value.co_code, value.co_consts, value.co_names, value.co_varnames), name)


def _is_filled(cell: Any) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def _names(code: CodeType) -> list[str]:
    """Globals that code and the functions within it may use."""
    within = [name for part in code.co_consts if isinstance(part, CodeType) for name in _names(part)]
    return list(dict.fromkeys([*code.co_names, *within]))


def content(name: str | os.PathLike[str]) -> bytes:
    """Hash of the file of that name; of a bundle's manifest and calibration, for its folder; else nothing.

    A file of more than 1 GiB counts by its size and time.
    """
    text = os.fspath(name)
    try:
        if not text or len(text) > _LONGEST_PATH or "\0" in text:
            return b""
        path = Path(text)
        if path.is_file():
            state = path.stat()
            if state.st_size > _LARGE:  # data rather than configuration: reading all of it would take too long
                return _hash("large", f"{state.st_size} {state.st_mtime_ns}".encode())
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").digest()
        if (path / "manifest.json").is_file():
            parts = [(path / part) for part in ("manifest.json", "calibration.json")]
            return _hash("bundle", *(part.read_bytes() for part in parts if part.is_file()))
    except OSError:
        return b""
    return b""
