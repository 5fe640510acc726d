"""The description of one ONNX file of a bundle."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from coffea_fm.config import Config

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]


class Graph(Config):
    """An ONNX file, and the level at which it runs.

    Parameters
    ----------
    name : str
        Name of the graph.
    file : str
        File name inside the bundle.
    level : str
        Name of the level of its input things; it reads their members too.
    inputs, outputs : tuple of str
        Names of the ONNX inputs and outputs. An input is an array made by `coffea_fm.tokens.pad` for that level, an
        output of an earlier graph at that level, or an output for its members under ``MEMBER_OUTPUT``.
    sha256 : str
        Checksum of the file; `save_bundle` fills it in.
    """

    name: str
    file: FileName
    level: str = "jet"
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sha256: str = ""
