"""Collect training examples inside a processor: jets or events of its own selection, one shard a chunk of events."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from coffea_fm.errors import InputError, RecipeError
from coffea_fm.shards.metadata import Source
from coffea_fm.shards.write import write_shard
from coffea_fm.tokens import Level, Packed, columns, flatten, jet_level, pack, token_level
from coffea_fm.tokens.jagged import Rows
from coffea_fm.tokens.levels import with_truth
from coffea_fm.tokens.pack import gather
from coffea_fm.tokens.usable import count_once, unusable

FIELDS = ("pt", "eta", "phi", "mass", "charge", "pdgId", "d0", "d0_error", "dz", "dz_error")
JET = ("pt_raw", "eta", "phi", "mass_raw")
EVENT_JET = ("pt", "eta", "phi", "mass", "msoftdrop")
_PREFIX = "coffea_fm_"
_NUMBER = "event"

Given = dict[str, Any]
Numbers = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Collector:
    """A function of jets that writes them, or their events, as training examples; see `collector`.

    Parameters
    ----------
    folder : Path
        Where the shards go.
    level : Level
        What is kept, truth included: of each jet, or of each event.
    classes : tuple of str
        Names of the classes that the target counts.
    """

    folder: Path
    level: Level
    classes: tuple[str, ...]

    def __call__(
        self,
        jets: ak.Array,
        target: str | ak.Array | None = None,
        *,
        events: ak.Array,
        weight: str | ak.Array | None = None,
        columns: Mapping[str, Any] | Iterable[str] = (),
    ) -> dict[str, int]:
        """Write the jets, or the events, of one chunk as one shard.

        The shard is named by dataset, file and entry range: a chunk that is run again replaces its shard, so that
        retries never duplicate. A folder takes one call a chunk; give other jets another folder.

        Parameters
        ----------
        jets : awkward.Array
            Jets with constituents under any lists and options, e.g. a selection of ``events.FatJet``. A collector of
            events takes a list of jets for each event, as the model shall read them: after selection and corrections.
        target : str or awkward.Array, optional
            Index of the class of each jet or event, negative or None for none: a field of the jets (of the events for
            a collector of events), or numbers. Numbers of events are given to each of their jets. Without it all are
            of the first class, for targets that are no classes.
        events : awkward.Array
            The chunk, which knows where it comes from. A collector of events keeps its field ``event``.
        weight : str or awkward.Array, optional
            As `target`; 1 by default. It may be negative: kept, and counted.
        columns : mapping of str to (str or awkward.Array), or iterable of str
            Further numbers to keep, by name (``fold``, ``mass``); or names of fields.

        Returns
        -------
        dict of str to int
            ``jets`` or ``events``; of these ``without_class`` and what `coffea_fm.tokens.usable.unusable` names (such as
            ``without_constituents``, ``too_few_FatJet``, ``with_unusable_FatJet``, ``not_finite``), which are left out,
            each counted for its first reason; ``written``, and among them ``negative_weight``. Plain numbers for a
            processor's output.

        Raises
        ------
        InputError
            If the jets lack a field, or a number does not fit them.
        """
        if type(jets).__module__.startswith("dask_awkward"):
            raise InputError("dask-awkward arrays cannot be collected: run the processor with coffea's Runner")
        given: Given = {**(columns if isinstance(columns, Mapping) else {name: name for name in columns})}
        given |= {} if target is None else {"target": target}
        given |= {} if weight is None else {"weight": weight}
        things = self._things(jets, events, given)
        held = _hold(things, given)
        if ak.backend(jets) == "typetracer":
            return self._trace(things, held, given)
        packed, _ = pack(things, self.level)
        rows, _ = flatten(held)
        numbers = {name: _numbers(rows, name) for name in given}
        numbers.setdefault("target", np.zeros(len(packed)))
        numbers.setdefault("weight", np.ones(len(packed), dtype=np.float32))
        return self._write(packed, numbers, Source.of(events.metadata))

    def _things(self, jets: ak.Array, events: ak.Array, given: Given) -> ak.Array:
        """What a row is made of: the jets, or events with the fields to collect and the jets given."""
        if self.level.name != "event":
            return jets
        (member,) = self.level.members
        fields = getattr(events, "fields", ())
        if _NUMBER in fields:
            given.setdefault(_NUMBER, _NUMBER)
        kept = {name: events[name] for name in given.values() if isinstance(name, str) and name in fields}
        if ak.backend(jets) != "typetracer" and len(jets) != len(events):
            raise InputError(f"there are {len(jets)} lists of jets for {len(events)} events: select both alike")
        return gather({**kept, member.name: jets})

    def _trace(self, things: ak.Array, held: ak.Array, given: Given) -> dict[str, int]:
        for path in [*columns(things, self.level), *((_PREFIX + name,) for name in given)]:
            ak.typetracer.touch_data(held[path])
        empty, _ = pack(ak.Array(things.layout.form.length_zero_array(highlevel=False)), self.level)
        return dict.fromkeys(self._counts(empty), 0)

    def _counts(self, packed: Packed) -> tuple[str, ...]:
        return (f"{self.level.name}s", "without_class", *unusable(packed, self.level), "written", "negative_weight")

    def _write(self, packed: Packed, numbers: Numbers, source: Source) -> dict[str, int]:
        reasons = {"without_class": ~(np.nan_to_num(numbers["target"], nan=-1.0) >= 0), **unusable(packed, self.level)}
        for name, values in numbers.items():
            if name != "target":
                reasons["not_finite"] = reasons["not_finite"] | ~np.isfinite(values)
        lost, left = count_once(reasons)
        chosen = np.flatnonzero(left)
        path = self.folder / source.shard_name
        if len(chosen):
            write_shard(
                path,
                packed.take(chosen),
                self.level,
                columns={name: values[chosen] for name, values in numbers.items()},
                classes=self.classes,
                source=source,
            )
        else:
            path.unlink(missing_ok=True)
        written = {"written": len(chosen), "negative_weight": int((numbers["weight"][chosen] < 0).sum())}
        return {f"{self.level.name}s": len(packed)} | lost | written


def collector(
    folder: str | os.PathLike[str],
    classes: Iterable[str] = ("all",),
    *,
    fields: Iterable[str] = FIELDS,
    jet: Iterable[str] = JET,
    truth: Iterable[str] = (),
    tokens: str = "constituents",
    max_tokens: int = 128,
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

    Raises
    ------
    RecipeError
        If a field is not a canonical one, or the folder has no name.
    """
    level = jet_level((token_level(tokens, fields, minimum=1, maximum=max_tokens),), jet)
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

    Raises
    ------
    RecipeError
        If a field is not a canonical one, or the numbers of jets contradict.
    """
    members = (token_level(tokens, fields, minimum=1, maximum=max_tokens),)
    kept = tuple(dict.fromkeys((*jet, *features)))
    jets = jet_level(members, kept, name=collection, order=order, minimum=minimum, maximum=maximum)
    return Collector(shard_folder(folder), Level("event", members=(jets,)), tuple(classes))


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


def _hold(things: ak.Array, given: Mapping[str, Any]) -> ak.Array:
    """The jets or events with further fields; numbers of events are given to each of their jets."""
    held = things
    for name, values in given.items():
        if isinstance(values, str) and values not in things.fields:
            raise InputError(f"there is no field {values!r} to collect as {name}: it is not in the file")
        try:
            held = ak.with_field(held, things[values] if isinstance(values, str) else values, _PREFIX + name)
        except (ValueError, TypeError) as error:
            raise InputError(f"{name} to collect does not fit: give one number for each jet or event") from error
    return held


def _numbers(rows: Rows, name: str) -> npt.NDArray[Any]:
    """Numbers of the rows, NaN where None."""
    try:
        values, absent = rows.field(_PREFIX + name).values()
    except InputError as error:
        raise InputError(f"{name} to collect does not fit: give one number for each jet or event") from error
    return np.where(absent, np.nan, values) if absent.any() else values
