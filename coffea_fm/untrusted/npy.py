"""Read arrays in numpy's own format: plain numbers only, of the size that the file has."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
from numpy.lib import format as npy

from coffea_fm.untrusted.refused import Refused


def read_npy(data: bytes) -> np.ndarray[Any, Any]:
    """Read the bytes of a ``.npy`` file.

    Raises
    ------
    Refused
        If it is damaged, holds Python objects, or says another size than it has.
    """
    file = io.BytesIO(data)
    try:
        version = npy.read_magic(file)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        shape, _, dtype = read(file)
        if dtype.hasobject or dtype.fields or math.prod(shape) * dtype.itemsize != len(data) - file.tell():
            raise Refused("it has an array of Python objects, or of another size than it says")
        array: np.ndarray[Any, Any] = np.load(io.BytesIO(data), allow_pickle=False)
    except Refused:
        raise
    except Exception as error:  # the header is a Python literal, and is parsed as one
        raise Refused(f"it has a damaged array ({type(error).__name__})") from error
    return array
