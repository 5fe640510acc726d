"""Open somebody else's ONNX file with care, and find out what it reads."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import ModelProto, TensorProto

from coffea_fm.errors import InputError, first_line
from coffea_fm.importers.weaver_onnx.external import MOST_BYTES, load_external
from coffea_fm.importers.weaver_onnx.nodes import OPSET
from coffea_fm.untrusted.local_files import read_file
from coffea_fm.untrusted.onnx_graph import check_graph
from coffea_fm.untrusted.refused import Refused

Dims = tuple[int | None, ...]


@dataclass(frozen=True)
class Original:
    """A model as it came.

    Parameters
    ----------
    path : Path
    model : ModelProto
        With all tensors inside, at a version of the operators that new nodes can be added to.
    inputs, outputs : dict of str to tuple
        Shape of each; None for a dynamic axis.
    sha256 : dict of str to str
        Checksums of the files it was read from.
    """

    path: Path
    model: ModelProto
    inputs: dict[str, Dims]
    outputs: dict[str, Dims]
    sha256: dict[str, str]

    @property
    def opset(self) -> int:
        """Version of the operators."""
        return _opset(self.model)


def read_original(path: Path) -> Original:
    """Read an ONNX file.

    Raises
    ------
    InputError
        If it cannot be read, is too large, is not a valid model, refers to files outside its folder, has inputs that are
        not float32, or cannot be brought to the version of the operators that is needed.
    """
    data = _read(path)
    try:
        external = check_graph(data, may_be_external=True)
    except Refused as error:
        raise InputError(f"{path} is refused: {error}") from error
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:
        raise InputError(f"{path} is not an ONNX file, or it is damaged: copy it again") from error
    sha256 = {path.name: hashlib.sha256(data).hexdigest()}
    sha256 |= load_external(model, external, path, len(data))
    try:
        onnx.checker.check_model(model)
    except Exception as error:  # also of protobuf, for names that are no text
        raise InputError(f"{path} is not a valid ONNX model: {first_line(error)}") from error
    model = _upgraded(model, path)
    constants = {tensor.name for tensor in model.graph.initializer}
    given = [value for value in model.graph.input if value.name not in constants]
    for value in given:
        if value.type.tensor_type.elem_type != TensorProto.FLOAT:
            number = value.type.tensor_type.elem_type
            names = {of_type: name for name, of_type in TensorProto.DataType.items()}
            kind = names.get(number, f"of an unknown type ({number})")
            raise InputError(f"the input {value.name!r} of {path} is {kind}, but only float32 is supported")
    return Original(path, model, _shapes(given), _shapes(model.graph.output), sha256)


def _read(path: Path) -> bytes:
    try:
        return read_file(path, MOST_BYTES)
    except Refused as error:
        raise InputError(f"cannot read {path}: {error}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error


def _upgraded(model: ModelProto, path: Path) -> ModelProto:
    """The model at a version of the operators that new nodes can be added to."""
    version = _opset(model)
    if version >= OPSET:
        return model
    try:
        return onnx.version_converter.convert_version(model, OPSET)
    except Exception as error:
        raise InputError(
            f"{path} uses version {version} of the ONNX operators and cannot be converted to {OPSET} "
            f"({first_line(error)}): export it again with opset_version={OPSET} or later"
        ) from error


def _opset(model: ModelProto) -> int:
    return max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=0)


def _shapes(values: list[onnx.ValueInfoProto]) -> dict[str, Dims]:
    return {
        value.name: tuple(
            dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None
            for dim in value.type.tensor_type.shape.dim
        )
        for value in values
    }
