"""Finished chunks on disk, so that a stopped run continues; never those of another processor, option or file."""

from __future__ import annotations

import hashlib
import json
import logging
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

_VERSIONS = ("coffea", "awkward", "hist", "numpy", "uproot")
_CHUNK = ("dataset", "filename", "treename", "fileuuid", "entrystart", "entrystop")
_VERSIONED = {"builtins", "abc", "typing", *_VERSIONS}
_LONGEST_PATH = 4096
_log = logging.getLogger(__name__)
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
        found = "is kept" if path.exists() else "is not kept yet"
        _log.info("the chunk from entry %d of %s %s", metadata["entrystart"], metadata["filename"], found)
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
        key = hashlib.sha256(json.dumps(known, sort_keys=True, default=repr).encode()).hexdigest()
        return self.folder / self.fingerprint[:16] / f"{key[:32]}.pkl"


def fingerprint(processor: ProcessorABC, schema: type, besides: object = None) -> str:
    """Changes with the code of the processor, of the modules beside it and of coffea-fm, with its options, bundle and schema.

    Parameters
    ----------
    processor : ProcessorABC
    schema : type
    besides : object
        What else is done with a chunk, with a ``repr`` that tells all of it.

    Raises
    ------
    RecipeError
        If the processor holds something that has no reproducible content, such as a lambda.
    """
    digest = hashlib.sha256()
    for source in sorted(_sources(processor)):
        digest.update(source.read_bytes())
    try:
        digest.update(pickle.dumps(_ordered(vars(processor))))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise RecipeError(
            f"checkpoints need a processor that pickles, and {type(processor).__name__} does not: {error}"
        ) from error
    files = [_state(value) for value in vars(processor).values()]
    versions = [version(package) for package in _VERSIONS]
    about = [
        type(processor).__qualname__,
        schema.__module__,
        schema.__qualname__,
        *versions,
        files,
        *([repr(besides)] if besides else []),
    ]
    digest.update(json.dumps(about).encode())
    return digest.hexdigest()


def _sources(processor: ProcessorABC) -> set[Path]:
    """The Python files that a processor may run: of coffea-fm, beside it, that travel with it, and of its package."""
    held = [value for value in vars(processor).values() if isinstance(value, ProcessorABC)]
    bases = [base for each in (processor, *held) for base in type(each).__mro__]
    names = {*cloudpickle.list_registry_pickle_by_value(), *(base.__module__ for base in bases)}
    sources = set(_PACKAGE.rglob("*.py"))
    for name in names:
        file = getattr(sys.modules.get(name), "__file__", None)
        top = getattr(sys.modules.get(name.partition(".")[0]), "__file__", None)
        if file and name.partition(".")[0] not in _VERSIONED:
            sources |= {Path(file), *Path(file).parent.glob("*.py")}
            sources |= set(Path(top).parent.rglob("*.py")) if top and Path(top).name == "__init__.py" else set()
    return sources


def _ordered(value: Any) -> Any:
    """The same with sets in order: each process has another order of its own."""
    if isinstance(value, set | frozenset):
        return [type(value).__name__, *sorted((_ordered(item) for item in value), key=repr)]
    if type(value) in (list, tuple):
        return type(value)(_ordered(item) for item in value)
    if type(value) is dict:
        return {key: _ordered(item) for key, item in value.items()}
    return value


def _state(value: object) -> list[int] | None:
    """Size and time of a file that an option names, such as one of corrections."""
    path = Path(value) if isinstance(value, str | Path) and value and len(str(value)) < _LONGEST_PATH else None
    try:
        state = path.stat() if path is not None and path.is_file() else None
    except (OSError, ValueError):
        return None
    return [state.st_size, state.st_mtime_ns] if state else None
