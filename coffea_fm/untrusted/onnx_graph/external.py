"""Tensors that are kept in files beside an ONNX file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ExternalTensor:
    """Where the values of a tensor are.

    Parameters
    ----------
    name : str
    location : str
        As the file says it: not to be trusted.
    plain : bool
        Whether it belongs to the weights of the main graph, where files that are honest have such tensors.
    """

    name: str
    location: str
    plain: bool
