"""Bin jets, and write binned corrections for correctionlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from correctionlib import schemav2

from coffea_fm.errors import InputError

from .labelled_jets import LabelledJets

ETA_EDGES = (0.0, 1.3, 2.4)
PT_EDGES = {"FatJet": (200.0, 300.0, 400.0, 600.0, 3000.0), "Jet": (25.0, 40.0, 60.0, 100.0, 200.0, 3000.0)}
SYSTEMATICS = {"nominal": 0.0, "up": 1.0, "down": -1.0}
_LEAST_JETS = 30


def pairs_of_bins(
    collection: str, nominal: LabelledJets, shifted: LabelledJets, eta_edges: Sequence[float] = ETA_EDGES[::2]
) -> list[tuple[LabelledJets, LabelledJets]]:
    """Jets of both samples in bins of absolute pseudorapidity and stored pT, with pT as the inner loop.

    A bin with fewer than 30 jets in either sample uses the jets of all pT.

    Raises
    ------
    InputError
        If there are too few jets in a whole pseudorapidity range.
    """
    pairs = []
    for low_eta, high_eta in pairwise(eta_edges):
        central = [jets.take((jets.abs_eta >= low_eta) & (jets.abs_eta < high_eta)) for jets in (nominal, shifted)]
        if min(len(jets.pt) for jets in central) < _LEAST_JETS:
            raise InputError(
                f"fewer than {_LEAST_JETS} {collection} with truth at {low_eta} < |eta| < {high_eta}: simulate more"
            )
        edges = PT_EDGES[collection]
        for low, high in pairwise(edges):
            ours, theirs = (jets.take((jets.pt >= low) & (jets.pt < high)) for jets in central)
            enough = min(len(ours.pt), len(theirs.pt)) >= _LEAST_JETS
            pairs.append((ours, theirs) if enough else (central[0], central[1]))
    return pairs


def correction(name: str, text: str, inputs: Sequence[str], data: Any) -> schemav2.Correction:
    """Create a correction with these inputs, all real except ``systematic``."""
    variables = [schemav2.Variable(name=name, type="string" if name == "systematic" else "real") for name in inputs]
    output = schemav2.Variable(name="factor", type="real")
    return schemav2.Correction(name=name, description=text, version=1, inputs=variables, output=output, data=data)


def by_eta_and_pt(collection: str, values: Sequence[float]) -> schemav2.MultiBinning:
    """Values in the order of `pairs_of_bins` with `ETA_EDGES`."""
    return _bins({"abseta": ETA_EDGES, "pt": PT_EDGES[collection]}, values)


def by_pt(collection: str, values: Mapping[str, Sequence[float]], **more: Sequence[float]) -> schemav2.Category:
    """Values of each systematic in bins of pT and of further inputs with given edges; the last input varies fastest."""
    edges = {"pt": PT_EDGES[collection], **more}
    content = [schemav2.CategoryItem(key=name, value=_bins(edges, numbers)) for name, numbers in values.items()]
    return schemav2.Category(nodetype="category", input="systematic", content=content)


def _bins(edges: Mapping[str, Sequence[float]], values: Sequence[float]) -> schemav2.MultiBinning:
    numbers: list[Any] = [float(np.round(value, 6)) for value in values]
    return schemav2.MultiBinning(
        nodetype="multibinning",
        inputs=list(edges),
        edges=[list(map(float, axis)) for axis in edges.values()],
        content=numbers,
        flow="clamp",
    )
