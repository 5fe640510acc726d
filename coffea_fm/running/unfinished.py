"""What a run could do before it ended incomplete: kept in its folder, and taken up when the same run is started again."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coffea_fm.running.checkpoints.sealed import SealError, read_sealed, write_sealed
from coffea_fm.running.checkpoints.store import Checkpoints, are_there

NAME = ".unfinished.chunk"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Unfinished:
    """The file of an incomplete run in its output folder.

    It is valid for the same processor, options, model and files only, like `Checkpoints`, whose name and signature it
    shares.

    Parameters
    ----------
    folder : Path
        Output folder of the run.
    identity : Checkpoints
        What the run is.
    """

    folder: Path
    identity: Checkpoints

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.folder / NAME

    def read(self, names: Collection[str]) -> tuple[set[str], dict[str, Any]]:
        """Names of the chunks that were done, and what they gave together.

        Parameters
        ----------
        names : collection of str
            Of all chunks of this run. If others were done, such as with another chunk size, nothing is taken.
        """
        try:
            done, output = read_sealed(self.path, name=self._label, key=self.identity.key)
        except (FileNotFoundError, SealError) as error:
            _log.info("nothing is taken from an earlier run: %s", error)
            return set(), {}
        if not done <= set(names) or not are_there(output.get("files", ())):
            return set(), {}
        return done, output

    def write(self, done: Collection[str], output: Mapping[str, Any]) -> None:
        """Keep what these chunks gave."""
        write_sealed(self.path, (set(done), dict(output)), name=self._label, key=self.identity.key)

    def remove(self) -> None:
        """Forget it: the run is complete."""
        self.path.unlink(missing_ok=True)

    @property
    def _label(self) -> str:
        return f"unfinished {self.identity.run}"
