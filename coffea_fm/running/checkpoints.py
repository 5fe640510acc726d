"""Finished chunks on disk, so that a stopped run continues; never those of another processor, option or file."""

from __future__ import annotations

import hashlib
import json
import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
from coffea.processor import ProcessorABC
from coffea.processor.checkpointer import CheckpointerABC

from coffea_fm.errors import RecipeError
from coffea_fm.files import atomic

_VERSIONS = ("coffea", "awkward", "hist", "numpy")
_CHUNK = ("dataset", "filename", "treename", "fileuuid", "entrystart", "entrystop")
_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Checkpoints(CheckpointerABC):  # type: ignore[misc]
    """For `coffea.processor.Runner`: outputs of chunks in a folder that the workers share.

    coffea's own checkpointer goes by file and entries alone, and so returns the results of an older processor.

    Parameters
    ----------
    folder : Path
        Absolute; as the workers see it.
    fingerprint : str
        Of processor and schema, by `fingerprint`.
    user_metadata : dict of str to dict
        What the fileset says of each dataset: processors read it, and schemas add to it while they run.
    """

    folder: Path
    fingerprint: str
    user_metadata: Mapping[str, Mapping[str, Any]]

    def load(self, metadata: Mapping[str, Any], processor_instance: object) -> Any:  # noqa: ARG002
        """The output of a chunk, if it was finished by the same processor on the same file; else None."""
        path = self._path(metadata)
        return pickle.loads(path.read_bytes()) if path.exists() else None

    def save(self, output: object, metadata: Mapping[str, Any], processor_instance: object) -> None:  # noqa: ARG002
        """Keep the output of a chunk."""
        with atomic(self._path(metadata)) as path:
            path.write_bytes(cloudpickle.dumps(output))

    def _path(self, metadata: Mapping[str, Any]) -> Path:
        file = Path(str(metadata["filename"]))
        state = file.stat() if file.exists() else None
        chunk = [metadata[key] for key in _CHUNK]
        known = [*chunk, self.user_metadata[metadata["dataset"]], state and [state.st_size, state.st_mtime_ns]]
        key = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
        return self.folder / self.fingerprint[:16] / f"{key[:32]}.pkl"


def fingerprint(processor: ProcessorABC, schema: type) -> str:
    """Changes with the code of the processor, of the modules beside it and of coffea-fm, with its options, bundle and schema.

    Raises
    ------
    RecipeError
        If the processor holds something that has no reproducible content, such as a lambda.
    """
    digest = hashlib.sha256()
    by_value = [sys.modules.get(name) for name in cloudpickle.list_registry_pickle_by_value()]
    sources = {Path(module.__file__) for module in by_value if module is not None and module.__file__}
    for source in sorted(sources | set(_PACKAGE.rglob("*.py"))):
        digest.update(source.read_bytes())
    try:
        digest.update(pickle.dumps(vars(processor)))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise RecipeError(
            f"checkpoints need a processor that pickles, and {type(processor).__name__} does not: {error}"
        ) from error
    versions = [version(package) for package in _VERSIONS]
    about = [type(processor).__qualname__, schema.__module__, schema.__qualname__, *versions]
    digest.update(json.dumps(about).encode())
    return digest.hexdigest()
