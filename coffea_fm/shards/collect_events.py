"""Collect events inside a processor: the jets of its own selection and what they belong to, one shard a chunk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from coffea_fm.errors import InputError
from coffea_fm.shards.collect import FIELDS, JET, has_tokens, is_finite, shard_folder
from coffea_fm.shards.metadata import Source
from coffea_fm.shards.write import write_shard
from coffea_fm.tokens import Collection, InputSpec, event_collection, jet_fields, token_group
from coffea_fm.tokens.events import EVENT_FIELDS, JetsOfEvents, jet_paths, nest, pack_events
from coffea_fm.tokens.packed import BoolArray

COUNTS = (
    "events",
    "without_class",
    "too_few_jets",
    "with_unusable_jet",
    "not_finite",
    "written",
    "negative_weight",
)
_IDENTITY = "event"

Numbers = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class EventCollector:
    """A function of the jets of events that writes events as training examples; see `event_collector`.

    Parameters
    ----------
    folder : Path
        Where the shards go.
    spec : InputSpec
        What is kept of each jet for the backbone.
    collection : Collection
        Which jets, and what is kept of them for the head.
    classes : tuple of str
        Names of the classes that the target counts.
    """

    folder: Path
    spec: InputSpec
    collection: Collection
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
        """Write the events of one chunk as one shard, which a chunk that is run again replaces.

        Parameters
        ----------
        jets : awkward.Array
            A list of jets for each event, as the model shall read them: after selection and corrections.
        target : str or awkward.Array, optional
            Index of the class of each event, negative or None for none: a field of the events, or numbers. Without it
            all events are of the first class.
        events : awkward.Array
            The chunk, which knows where it comes from. Its field ``event`` is kept where it has one.
        weight : str or awkward.Array, optional
            As `target`; 1 by default. It may be negative: kept, and counted.
        columns : mapping of str to (str or awkward.Array), or iterable of str
            Further numbers of each event to keep, by name (``fold``, ``mass``); or names of fields of the events.

        Returns
        -------
        dict of str to int
            ``events``; of these ``without_class``, ``too_few_jets``, ``with_unusable_jet`` (a jet that is read has no
            constituents, or a number that is not finite) and ``not_finite`` (weight or column), which are left out;
            ``written``, and among them ``negative_weight``. Plain numbers for a processor's output.

        Raises
        ------
        InputError
            If the jets lack a field, or numbers or jets do not fit the events.
        """
        if type(jets).__module__.startswith("dask_awkward"):
            raise InputError("jets of dask-awkward cannot be collected: run the processor with coffea's Runner")
        given = {**(columns if isinstance(columns, Mapping) else {name: name for name in columns})}
        if _IDENTITY in getattr(events, "fields", ()):
            given.setdefault(_IDENTITY, _IDENTITY)
        given |= {} if target is None else {"target": target}
        given |= {} if weight is None else {"weight": weight}
        if ak.backend(jets) == "typetracer":
            for path in jet_paths(jets, self.spec, self.collection):
                ak.typetracer.touch_data(jets[path])
            for name, values in given.items():
                ak.typetracer.touch_data(_of_events(events, name, values))
            return dict.fromkeys(COUNTS, 0)
        if len(jets) != len(events):
            raise InputError(f"there are {len(jets)} lists of jets for {len(events)} events: select both alike")
        packed = pack_events(jets, self.spec, self.collection)
        n_events = len(packed.counts)
        numbers = {name: _numbers(_of_events(events, name, values), name, n_events) for name, values in given.items()}
        numbers.setdefault("target", np.zeros(n_events))
        numbers.setdefault("weight", np.ones(n_events, dtype=np.float32))
        return self._write(packed, numbers, Source.of(events.metadata))

    def _write(self, packed: JetsOfEvents, numbers: Numbers, source: Source) -> dict[str, int]:
        finite = np.ones(len(packed.counts), dtype=np.bool_)
        for name, values in numbers.items():
            finite &= np.isfinite(values) | (name == "target")
        reasons = {
            "without_class": ~(np.nan_to_num(numbers["target"], nan=-1.0) >= 0),
            "too_few_jets": packed.counts == 0,
            "with_unusable_jet": ~has_usable_jets(packed),
            "not_finite": ~finite,
        }
        left = np.ones(len(packed.counts), dtype=np.bool_)
        counts = {"events": len(left)}
        for reason, affected in reasons.items():
            counts[reason] = int((left & affected).sum())
            left &= ~affected
        chosen = np.flatnonzero(left)
        path = self.folder / source.shard_name
        if len(chosen):
            write_shard(
                path,
                nest(packed, self.spec, self.collection).take(chosen),
                self.spec,
                columns={name: values[chosen] for name, values in numbers.items()},
                classes=self.classes,
                source=source,
                collection=self.collection,
            )
        else:
            path.unlink(missing_ok=True)
        return counts | {"written": len(chosen), "negative_weight": int((numbers["weight"][chosen] < 0).sum())}


def event_collector(
    folder: str | os.PathLike[str],
    classes: Iterable[str] = ("background", "signal"),
    *,
    collection: str = "FatJet",
    order: str = "pt",
    minimum: int = 1,
    maximum: int = 5,
    features: Iterable[str] = EVENT_FIELDS,
    fields: Iterable[str] = FIELDS,
    jet: Iterable[str] = JET,
    tokens: str = "constituents",
    max_tokens: int = 128,
) -> EventCollector:
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
        Canonical fields of the jets, as they are given, for the event head.
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
    spec = InputSpec((token_group(tokens, tuple(fields), max_tokens=max_tokens),), jet_fields(tuple(jet)))
    jets = event_collection(collection, tuple(features), order=order, minimum=minimum, maximum=maximum)
    return EventCollector(shard_folder(folder), spec, jets, tuple(classes))


def has_usable_jets(events: JetsOfEvents) -> BoolArray:
    """Which events have tokens and finite numbers only in each jet that is read, bool [n_events]."""
    usable = has_tokens(events.jets) & is_finite(events.jets) & np.isfinite(events.features).all(axis=1)
    unusable = np.repeat(np.arange(len(events.counts)), events.counts)[~usable]
    result = np.ones(len(events.counts), dtype=np.bool_)
    result[unusable] = False
    return result


def _of_events(events: ak.Array, name: str, values: Any) -> Any:
    if not isinstance(values, str):
        return values
    if values not in events.fields:
        raise InputError(f"the events have no field {values!r} to collect as {name}: it is not in the file")
    return events[values]


def _numbers(values: Any, name: str, n_events: int) -> npt.NDArray[Any]:
    """Numbers of the events, NaN where None."""
    try:
        numbers = ak.to_numpy(values, allow_missing=True)
    except ValueError:  # a list for each event
        numbers = np.empty((0, 0))
    if np.shape(numbers) not in ((), (n_events,)):
        raise InputError(f"{name} to collect does not fit the {n_events} events: give one number for each event")
    if np.ma.isMaskedArray(numbers):
        numbers = np.ma.filled(numbers.astype(np.float64), np.nan)
    return np.broadcast_to(numbers, (n_events,))
