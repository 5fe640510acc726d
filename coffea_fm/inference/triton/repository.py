"""A bundle as a model repository of Triton's ONNX Runtime backend."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from coffea_fm.bundle import Bundle, Graph, load_bundle
from coffea_fm.bundle.save import write_folder
from coffea_fm.errors import InputError
from coffea_fm.inference.sessions import session
from coffea_fm.inference.triton.config import Served, Tensor, ensemble_config, graph_config, pbtxt
from coffea_fm.inference.triton.names import part_of, version_of

CONFIG = "config.pbtxt"


@dataclass(frozen=True)
class TritonRepository:
    """What `export_triton` wrote.

    Parameters
    ----------
    repository : str
        The folder that a server is started with.
    models : tuple of str
        Names of the models; the first is the one to load.
    version : str
        Their version, which comes from the checksum of the bundle.
    checksum : str
        Checksum of the bundle.
    """

    repository: str
    models: tuple[str, ...]
    version: str
    checksum: str

    def __str__(self) -> str:
        """Summary in two lines."""
        return (
            f"wrote {', '.join(self.models)} (version {self.version}) to {self.repository}\n"
            f"serve it: tritonserver --model-repository={self.repository}\n"
            f"use it: coffea_fm.load('triton://HOST:8000/{self.models[0]}')"
        )

    def __repr__(self) -> str:
        """Same as `str`."""
        return str(self)


def export_triton(
    bundle: str | os.PathLike[str], repository: str | os.PathLike[str], *, max_batch: int = 4096
) -> TritonRepository:
    """Write a bundle into a model repository of a Triton server.

    Each graph becomes a model of the ONNX Runtime backend, byte for byte, with the features inside. The graphs of the
    top level form an ensemble under the name of the bundle, which carries manifest and calibration: one request runs
    all of them. Batches are padded to the longest of their jets, and the server may join batches of equal shape.

    Parameters
    ----------
    bundle : path-like
        Name, folder, .zip or URL of the bundle.
    repository : path-like
        Folder with one folder per model; other models in it are kept.
    max_batch : int
        Most jets, or events, in one request or batch.

    Returns
    -------
    TritonRepository
        What was written.

    Raises
    ------
    BundleError
        If the bundle cannot be read, or a graph cannot be served.
    InputError
        If the repository cannot be written, or `max_batch` is not positive.
    """
    if max_batch < 1:
        raise InputError(f"max_batch={max_batch}: give at least 1")
    loaded = load_bundle(bundle)
    manifest, folder = loaded.manifest, Path(repository)
    version = version_of(manifest.checksum)
    served = [_served(loaded, graph) for graph in manifest.graphs]
    top = [each for each in served if each.graph.level == manifest.level.name]
    names = [manifest.name, *(part_of(manifest.name, graph.name) for graph in manifest.graphs)]
    for name, each in zip(names[1:], served, strict=True):
        _write(folder / name, version, graph_config(manifest.name, each, max_batch))
        (folder / name / version / "model.onnx").write_bytes(loaded.graph_bytes(each.graph.name))
    _write(folder / names[0], version, ensemble_config(manifest, loaded.calibration, top, max_batch))
    return TritonRepository(str(folder), tuple(names), version, manifest.checksum)


def _served(bundle: Bundle, graph: Graph) -> Served:
    made = session(graph.sha256, bundle.graph_bytes(graph.name), ("cpu",))
    inputs = tuple(Tensor.of(node, graph.name) for node in made.get_inputs())
    return Served(graph, inputs, tuple(Tensor.of(node, graph.name) for node in made.get_outputs()))


def _write(folder: Path, version: str, config: dict[str, object]) -> None:
    """Replace the folder of a model by one with a configuration and an empty version."""
    write_folder(folder, {CONFIG: pbtxt(config).encode()})
    (folder / version).mkdir()
