"""The size of chunks as an option, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from coffea_fm.errors import RecipeError
from coffea_fm.names import counted

AUTO: Literal["auto"] = "auto"
FILE_PER_CHUNK = 50_000
"""Events in a chunk where each writes a file, which should not be small."""
GIVEN = "as given"
KEPT = ".chunksize-*.json"
"""Files in which a run keeps what ``auto`` chose: checkpoints and shards are named by the entries of their chunk."""


@dataclass(frozen=True)
class ChunkSize:
    """The size of the chunks of a run.

    Parameters
    ----------
    events : int
        Approximate number of events in a chunk.
    because : str
        Why so many.
    """

    events: int
    because: str

    @property
    def is_chosen(self) -> bool:
        """Whether ``auto`` chose it."""
        return self.because != GIVEN

    def __str__(self) -> str:
        return f"chunks of about {counted(self.events, 'event')}: {self.because}"


def parse_chunksize(given: int | str) -> int | Literal["auto"]:
    """A number of events, or ``"auto"``.

    Raises
    ------
    RecipeError
        If it is neither.
    """
    if given == AUTO:
        return AUTO
    text = str(given).strip()
    if not (text.isascii() and text.isdigit() and int(text)):
        raise RecipeError(f"chunksize={given}: must be at least 1 event, or auto")
    return int(text)
