"""Import a file written by ``torch.save``, by what is in it: a checkpoint of OmniLearned, or weights of weaver."""

from __future__ import annotations

import pickle
from contextlib import suppress
from pathlib import Path

import torch

from coffea_fm.importers.omnilearned import import_omnilearned, is_omnilearned
from coffea_fm.importers.result import ImportResult
from coffea_fm.importers.weaver_weights.importer import import_weights


def import_torch(model: Path, preprocess: Path | None, output: Path, *, mapping: str | None, name: str) -> ImportResult:
    """Import one file; see `coffea_fm.importers.import_model`."""
    content = None
    with suppress(
        OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError
    ):  # said by the importer
        content = torch.load(model, map_location="cpu", weights_only=True, mmap=True)
    importer = import_omnilearned if is_omnilearned(content) else import_weights
    return importer(model, preprocess, output, mapping=mapping, name=name)
