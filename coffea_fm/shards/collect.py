"""Collect training examples inside a processor: the jets of its own selection, one shard a chunk of events."""

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
from coffea_fm.tokens import InputSpec, PackedSets, jet_fields, pack, token_group
from coffea_fm.tokens.jagged import Rows, flatten
from coffea_fm.tokens.pack import columns as packed_columns
from coffea_fm.tokens.spec import with_truth

FIELDS = ("pt", "eta", "phi", "mass", "charge", "pdgId", "d0", "d0_error", "dz", "dz_error")
JET = ("pt", "eta", "phi", "mass")
COUNTS = ("jets", "without_class", "without_constituents", "not_finite", "written")
_PREFIX = "coffea_fm_"


@dataclass(frozen=True)
class Collector:
    """A function of jets that writes them as training examples; see `collector`.

    Parameters
    ----------
    folder : Path
        Where the shards go.
    spec : InputSpec
        What is kept of each jet, truth included.
    classes : tuple of str
        Names of the classes that the target counts.
    """

    folder: Path
    spec: InputSpec
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
        """Write the jets of one chunk as one shard.

        The shard is named by dataset, file and entry range: a chunk that is run again replaces its shard, so that
        retries never duplicate. A folder takes one call a chunk; give other jets another folder.

        Parameters
        ----------
        jets : awkward.Array
            Jets with constituents under any lists and options, e.g. a selection of ``events.FatJet``.
        target : str or awkward.Array, optional
            Index of the class of each jet, negative or None for none: a field of the jets, or numbers for each jet or
            event. Without it all jets are of the first class, for targets that are no classes.
        events : awkward.Array
            The chunk, which knows where it comes from.
        weight : str or awkward.Array, optional
            As `target`; 1 by default.
        columns : mapping of str to (str or awkward.Array), or iterable of str
            Further numbers of each jet to keep, by name; or names of fields of the jets.

        Returns
        -------
        dict of str to int
            ``jets``; of these ``without_class``, ``without_constituents`` and ``not_finite``, which are left out; and
            ``written``. Plain numbers for a processor's output.

        Raises
        ------
        InputError
            If the jets lack a field, or a number does not fit them.
        """
        if type(jets).__module__.startswith("dask_awkward"):
            raise InputError("jets of dask-awkward cannot be collected: run the processor with coffea's Runner")
        named = columns if isinstance(columns, Mapping) else {name: name for name in columns}
        given = {**named, **({} if target is None else {"target": target})}
        given |= {} if weight is None else {"weight": weight}
        held = _hold(jets, given)
        if ak.backend(jets) == "typetracer":
            for path in [*packed_columns(jets, self.spec), *((_PREFIX + name,) for name in given)]:
                ak.typetracer.touch_data(held[path])
            return dict.fromkeys(COUNTS, 0)
        packed, _ = pack(jets, self.spec)
        rows, _ = flatten(held)
        numbers = {name: _numbers(rows, name) for name in given}
        numbers.setdefault("target", np.zeros(len(packed)))
        return self._write(packed, numbers, Source.of(events.metadata))

    def _write(self, packed: PackedSets, numbers: dict[str, npt.NDArray[Any]], source: Source) -> dict[str, int]:
        with_class = np.nan_to_num(numbers["target"], nan=-1.0) >= 0
        with_tokens = has_tokens(packed)
        finite = is_finite(packed)
        for name, values in numbers.items():
            finite &= np.isfinite(values) | (name == "target")
        chosen = np.flatnonzero(with_class & with_tokens & finite)
        path = self.folder / source.shard_name
        if len(chosen):
            write_shard(
                path,
                packed.take(chosen),
                self.spec,
                columns={name: values[chosen] for name, values in numbers.items()},
                classes=self.classes,
                source=source,
            )
        else:
            path.unlink(missing_ok=True)
        lost = (~with_class, with_class & ~with_tokens, with_class & with_tokens & ~finite)
        return dict(zip(COUNTS, map(int, (len(packed), *map(np.sum, lost), len(chosen))), strict=True))


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
    """A collector of chosen fields; make it in a processor's ``__init__``, call it in ``process``.

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
    spec = InputSpec((token_group(tokens, tuple(fields), max_tokens=max_tokens),), jet_fields(tuple(jet)))
    return Collector(shard_folder(folder), with_truth(spec, truth), tuple(classes))


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


def has_tokens(packed: PackedSets) -> npt.NDArray[np.bool_]:
    """Which jets have a token in every group, bool [n_jets]."""
    present: npt.NDArray[np.bool_] = np.all([group.lengths > 0 for group in packed.groups.values()], axis=0)
    return present


def is_finite(packed: PackedSets) -> npt.NDArray[np.bool_]:
    """Which jets have finite numbers only, bool [n_jets]."""
    finite = np.ones(len(packed), dtype=np.bool_)
    finite[~np.isfinite(packed.jet).all(axis=1)] = False
    for group in packed.groups.values():
        wrong = ~np.isfinite(group.values).all(axis=1)
        jet_of_token = np.repeat(np.arange(len(packed)), group.lengths)
        finite[jet_of_token[wrong]] = False
    return finite


def _hold(jets: ak.Array, given: Mapping[str, Any]) -> ak.Array:
    """The jets with further fields; numbers of events are given to each of their jets."""
    for name, values in given.items():
        if isinstance(values, str) and values not in jets.fields:
            raise InputError(f"the jets have no field {values!r} to collect as {name}: it is not in the file")
        try:
            jets = ak.with_field(jets, jets[values] if isinstance(values, str) else values, _PREFIX + name)
        except (ValueError, TypeError) as error:
            raise InputError(
                f"{name} to collect does not fit the jets: give one number for each jet or event"
            ) from error
    return jets


def _numbers(rows: Rows, name: str) -> npt.NDArray[Any]:
    """Numbers of the jets, NaN where None."""
    values, absent = rows.field(_PREFIX + name).values()
    return np.where(absent, np.nan, values) if absent.any() else values
