"""Which bundles fit which jets: those that read nothing that the jets do not have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import awkward as ak
import numpy as np

from coffea_fm.bundle.find import bundle_names
from coffea_fm.bundle.load import load_bundle
from coffea_fm.errors import BundleError, InputError
from coffea_fm.tokens import Level, pack
from coffea_fm.tokens.pack import absent
from coffea_fm.tokens.usable import any_reason, unusable


@dataclass(frozen=True)
class Fit:
    """How a bundle and a collection of jets go together.

    Parameters
    ----------
    bundle : str
        Name of the bundle.
    missing : tuple of str
        What the bundle reads and the jets do not have, e.g. ``"constituents.d0"``; empty if the bundle fits.
    n_jets : int
        How many jets it could score of those that were looked at.
    n_inside : int
        How many of these are in the range that it was trained on.
    trained : dict of str to tuple of float
        That range, by field of the jets.
    """

    bundle: str
    missing: tuple[str, ...]
    n_jets: int
    n_inside: int
    trained: dict[str, tuple[float, float]]

    @property
    def fits(self) -> bool:
        """Whether the jets have all that the bundle reads."""
        return not self.missing


def fit(jets: ak.Array, level: Level, bundle: str) -> Fit:
    """Compare jets with the level of jets that a bundle reads."""
    missing, trained = tuple(absent(jets, level)), trained_range(level)
    if missing:
        return Fit(bundle, missing, 0, 0, trained)
    packed, _ = pack(jets, level)
    scored = ~any_reason(unusable(packed, level))
    inside = scored.copy()
    for index, field in enumerate(level.fields):
        if field.trained is not None:
            low, high = field.trained
            inside &= (packed.values[:, index] >= low) & (packed.values[:, index] <= high)
    return Fit(bundle, (), int(np.count_nonzero(scored)), int(np.count_nonzero(inside)), trained)


def jet_levels() -> dict[str, Level]:
    """What each bundle that is known by name reads of jets; those that cannot be loaded are left out."""
    levels = {}
    for name, folder in bundle_names().items():
        try:
            levels[name] = _jets(load_bundle(folder).manifest.level)
        except BundleError:
            continue
    return levels


def trained_range(level: Level) -> dict[str, tuple[float, float]]:
    """The range of the jets that a model was trained on, by field."""
    return {field.name: field.trained for field in level.fields if field.trained is not None}


def instead(jets: ak.Array, levels: Sequence[Level]) -> str:
    """The end of an error about jets that do not have what models read: names bundles that fit; else empty."""
    try:
        if not any(absent(jets, _jets(level)) for level in levels):
            return ""
        known = {name: level for name, level in jet_levels().items() if not absent(jets, level)}
    except (InputError, AttributeError, TypeError):  # no jets at all: the error itself says so
        return ""
    if not known:
        return ""
    told = [f"{name!r}{_range(level)}" for name, level in known.items()]
    return (
        f"; of the bundles known by name, {_joined(told)} read{'s' if len(told) == 1 else ''} only what these jets have"
    )


def describe_range(trained: dict[str, tuple[float, float]]) -> str:
    """A range in words, e.g. ``"pt_raw 200 to 1500, eta -2 to 2"``."""
    return ", ".join(f"{name} {low:g} to {high:g}" for name, (low, high) in trained.items())


def grouped(paths: Sequence[str]) -> str:
    """Paths with each group named once, e.g. ``"constituents.d0, d0_error"``."""
    words, before = [], ""
    for path in paths:
        group, _, name = path.rpartition(".")
        words.append(name if group and group == before else path)
        before = group
    return ", ".join(words)


def _jets(level: Level) -> Level:
    """The level of jets: the whole level of a model of jets, or the collection that a model of events takes."""
    return next(iter(level.collections), level)


def _range(level: Level) -> str:
    text = describe_range(trained_range(level))
    return f" (trained on {text})" if text else ""


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
