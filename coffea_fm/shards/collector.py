"""The collector: called in a processor, it writes the selected jets or events, one shard per chunk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from coffea_fm.errors import InputError
from coffea_fm.shards.metadata import Source
from coffea_fm.shards.write import write_shard
from coffea_fm.tokens import Level, Packed, flatten, pack
from coffea_fm.tokens import columns as paths_of
from coffea_fm.tokens.jagged import Rows
from coffea_fm.tokens.pack import gather
from coffea_fm.tokens.usable import count_once, unusable

_PREFIX = "coffea_fm_"
_NUMBER = "event"

Given = dict[str, Any]
Numbers = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Collector:
    """A callable that writes jets, or their events, as training examples; see `collector`.

    Parameters
    ----------
    folder : Path
        Folder for the shards.
    level : Level
        What is kept of each jet or event, including truth.
    classes : tuple of str
        Names of the classes, in the order of the indices in the target.
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
        """Write the jets or the events of one chunk as one shard.

        The shard is named by dataset, file and entry range. A chunk that runs again replaces its shard, so that
        retries never duplicate examples. Call it once per chunk and folder; use another folder for other jets.

        Parameters
        ----------
        jets : awkward.Array
            Jets with constituents under any lists and options, e.g. a selection of ``events.FatJet``. A collector of
            events takes a list of jets per event, after all selections and corrections.
        target : str or awkward.Array, optional
            Class index of each jet or event, negative or None for no class: the name of a field of the jets (of the
            events for a collector of events), or an array. An array with one number per event applies to all jets of
            the event. By default all are in the first class, for training targets other than classes.
        events : awkward.Array
            The chunk; its metadata say where it comes from. A collector of events keeps its field ``event``.
        weight : str or awkward.Array, optional
            Weights, given as for `target`; 1 by default. Negative weights are kept, and counted.
        columns : mapping of str to (str or awkward.Array), or iterable of str
            Further numbers to keep, by name (``fold``, ``mass``), or names of fields.

        Returns
        -------
        dict of str to int
            Number of ``jets`` or ``events``; of those left out, by reason (``without_class``, or a reason of
            `coffea_fm.tokens.usable.unusable` such as ``without_constituents``, ``too_few_FatJet``,
            ``with_unusable_FatJet``, ``not_finite``), each counted for its first reason; of those ``written``; and of
            those with ``negative_weight`` among the written. Plain integers, for a processor's output.

        Raises
        ------
        InputError
            If a field is missing from the jets, a column has the wrong length, or the events have no metadata.
        """
        if type(jets).__module__.startswith("dask_awkward"):
            raise InputError("dask-awkward arrays cannot be collected: run the processor with coffea's Runner")
        given: Given = {**(columns if isinstance(columns, Mapping) else {name: name for name in columns})}
        given |= {} if target is None else {"target": target}
        given |= {} if weight is None else {"weight": weight}
        things = self._things(jets, events, given)
        held = self._hold(things, given)
        if ak.backend(jets) == "typetracer":
            return self._trace(things, held, given)
        source = Source.of(_metadata(events))
        packed, _ = pack(things, self.level)
        rows, _ = flatten(held)
        numbers = {name: self._numbers(rows, name) for name in given}
        numbers.setdefault("target", np.zeros(len(packed)))
        numbers.setdefault("weight", np.ones(len(packed), dtype=np.float32))
        return self._write(packed, numbers, source)

    def _things(self, jets: ak.Array, events: ak.Array, given: Given) -> ak.Array:
        """The rows to write: the jets, or events with the fields to collect and the jets."""
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

    def _hold(self, things: ak.Array, given: Given) -> ak.Array:
        """Add further fields to the jets or events. Numbers per event apply to each of its jets."""
        held = things
        for name, values in given.items():
            if isinstance(values, str) and values not in things.fields:
                raise InputError(
                    f"the {self.level.name}s have no field {values!r} to collect as {name}: it is not in the file"
                )
            try:
                held = ak.with_field(held, things[values] if isinstance(values, str) else values, _PREFIX + name)
            except (ValueError, TypeError) as error:
                raise self._misfit(name) from error
        return held

    def _numbers(self, rows: Rows, name: str) -> npt.NDArray[Any]:
        """Numbers of the rows; NaN where None."""
        try:
            values, absent = rows.field(_PREFIX + name).values()
        except InputError as error:
            raise self._misfit(name) from error
        return np.where(absent, np.nan, values) if absent.any() else values

    def _misfit(self, name: str) -> InputError:
        each = "event" if self.level.name == "event" else "jet or event"
        return InputError(f"{name} does not match the {self.level.name}s to collect: give one number per {each}")

    def _trace(self, things: ak.Array, held: ak.Array, given: Given) -> dict[str, int]:
        for path in [*paths_of(things, self.level), *((_PREFIX + name,) for name in given)]:
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


def _metadata(events: Any) -> dict[str, Any]:
    try:
        return dict(events.metadata)
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(
            "the events have no metadata, and a shard is named by dataset, file and entries: call the collector in a "
            "processor that coffea's Runner runs, or give events=types.SimpleNamespace(metadata={'dataset': ..., "
            "'filename': ..., 'entrystart': 0, 'entrystop': n}) beside jets of your own"
        ) from error
