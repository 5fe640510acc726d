"""What must hold for the constituents of any format: any function of them commutes with any selection of the jets."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import awkward as ak
import numpy as np
import uproot
from coffea.processor import IterativeExecutor, ProcessorABC, Runner

Select = Callable[[ak.Array], ak.Array]


@cache
def directory(path):
    """An open file, so that a large one's list of branches is read once a session."""
    return uproot.open(path)


def fingerprint(jets):
    """One number a jet, from every canonical field of its constituents and from their order."""
    constituents = jets["constituents"]
    position = ak.local_index(constituents["pt"], axis=-1) + 1
    total = ak.sum(position, axis=-1) * 1.0
    for weight, name in enumerate(("pt", "eta", "phi", "mass", "charge", "d0", "dz_error"), 1):
        if name in constituents.fields:
            values = ak.values_astype(ak.fill_none(constituents[name], -7.0), "float64")
            total = total + weight * ak.sum(values * position, axis=-1)
    return total


def selections(jets) -> dict[str, Select]:
    """Named selections, each to be applied to the jets and to a number for each jet alike."""
    pt = ak.materialize(jets.pt)
    keep = pt > np.median(ak.flatten(pt))
    order = ak.argsort(pt, axis=1, ascending=True)
    half = len(pt) // 2
    return {
        "all": lambda x: x,
        "cut": lambda x: x[keep],
        "sort": lambda x: x[order],
        "cut and sort": lambda x: x[keep][ak.argsort(pt[keep], axis=1)],
        "mask": lambda x: ak.mask(x, keep),
        "firsts": ak.firsts,
        "pad": lambda x: ak.pad_none(x, 3, axis=1, clip=True),
        "events reversed": lambda x: x[::-1],
        "events with a jet kept": lambda x: x[ak.any(keep, axis=1)],
        "pairs, first": lambda x: ak.combinations(x, 2, fields=["a", "b"]).a,
        "pairs, second": lambda x: ak.combinations(x, 2, fields=["a", "b"]).b,
        "flat": lambda x: ak.flatten(x)[::-1],
        "halves swapped": lambda x: ak.concatenate([x[half:], x[:half]]),
        "kept and others": lambda x: ak.concatenate([x[~keep], x[keep]], axis=1),
    }


def check_selections(open_jets: Callable[..., ak.Array]) -> None:
    """`open_jets(start, stop)` opens a file anew: nothing is read before the jets are selected."""
    whole = ak.materialize(fingerprint(open_jets(None, None)))
    unread = open_jets(None, None)
    chosen = {name: (select, select(unread)) for name, select in selections(unread).items()}
    for name, (select, jets) in chosen.items():
        assert ak.to_list(fingerprint(jets)) == ak.to_list(select(whole)), name
    third = len(whole) // 3
    chunks = [open_jets(third, None), open_jets(0, third)]
    assert ak.to_list(fingerprint(ak.concatenate(chunks))) == ak.to_list(ak.concatenate([whole[third:], whole[:third]]))


class Collect(ProcessorABC):
    """Fingerprints of a collection's jets above its chunk's median, by first entry of the chunk."""

    def __init__(self, collection: str) -> None:
        self.collection = collection

    def process(self, events):
        jets = events[self.collection]
        jets = jets[ak.argsort(jets.pt, axis=1)]
        return {events.metadata["entrystart"]: ak.to_list(fingerprint(jets))}

    def postprocess(self, accumulator):
        return accumulator


def check_runner(jets, path, treename, collection, schema, chunksize, format="root", **options) -> None:
    """The Runner, in chunks, gives what one whole read gives."""
    runner = Runner(IterativeExecutor(status=False), chunksize=chunksize, schema=schema, format=format)
    fileset = {"data": {"files": {str(path): treename}}} if format == "root" else {"data": [str(path)]}
    found = runner(fileset, Collect(collection), treename=treename, **options)
    assert len(found) > 1
    whole = fingerprint(jets)[ak.argsort(jets.pt, axis=1)]
    assert [event for start in sorted(found) for event in found[start]] == ak.to_list(whole)


def check_records(found, expected: list, fields: tuple[str, ...], rtol: float = 2e-6) -> None:
    """Constituents against an independent reading: `expected` has a list per event, per jet, of dicts."""
    assert ak.to_list(ak.num(found, axis=2)) == [[len(jet) for jet in event] for event in expected]
    flat = [constituent for event in expected for jet in event for constituent in jet]
    for field in fields:
        values = ak.flatten(found[field], axis=None) if field not in ("d0", "dz", "d0_error", "dz_error") else None
        stored = ak.to_list(ak.flatten(ak.flatten(found[field]))) if values is None else ak.to_list(values)
        wanted = [constituent[field] for constituent in flat]
        assert [value is None for value in stored] == [value is None for value in wanted], field
        np.testing.assert_allclose(
            [value for value in stored if value is not None],
            [value for value in wanted if value is not None],
            rtol=rtol,
            atol=1e-6,
            err_msg=field,
        )


def momentum(particles) -> ak.Array:
    """Components (px, py, pz, energy) of particles with pt, eta, phi, mass, in double precision."""
    pt, eta, phi, mass = (ak.values_astype(particles[name], "float64") for name in ("pt", "eta", "phi", "mass"))
    pz = pt * np.sinh(eta)
    energy = np.sqrt(pt**2 + pz**2 + mass**2)
    return ak.zip({"px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pz, "energy": energy})


def closure(jets, components=("px", "py", "pz", "energy")) -> float:
    """Largest deviation of the summed constituents from the jet, over the jet's energy."""
    found, jet = momentum(jets.constituents), momentum(jets)
    return max(float(ak.max(np.abs(ak.sum(found[name], axis=-1) - jet[name]) / jet.energy)) for name in components)
