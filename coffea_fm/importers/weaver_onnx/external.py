"""Take weights that are kept in files beside an ONNX file into the model."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path, PurePosixPath
from typing import Final

from onnx import ModelProto, TensorProto, helper

from coffea_fm.errors import InputError
from coffea_fm.untrusted.local_files import check_file
from coffea_fm.untrusted.onnx_graph import ExternalTensor
from coffea_fm.untrusted.refused import Refused

MOST_BYTES: Final = 2**31 - 2**20
"""A graph in one file cannot be larger."""


def load_external(model: ModelProto, tensors: list[ExternalTensor], path: Path, size: int) -> dict[str, str]:
    """Load the weights of a model that are in other files of its folder.

    Parameters
    ----------
    model : ModelProto
        Changed: afterwards all weights are inside.
    tensors : list of ExternalTensor
        From `coffea_fm.untrusted.onnx_graph.check_graph`, which allows them in the main graph only.
    path : Path
        The ONNX file.
    size : int
        Its size.

    Returns
    -------
    dict of str to str
        Checksums of the other files, by name.

    Raises
    ------
    InputError
        If a file is missing, too large, a link, or outside the folder; or a tensor is not all in its file.
    """
    files = {tensor.location: _file(path, tensor.location) for tensor in tensors}
    if size + sum(file.stat().st_size for file in files.values()) > MOST_BYTES:
        raise InputError(
            f"{path} and the files with its weights are larger than 2 GiB together, which is not supported"
        )
    contents = {location: file.read_bytes() for location, file in files.items()}
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
            _fill(tensor, contents, path)
    return {location: hashlib.sha256(content).hexdigest() for location, content in contents.items()}


def _file(path: Path, location: str) -> Path:
    """The file that is meant: a regular one below the folder of the model, reached without any link."""
    folder, parts = path.absolute().parent, PurePosixPath(location).parts
    if not parts or PurePosixPath(location).is_absolute() or ".." in parts or "\\" in location or "\0" in location:
        raise InputError(f"{path} refers to the file {location!r} outside its own folder, which is refused")
    steps = [folder.joinpath(*parts[: index + 1]) for index in range(len(parts))]
    if any(step.is_symlink() for step in steps):
        raise InputError(f"{path} keeps its weights in {location!r}, which is a link: put the file itself there")
    try:
        check_file(steps[-1], MOST_BYTES)
        if steps[-1].stat().st_nlink > 1:
            raise InputError(f"{path} keeps its weights in {location!r}, which is a hard link: put a copy there")
    except Refused as error:
        raise InputError(f"{path} keeps its weights in {location!r}, and {error}") from error
    except OSError as error:
        raise InputError(
            f"{path} keeps its weights in {location!r}, which is not in its folder: copy it as well"
        ) from error
    return steps[-1]


def _fill(tensor: TensorProto, contents: dict[str, bytes], path: Path) -> None:
    """Put the values of one tensor where they belong."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    content = contents[entries.get("location", "")]
    try:
        offset, length = int(entries.get("offset") or 0), int(entries.get("length") or len(content))
        needed = math.ceil(math.prod(tensor.dims) * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} does not say where the weights {tensor.name!r} are") from error
    if offset < 0 or length < needed or offset + needed > len(content):
        raise InputError(
            f"{path} says that the weights {tensor.name!r} are at byte {offset}, beyond the end of the file"
        )
    tensor.raw_data = content[offset : offset + needed]
    del tensor.external_data[:]
    tensor.data_location = TensorProto.DEFAULT
