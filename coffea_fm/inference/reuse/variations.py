"""Nominal jets and their systematic variations, tagged together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import awkward as ak

from coffea_fm.errors import InputError
from coffea_fm.inference.requests import EVENT
from coffea_fm.inference.reuse.memory import Recall

NOMINAL = "nominal"


def run_variations(
    run: Callable[[Any, str | Sequence[str] | None, Mapping[str, Any], Recall], ak.Array],
    jets: ak.Array,
    shifted: Mapping[str, ak.Array],
    outputs: str | Sequence[str] | None,
    collections: Mapping[str, ak.Array],
) -> dict[str, ak.Array]:
    """Tag jets and their variations with one memory; see `BaseTagger.variations`."""
    if not isinstance(shifted, Mapping):
        raise InputError(
            "give the shifted jets by the names of their variations, such as {'jes_up': up, 'jes_down': down}"
        )
    if NOMINAL in shifted:
        raise InputError("a variation cannot be called 'nominal': that is the name of the unshifted jets")
    recall = Recall()
    results = {NOMINAL: run(jets, outputs, collections, recall)}
    for name, changed in shifted.items():
        try:
            if of_events := [key for key in collections if key != EVENT]:
                results[name] = run(jets, outputs, {**collections, of_events[0]: changed}, recall)
            else:
                results[name] = run(changed, outputs, collections, recall)
        except InputError as error:
            raise InputError(f"variation {name!r}: {error}") from error
    return results
