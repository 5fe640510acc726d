"""Make numpy and awkward arrays from a pickle, with the checks that numpy itself leaves out."""

from __future__ import annotations

from typing import Any, Final

import awkward as ak
import numpy as np
from numpy._core.multiarray import _reconstruct, scalar

from coffea_fm.untrusted.refused import Refused

NDARRAY: Final = object()
"""Stands for the class of arrays, which a pickle needs to name, but not to call."""
_SIZED: Final = "SU"
_UNSIZED: Final = (-1, -1)


def make_array(kind: object, shape: object, code: object) -> Any:
    """An empty array, to which its state is given next."""
    if kind is not NDARRAY or shape != (0,):
        raise Refused("it has an array of an unusual kind")
    return _reconstruct(np.ndarray, (0,), code)


def make_scalar(dtype: Any, content: object = b"") -> Any:
    """One number."""
    if not isinstance(dtype, np.dtype) or dtype.kind == "O":
        raise Refused("it has a number of an unusual kind")
    return scalar(dtype, content)


def make_from_buffer(buffer: Any, dtype: Any, shape: Any, order: Any, axis_order: Any = None) -> Any:
    """An array over bytes, as pickles of protocol 5 have them."""
    if not isinstance(dtype, np.dtype) or dtype.hasobject or axis_order is not None:
        raise Refused("it has an array of an unusual kind")
    return np.frombuffer(buffer, dtype=dtype).reshape(shape, order=order)


def make_dtype(code: object, *_: object) -> np.dtype[Any]:
    """A plain type of numbers or text."""
    if not isinstance(code, str):
        raise Refused("it has a structured type")
    made = np.dtype(code)
    if made.fields is not None or made.subdtype is not None:
        raise Refused("it has a structured type")
    return made


def check_dtype_state(dtype: np.dtype[Any], state: Any) -> None:
    """Refuse states that change the size of numbers, after which numpy would read beyond its memory."""
    plain = isinstance(state, tuple) and len(state) in (8, 9) and state[2:5] == (None, None, None)
    if not plain or (state[5:7] != _UNSIZED and not (dtype.kind in _SIZED and state[5] == dtype.itemsize)):
        raise Refused("it has a structured type")
    if dtype.kind != "O" and state[7] not in (0, 8):
        raise Refused("it has a type with unusual flags")


def check_awkward(array: Any) -> Any:
    """An awkward array or record, if its offsets and indices fit its content."""
    whole = array if isinstance(array, ak.Array) else array.layout.array
    problem = ak.validity_error(whole)
    if problem:
        raise Refused(f"it has an awkward array that is not valid: {problem[:200]}")
    return array
