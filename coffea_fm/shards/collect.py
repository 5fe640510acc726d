"""Collect training examples inside a processor: create a collector of jets or of events."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from coffea_fm.errors import RecipeError
from coffea_fm.shards.collector import Collector
from coffea_fm.tokens import Level, jet_level, token_level
from coffea_fm.tokens.fields import stored_fields
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
    stored: Iterable[str] = (),
) -> Collector:
    """Create a collector of jets. Create it in a processor's ``__init__``, call it in ``process``.

    Parameters
    ----------
    folder : path-like
        Folder for the shards; workers must be able to write to this path.
    classes : iterable of str
        Names of the classes, in the order of the indices in the target.
    fields, jet : iterable of str
        Canonical fields of the tokens and of the jets.
    truth : iterable of str
        Further fields of the tokens, for methods that predict properties of tokens; no model can read them.
    tokens : str
        Name of the group of tokens.
    max_tokens : int
        Number of tokens to keep, by descending pT.
    vertices : iterable of str
        Canonical fields of secondary vertices, a second group of tokens; by default none are kept.
    max_vertices : int
        Number of vertices to keep, by descending pT.
    stored : iterable of str
        Columns for the backbone ``stored`` instead of all of the above, such as scores, or vectors with their length:
        ``["FatJet_score", "embedding[64]"]``. No constituents are read.

    Raises
    ------
    RecipeError
        If a field is not a canonical one, or `folder` is empty.
    """
    if columns := stored_fields(stored):
        return Collector(shard_folder(folder), Level("jet", columns), tuple(classes))
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
    stored: Iterable[str] = (),
) -> Collector:
    """Create a collector of events. Create it in a processor's ``__init__``, call it in ``process``.

    Parameters
    ----------
    folder : path-like
        Folder for the shards; workers must be able to write to this path.
    classes : iterable of str
        Names of the classes, in the order of the indices in the target.
    collection : str
        Name of the collection of jets; a tagger trained on these events takes the jets by this name.
    order : str
        Field by which jets are sorted, descending; ``"stored"`` keeps the given order.
    minimum, maximum : int
        Events with fewer jets are left out; only the first `maximum` jets are kept.
    features : iterable of str
        Canonical fields of the jets, corrected as given, for the event head.
    fields, jet : iterable of str
        Canonical fields of the tokens, and of the uncorrected jets, for the backbone.
    tokens : str
        Name of the group of tokens.
    max_tokens : int
        Number of tokens to keep per jet, by descending pT.
    vertices : iterable of str
        Canonical fields of secondary vertices, a second group of tokens; by default none are kept.
    max_vertices : int
        Number of vertices to keep per jet, by descending pT.
    stored : iterable of str
        Columns of the jets for the backbone ``stored``, instead of `fields`, `jet`, `tokens` and `vertices`; see
        `collector`. No constituents are read.

    Raises
    ------
    RecipeError
        If a field is not a canonical one, or `minimum` and `maximum` contradict each other.
    """
    columns = stored_fields(stored)
    members = () if columns else _groups(tokens, fields, max_tokens, vertices, max_vertices)
    kept = tuple(dict.fromkeys((*(() if columns else jet), *features)))
    jets = jet_level(members, kept, stored=columns, name=collection, order=order, minimum=minimum, maximum=maximum)
    return Collector(shard_folder(folder), Level("event", members=(jets,)), tuple(classes))


def _groups(
    tokens: str, fields: Iterable[str], max_tokens: int, vertices: Iterable[str], max_vertices: int
) -> tuple[Level, ...]:
    """The groups of tokens of a jet. A jet needs at least one token of the first group."""
    first = token_level(tokens, fields, minimum=1, maximum=max_tokens)
    second = tuple(vertices)
    return (first, token_level("vertices", second, maximum=max_vertices)) if second else (first,)


def shard_folder(folder: str | os.PathLike[str]) -> Path:
    """Make the path absolute.

    Raises
    ------
    RecipeError
        If it is empty.
    """
    if not os.fspath(folder):
        raise RecipeError("the output folder is empty: set the processor's option for it, e.g. folder=data/mine")
    return Path(folder).absolute()
