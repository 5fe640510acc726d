"""ONNX tensors whose values are in another file."""

from __future__ import annotations

from onnx import TensorProto


def external(tensor: TensorProto, location: str, **more: object) -> None:
    """Say that the values of a tensor are in another file."""
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **more}.items():
        tensor.external_data.add(key=key, value=str(value))
