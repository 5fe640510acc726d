"""Load a pickle that may name a short list of classes only, and can call nothing else."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final

import lz4.frame  # type: ignore[import-untyped]
import numpy as np

from coffea_fm.untrusted.local_files import read_file
from coffea_fm.untrusted.pickles.allowed import CONVERSION, allowed
from coffea_fm.untrusted.pickles.arrays import check_dtype_state
from coffea_fm.untrusted.pickles.functions import FunctionLeftOut
from coffea_fm.untrusted.pickles.histograms import check_histogram
from coffea_fm.untrusted.refused import Refused

MOST_BYTES: Final = 2**29
"""Of the unpacked pickle."""
_PythonUnpickler: Any = pickle._Unpickler  # its methods and its stack are not in typeshed
_DISPATCH: Final = _PythonUnpickler.dispatch


class _Unpickler(_PythonUnpickler):  # type: ignore[misc]
    """Python's own unpickler, whose C twin cannot be told which functions to call."""

    dispatch = dict(_DISPATCH)

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self._size = len(data)
        self._named: list[Any] = []

    def find_class(self, module: str, name: str) -> Any:
        found = allowed(module, name)
        if (module, name) != CONVERSION:
            self._named.append(found)
        return found

    def _check_callable(self, function: Any) -> None:
        if not any(function is named for named in self._named):
            raise Refused("it calls something that it does not name")

    def load_reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if isinstance(function, FunctionLeftOut):
            arguments = ()
            function = FunctionLeftOut
        else:
            self._check_callable(function)
        self.append(function(*arguments))

    def load_newobj(self) -> None:
        arguments, kind = self.stack.pop(), self.stack.pop()
        self._check_callable(kind)
        self.append(kind.__new__(kind, *arguments) if isinstance(kind, type) else kind(*arguments))

    def load_build(self) -> None:
        state, target = self.stack[-1], self.stack[-2]
        if isinstance(target, FunctionLeftOut):
            self.stack.pop()
            return
        if isinstance(target, type | FunctionType | ModuleType) or any(target is named for named in self._named):
            raise Refused("it changes a class")
        if isinstance(target, np.dtype):
            check_dtype_state(target, state)
        _DISPATCH[pickle.BUILD[0]](self)
        check_histogram(target)

    def load_bytearray8(self) -> None:
        size = int.from_bytes(self.read(8), "little")
        if size > self._size:
            raise Refused("it is damaged")
        self.append(bytearray(self.read(size)))

    def refuse(self) -> None:
        raise Refused("it is written in a way that Python does not use for such objects")


_Unpickler.dispatch |= {
    pickle.REDUCE[0]: _Unpickler.load_reduce,
    pickle.NEWOBJ[0]: _Unpickler.load_newobj,
    pickle.BUILD[0]: _Unpickler.load_build,
    pickle.BYTEARRAY8[0]: _Unpickler.load_bytearray8,
    **{
        code[0]: _Unpickler.refuse
        for code in (pickle.INST, pickle.OBJ, pickle.NEWOBJ_EX, pickle.EXT1, pickle.EXT2, pickle.EXT4)
    },
    **{code[0]: _Unpickler.refuse for code in (pickle.PERSID, pickle.BINPERSID, pickle.NEXT_BUFFER)},
}


def loads(data: bytes) -> Any:
    """Load a pickle of arrays, histograms, numbers, text, and containers of them.

    Parameters
    ----------
    data : bytes

    Raises
    ------
    Refused
        If it is damaged, or names anything else. Functions become `FunctionLeftOut`.
    """
    try:
        return _Unpickler(data).load()
    except Refused:
        raise
    except MemoryError as error:
        raise Refused("it needs more memory than there is") from error
    except Exception as error:
        raise Refused(f"it is damaged ({type(error).__name__}: {str(error)[:200]})") from error


def load_output(path: str | os.PathLike[str]) -> Any:
    """Load a file that `coffea.util.save` wrote, such as the ``output.coffea`` of a run; see `loads`.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    Refused
        As for `loads`, or if it is too large when unpacked.
    OSError
        If it cannot be read.
    """
    return loads(_unpacked(read_file(Path(path), MOST_BYTES)))


def _unpacked(data: bytes) -> bytes:
    unpacker = lz4.frame.LZ4FrameDecompressor()
    try:
        unpacked = unpacker.decompress(data, max_length=MOST_BYTES)
    except (RuntimeError, ValueError, EOFError) as error:
        raise Refused(f"it is damaged ({error})") from error
    if not unpacker.eof:
        large = len(unpacked) >= MOST_BYTES
        raise Refused(f"it is larger than {MOST_BYTES >> 20} MiB when unpacked" if large else "it is cut off")
    return bytes(unpacked)
