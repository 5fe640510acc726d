"""The importers, by the suffix of the model's file."""

from __future__ import annotations

import os
import re
from importlib import import_module
from pathlib import Path
from typing import Final, Protocol

from coffea_fm.errors import InputError, RecipeError
from coffea_fm.importers.result import ImportResult

IMPORTERS: Final = {
    ".onnx": "coffea_fm.importers.weaver_onnx.importer:import_onnx",
    ".pt": "coffea_fm.weights.importer:import_weights",
}
"""Where the importer of each kind of file is. It is imported when it is needed: weights need torch, ONNX files do not."""

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class Importer(Protocol):
    """A function that writes a bundle from somebody else's model."""

    def __call__(
        self, model: Path, preprocess: Path | None, output: Path, *, mapping: str | None, name: str
    ) -> ImportResult:
        """Import one file; see `import_model`."""


def import_model(
    model: str | os.PathLike[str],
    preprocess: str | os.PathLike[str] | None = None,
    *,
    output: str | os.PathLike[str],
    mapping: str | os.PathLike[str] | None = None,
    name: str | None = None,
) -> ImportResult:
    """Import a model that somebody else trained, as a bundle that reads raw columns.

    Parameters
    ----------
    model : path-like
        The file of the model; its suffix says what it is. ``.onnx``: an export of weaver, or of CMS; ``.pt``: weights
        of weaver's ParticleNet or ParticleTransformer for JetClass, or a checkpoint of OmniLearned, which also become
        a checkpoint, ``OUTPUT-checkpoint``.
    preprocess : path-like, optional
        The ``preprocess.json`` that belongs to the model.
    output : path-like
        Folder of the bundle.
    mapping : str or path-like, optional
        How the variables of the model are computed from columns: the name of a shipped family, or a YAML file. For
        weights, a YAML file with what they do not show; see `coffea_fm.weights.options`.
    name : str, optional
        Name of the model; by default that of the folder.

    Returns
    -------
    ImportResult

    Raises
    ------
    InputError
        If a file is missing or damaged, there is no importer for it, or the files do not belong together.
    RecipeError
        If the mapping is invalid, or does not know a variable of the model, or the name is not allowed.
    """
    path = Path(model)
    found = IMPORTERS.get(path.suffix.lower())
    if found is None:
        raise InputError(f"cannot import {path}: the suffix must be one of {', '.join(IMPORTERS)}")
    if not path.is_file():
        raise InputError(f"the model {path} does not exist: give the path of a file")
    folder = Path(output)
    chosen = name or folder.resolve().name
    if not _NAME.fullmatch(chosen):
        raise RecipeError(f"{chosen!r} cannot be the name of a model: use letters, digits, and . _ - (give --name)")
    module, function = found.split(":")
    importer: Importer = getattr(import_module(module), function)
    return importer(
        path,
        None if preprocess is None else Path(preprocess),
        folder,
        mapping=None if mapping is None else os.fspath(mapping),
        name=chosen,
    )
