"""Check the header of a safetensors file before anything is read by it.

The format is eight bytes with the length of the header, JSON, and the tensors one after the other:
https://huggingface.co/docs/safetensors. The points checked are those of its security audit (Trail of Bits, 2023): a
header that is too long, keys that are there twice, holes and overlaps between tensors, and bytes after the last one.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

from coffea_fm.untrusted.json_text import parse_json
from coffea_fm.untrusted.local_files import check_file
from coffea_fm.untrusted.refused import Refused

MOST_HEADER: Final = 8 * 2**20
MOST_BYTES: Final = 64 * 2**30
_LENGTH: Final = 8
_MOST_DIMS: Final = 16
_ABOUT: Final = "__metadata__"
_BYTES: Final = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64"), 8),
}


def read_metadata(path: Path) -> dict[str, str]:
    """Check that the header of a safetensors file describes the rest of it, byte by byte, and return its metadata.

    Raises
    ------
    Refused
        If it does not.
    OSError
        If the file cannot be read.
    """
    size = check_file(path, MOST_BYTES)
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH), "little")
        if size < _LENGTH or length > min(MOST_HEADER, size - _LENGTH):
            raise Refused(f"its header has {length} bytes, and the file {size}")
        content = parse_json(file.read(length), MOST_HEADER)
    if not isinstance(content, dict):
        raise Refused("its header is not a JSON object")
    metadata = content.pop(_ABOUT, {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise Refused("its metadata are not text")
    end = 0
    for start, stop in sorted(_place(name, tensor) for name, tensor in content.items()):
        if start != end:
            raise Refused(f"its tensors leave a hole or overlap at byte {min(start, end)}")
        end = stop
    if end != size - _LENGTH - length:
        raise Refused(f"its tensors have {end} bytes, and the file holds {size - _LENGTH - length}")
    return metadata


def _place(name: str, tensor: Any) -> tuple[int, int]:
    """Where the values of a tensor begin and end."""
    fits = isinstance(tensor, dict) and tensor.keys() == {"dtype", "shape", "data_offsets"}
    if not fits or not _is_sizes(tensor["shape"]) or not _is_sizes(tensor["data_offsets"]):
        raise Refused(f"the tensor {name[:80]!r} is not described as it must be")
    shape, place, dtype = tensor["shape"], tensor["data_offsets"], tensor["dtype"]
    if not isinstance(dtype, str) or dtype not in _BYTES:
        raise Refused(f"the tensor {name[:80]!r} has an unknown type")
    if len(place) != 2 or place[1] - place[0] != math.prod(shape) * _BYTES[dtype]:
        raise Refused(f"the tensor {name[:80]!r} does not have the size of its shape")
    return place[0], place[1]


def _is_sizes(given: Any) -> bool:
    return (
        isinstance(given, list)
        and len(given) <= _MOST_DIMS
        and all(type(number) is int and 0 <= number < 2**48 for number in given)
    )
