"""Collect training examples inside a processor: make a collector of jets or of events."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from coffea_fm.errors import RecipeError
from coffea_fm.shards.collector import Collector
from coffea_fm.tokens import Level, jet_level, token_level
from coffea_fm.tokens.levels import with_truth

FIELDS = ("pt", "eta", "phi", "mass", "charge", "pdgId", "d0", "d0_error", "dz", "dz_error")
JET = ("pt_raw", "eta", "phi", "mass_raw")
EVENT_JET = ("pt", "eta", "phi", "mass", "msoftdrop")


def collector(
    folder: str | os.PathLike[str],
    classes: Iterable[str] = ("all",),
    *,
    fields: Iterable[str] = FIELDS,
    jet: Iterable[str] = JET,
    truth: Iterable[str] = (),
    tokens: str = "constituents",
    max_tokens: int = 128,
    vertices: Iterable[str] = (),
    max_vertices: int = 16,
) -> Collector:
    """A collector of jets; make it in a processor's ``__init__``, call it in ``process``.

    Parameters
    ----------
    folder : path-like
        Where the shards go; workers must see it under this path.
    classes : iterable of str
        Names of the classes that the target counts.
    fields, jet : iterable of str
        Canonical fields of the tokens and of the jet.
    truth : iterable of str
        Further fields of the tokens, for methods that learn about tokens; no model can read them.
    tokens : str
        The group of tokens.
    max_tokens : int
        How many tokens to keep, by falling pT.
    vertices : iterable of str
        Canonical fields of secondary vertices, a second group of tokens; none are kept by default.
    max_vertices : int
        How many vertices to keep, by falling pT.

    Raises
    ------
    RecipeError
        If a field is not a canonical one, or the folder has no name.
    """
    level = jet_level(_groups(tokens, fields, max_tokens, vertices, max_vertices), jet)
    return Collector(shard_folder(folder), with_truth(level, truth), tuple(classes))


def event_collector(
    folder: str | os.PathLike[str],
    classes: Iterable[str] = ("background", "signal"),
    *,
    collection: str = "FatJet",
    order: str = "pt",
    minimum: int = 1,
    maximum: int = 5,
    features: Iterable[str] = EVENT_JET,
    fields: Iterable[str] = FIELDS,
    jet: Iterable[str] = JET,
    tokens: str = "constituents",
    max_tokens: int = 128,
    vertices: Iterable[str] = (),
    max_vertices: int = 16,
) -> Collector:
    """A collector of events; make it in a processor's ``__init__``, call it in ``process``.

    Parameters
    ----------
    folder : path-like
        Where the shards go; workers must see it under this path.
    classes : iterable of str
        Names of the classes that the target counts.
    collection : str
        What the jets are called: a tagger that is trained on these events takes them by this name.
    order : str
        Jets are sorted by this field of theirs, descending; ``"stored"`` keeps the order in which they are given.
    minimum, maximum : int
        Events with fewer jets are left out; of more, the first are kept.
    features : iterable of str
        Canonical fields of the jets, corrected as they are given, for the event head.
    fields, jet : iterable of str
        Canonical fields of the tokens, and of the uncorrected jet, for the backbone.
    tokens : str
        The group of tokens.
    max_tokens : int
        How many tokens to keep of each jet, by falling pT.
    vertices : iterable of str
        Canonical fields of secondary vertices, a second group of tokens; none are kept by default.
    max_vertices : int
        How many vertices to keep of each jet, by falling pT.

    Raises
    ------
    RecipeError
        If a field is not a canonical one, or the numbers of jets contradict.
    """
    members = _groups(tokens, fields, max_tokens, vertices, max_vertices)
    kept = tuple(dict.fromkeys((*jet, *features)))
    jets = jet_level(members, kept, name=collection, order=order, minimum=minimum, maximum=maximum)
    return Collector(shard_folder(folder), Level("event", members=(jets,)), tuple(classes))


def _groups(
    tokens: str, fields: Iterable[str], max_tokens: int, vertices: Iterable[str], max_vertices: int
) -> tuple[Level, ...]:
    """The groups of tokens of a jet; it must have a token of the first."""
    first = token_level(tokens, fields, minimum=1, maximum=max_tokens)
    second = tuple(vertices)
    return (first, token_level("vertices", second, maximum=max_vertices)) if second else (first,)


def shard_folder(folder: str | os.PathLike[str]) -> Path:
    """An absolute path.

    Raises
    ------
    RecipeError
        If it is empty.
    """
    if not os.fspath(folder):
        raise RecipeError(
            "the folder to collect into has no name: give the processor's option for it, e.g. folder=data/mine"
        )
    return Path(folder).absolute()
