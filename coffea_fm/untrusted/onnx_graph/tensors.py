"""Check a tensor of an ONNX file: that it is inside the file, and as large as its shape says."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from coffea_fm.untrusted.onnx_graph import field_numbers as number_of
from coffea_fm.untrusted.onnx_graph.wire import Value, fields, submessage, text, varints
from coffea_fm.untrusted.refused import Refused

MOST_DENSE: Final = 2**26
"""Numbers of a sparse tensor when it is written out, which onnxruntime does when it opens a file."""
_MOST_DIMS: Final = 32
_NEGATIVE: Final = 2**63
_BITS: Final = {
    **dict.fromkeys((2, 3, 9, 17, 18, 19, 20, 24), 8),  # integers, bool and floats of 8 bits
    **dict.fromkeys((4, 5, 10, 16), 16),
    **dict.fromkeys((1, 6, 12), 32),
    **dict.fromkeys((7, 11, 13, 14), 64),
    15: 128,
    **dict.fromkeys((21, 22, 23), 4),
    **dict.fromkeys((25, 26), 2),
}


@dataclass
class Tensor:
    """What a tensor says about itself."""

    name: str = ""
    dims: list[int] = field(default_factory=list)
    kind: int = 0
    raw: memoryview | None = None
    numbers: int = 0
    external: bool = False
    location: str = ""


def read_tensor(message: memoryview) -> Tensor:
    """Read a TensorProto, and compare its shape with the number of its values.

    Raises
    ------
    Refused
        If it has values of another number, or a shape that is not possible.
    """
    tensor = Tensor()
    for number, value in fields(message):
        _add(tensor, number, value)
    if any(dim >= _NEGATIVE for dim in tensor.dims) or len(tensor.dims) > _MOST_DIMS:
        raise Refused(f"the tensor {tensor.name[:80]!r} has an impossible shape")
    size = math.prod(tensor.dims)
    if tensor.external or tensor.kind == 0:
        return tensor
    if tensor.raw is not None:
        bits = _BITS.get(tensor.kind)
        if bits is None or len(tensor.raw) != -(-size * bits // 8):
            raise Refused(f"the tensor {tensor.name[:80]!r} does not have the size of its shape")
    elif tensor.numbers > 2 * size + 1 or 4 * max(tensor.numbers, 1) < size:
        # types of a few bits put up to four values into one number, complex types use two numbers for a value
        raise Refused(f"the tensor {tensor.name[:80]!r} does not have as many values as its shape says")
    return tensor


def check_dense(message: memoryview) -> list[Tensor]:
    """Check a SparseTensorProto, and return its two tensors."""
    dims: list[int] = []
    parts = []
    for number, value in fields(message):
        if number in number_of.SPARSE_PARTS:
            parts.append(read_tensor(submessage(value)))
        elif number == number_of.SPARSE_DIMS:
            dims += varints(value)
    if any(dim >= _NEGATIVE for dim in dims) or math.prod(dims) > MOST_DENSE:
        raise Refused(f"a sparse tensor stands for more than {MOST_DENSE} numbers")
    return parts


def _add(tensor: Tensor, number: int, value: Value) -> None:
    """Take in one field. Of a field that is there twice, the last one counts, as everywhere in protobuf."""
    if number == number_of.TENSOR_DIMS:
        tensor.dims += varints(value)
    elif number == number_of.TENSOR_TYPE and isinstance(value, int):
        tensor.kind = value
    elif number == number_of.TENSOR_NAME:
        tensor.name = text(value)
    elif number == number_of.TENSOR_RAW:
        tensor.raw = submessage(value)
    elif number == number_of.TENSOR_EXTERNAL:
        tensor.external = True
        known = (number_of.ENTRY_KEY, number_of.ENTRY_VALUE)
        entry = {key: text(part) for key, part in fields(submessage(value)) if key in known}
        if entry.get(number_of.ENTRY_KEY) == "location":
            tensor.location = entry.get(number_of.ENTRY_VALUE, "")
    elif number == number_of.TENSOR_LOCATION:
        tensor.external |= value != 0
    elif number in number_of.TENSOR_NUMBERS:
        tensor.numbers += _count(number, value)


def _count(number: int, value: Value) -> int:
    """How many numbers one field holds."""
    if isinstance(value, int) or number == number_of.TENSOR_STRINGS:
        return 1
    size = number_of.TENSOR_NUMBERS[number]
    if size is not None:
        return len(value) // size
    return int(np.count_nonzero(np.frombuffer(value, np.uint8) < 0x80))
