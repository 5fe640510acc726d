"""Batches for the numerical check: every size, and jets that break careless graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from coffea_fm.tokens.packed import PackedSets, PackedTokens
from coffea_fm.tokens.padding import pad
from coffea_fm.tokens.spec import InputSpec

BATCHES = (1, 2, 7, 64)

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Case:
    """One batch to compare.

    Parameters
    ----------
    name : str
        What it is, for messages.
    arrays : dict of str to array
        Inputs of the graph.
    undefined : bool array of shape [n_sets]
        Jets that must give NaN; all others must give numbers.
    """

    name: str
    arrays: Arrays
    undefined: npt.NDArray[np.bool_]


def cases(jets: PackedSets, spec: InputSpec) -> Iterator[Case]:
    """Batches of 1, 2, 7 and 64 jets with 0, 1, 2, the most, and ragged numbers of tokens; then adversarial ones.

    Parameters
    ----------
    jets : PackedSets
        Real jets; their tokens are drawn, in turn, to fill the lengths.
    spec : InputSpec
    """
    most = max(group.max_tokens for group in spec.groups)
    for batch in BATCHES:
        ragged = np.linspace(most, 0, batch).astype(np.int64) if batch > 1 else np.array([most // 3])
        sizes = [(f"length {length}", np.full(batch, length), 1) for length in (0, 1, 2, most)]
        sizes += [("ragged lengths", ragged, multiple) for multiple in (1, 8)]
        for name, lengths, multiple in sizes:
            arrays = pad(_of_lengths(jets, spec, lengths), spec, multiple)
            yield Case(f"{batch} jets of {name}, padded by {multiple}", arrays, np.zeros(batch, np.bool_))
    yield from _adversarial(jets, spec)


def _adversarial(jets: PackedSets, spec: InputSpec) -> Iterator[Case]:
    group = spec.groups[0]
    pt = group.names.index("pt")

    def zero_one(arrays: Arrays) -> None:
        arrays[group.name][:, 0, :] = 0.0

    def zero_all(arrays: Arrays) -> None:
        arrays[group.name][:, :, pt] = 0.0

    def huge(arrays: Arrays) -> None:
        arrays[group.name][:, 0, pt] = 1e6
        arrays[group.name][:, 1, pt] = 1e30

    def same_direction(arrays: Arrays) -> None:
        arrays[group.name][:] = arrays[group.name][:, :1]

    def not_a_number(arrays: Arrays) -> None:
        arrays[group.name][3, 0, pt] = np.nan

    def infinite(arrays: Arrays) -> None:
        arrays[group.name][3, 0, pt] = np.inf

    def padding(arrays: Arrays) -> None:
        arrays[group.name][~arrays[f"{group.name}_mask"]] = np.nan

    changes: dict[str, Callable[[Arrays], None]] = {
        "a constituent of zeros": zero_one,
        "only constituents of zero pT": zero_all,
        "constituents of huge pT": huge,
        "constituents in one direction": same_direction,
        "NaN in one jet": not_a_number,
        "infinite pT in one jet": infinite,
        "NaN in the padding": padding,
    }
    lengths = np.array([9, 30, 2, 17, 4, 40, 12])
    for name, change in changes.items():
        arrays = pad(_of_lengths(jets, spec, lengths), spec)
        change(arrays)
        undefined = np.zeros(len(lengths), np.bool_)
        undefined[3] = change in (not_a_number, infinite)
        yield Case(name, arrays, undefined)


def _of_lengths(jets: PackedSets, spec: InputSpec, lengths: npt.NDArray[np.int64]) -> PackedSets:
    """Jets of exactly these lengths, filled with the tokens of real ones."""
    groups = {}
    for group in spec.groups:
        tokens = jets.groups[group.name]
        rows = np.arange(lengths.sum()) % len(tokens.values)
        groups[group.name] = PackedTokens(tokens.values[rows], lengths, tokens.missing[rows])
    return PackedSets(groups, jets.jet[np.arange(len(lengths)) % len(jets)])
