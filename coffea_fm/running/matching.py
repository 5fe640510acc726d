"""Which bundle for which file: the collections of jets in it, and what each bundle finds of them."""

from __future__ import annotations

import os
from dataclasses import dataclass

import awkward as ak

from coffea_fm.errors import InputError
from coffea_fm.inference.fitting import Fit, fit, jet_levels
from coffea_fm.running.opening import open_events

_JETS = "jet"
_SIMULATED = ("gen", "truth")


@dataclass(frozen=True)
class Collection:
    """The jets of one collection in a file.

    Parameters
    ----------
    name : str
        Of the collection.
    n_jets : int
        How many there are in the events that were looked at.
    fits : tuple of Fit
        One for each bundle that is known by name.
    """

    name: str
    n_jets: int
    fits: tuple[Fit, ...]


@dataclass(frozen=True)
class Matching:
    """The collections of jets in a file, against the bundles that are known by name.

    Parameters
    ----------
    file, schema, treename : str
        What was opened, and how.
    n_events : int
        How many events were looked at.
    collections : tuple of Collection
        Those whose jets hold constituents.
    without_constituents : tuple of str
        Collections of jets that no bundle can read.
    """

    file: str
    schema: str
    treename: str
    n_events: int
    collections: tuple[Collection, ...]
    without_constituents: tuple[str, ...]


def models_for(file: str | os.PathLike[str], schema: str = "", treename: str = "", events: int = 1000) -> Matching:
    """Which of the bundles that are known by name can tag which jets of a file.

    Parameters
    ----------
    file : path-like
        ROOT or parquet.
    schema, treename : str
        By default found out from the names in the file.
    events : int
        How many events are looked at.

    Raises
    ------
    InputError
        If the file cannot be read, or holds no jets.
    """
    opened, opening = open_events(file, schema, treename, events)
    fields = sorted(opened.fields)  # coffea's order changes from run to run
    names = [name for name in fields if _is_named_jets(name) and {"pt", "eta"} <= set(opened[name].fields)]
    if not names:
        raise InputError(f"{os.fspath(file)} has no collection of jets, opened with {opening.schema}")
    levels = jet_levels()
    collections, without = [], []
    for name in names:
        jets = opened[name]
        if "constituents" not in jets.fields:
            without.append(name)
            continue
        fits = tuple(fit(jets, level, bundle) for bundle, level in levels.items())
        collections.append(Collection(name, int(ak.count(jets.pt)), fits))
    return Matching(os.fspath(file), opening.schema, opening.treename, len(opened), tuple(collections), tuple(without))


def _is_named_jets(name: str) -> bool:
    """Whether a collection is one of reconstructed jets, by its name."""
    lower = name.lower()
    return _JETS in lower and not any(word in lower for word in _SIMULATED)
