"""Packed jets of two kinds that a small network can tell apart, and folders of shards of them."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np

from coffea_fm.shards import Source, write_shard
from coffea_fm.tokens import Level, Members, Packed, jet_level, token_level

FIELDS = ("pt", "eta", "phi", "mass", "charge", "pdgId", "d0", "d0_error", "dz", "dz_error")
LEVEL = jet_level((token_level("constituents", FIELDS, minimum=1),), ("pt_raw", "eta", "phi", "mass_raw"))
CLASSES = ("narrow", "wide")
COLUMN = {name: index for index, name in enumerate(FIELDS)}


def random_jets(n_jets: int, seed: int = 0, wide: int | None = None) -> tuple[Packed, np.ndarray]:
    """Jets with 1 to 40 constituents, and their classes: the wide ones have three times the spread."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 2, n_jets) if wide is None else np.full(n_jets, wide)
    lengths = rng.integers(1, 41, n_jets)
    of_token = np.repeat(np.arange(n_jets), lengths)
    n_tokens = len(of_token)
    jet_pt = rng.uniform(500, 1000, n_jets)
    jet_eta, jet_phi = rng.uniform(-2, 2, n_jets), rng.uniform(-3.1, 3.1, n_jets)
    pt = rng.exponential(10.0, n_tokens) + 0.1
    pt = pt[np.lexsort((-pt, of_token))]
    spread = np.where(target == 1, 0.3, 0.1)[of_token]
    charge = rng.integers(-1, 2, n_tokens)
    columns = {
        "pt": pt,
        "eta": jet_eta[of_token] + spread * rng.normal(size=n_tokens),
        "phi": (jet_phi[of_token] + spread * rng.normal(size=n_tokens) + np.pi) % (2 * np.pi) - np.pi,
        "mass": np.full(n_tokens, 0.14),
        "charge": charge,
        "pdgId": np.where(charge == 0, 22, 211 * charge),
        **{name: rng.normal(size=n_tokens) for name in ("d0", "dz")},
        **{name: rng.uniform(0.01, 0.1, n_tokens) for name in ("d0_error", "dz_error")},
    }
    values = np.stack([columns[name] for name in FIELDS], axis=1).astype(np.float32)
    missing = np.repeat((charge == 0)[:, np.newaxis], 4, axis=1)
    values[:, 6:][missing] = 0.0
    jet = np.stack([jet_pt, jet_eta, jet_phi, rng.uniform(20, 200, n_jets)], axis=1).astype(np.float32)
    constituents = Packed(values, missing)
    return Packed(jet, np.zeros((n_jets, 0), dtype=bool), {"constituents": Members(lengths, constituents)}), target


def write_random_shards(folder: Path, jets_per_shard: tuple[int, ...], seed: int = 0) -> Path:
    """One shard for each number of jets; even shards are narrow jets, odd ones wide."""
    for index, n_jets in enumerate(jets_per_shard):
        packed, target = random_jets(n_jets, seed + index, wide=index % 2)
        source = Source(dataset=CLASSES[index % 2], file=f"file-{index}", start=0, stop=n_jets)
        write_shard(
            folder / source.shard_name, packed, LEVEL, columns={"target": target}, classes=CLASSES, source=source
        )
    return folder


def as_awkward(packed: Packed, level: Level = LEVEL) -> ak.Array:
    """The same as a schema gives them: jets that were corrected have a record ``uncorrected``."""
    fields = dict(zip(level.names, packed.values.T, strict=True))
    for index, name in enumerate(level.missing_names):
        fields[name] = ak.mask(ak.Array(fields[name]), ~packed.missing[:, index])
    raw = {name.removesuffix("_raw"): fields.pop(name) for name in level.names if name.endswith("_raw")}
    if raw and "pt" in fields:
        fields["uncorrected"] = ak.zip({**raw, "eta": fields["eta"], "phi": fields["phi"]})
    else:
        fields |= raw
    for member in level.members:
        members = packed.members[member.name]
        fields[member.name] = ak.unflatten(as_awkward(members.things, member), members.counts)
    return ak.zip(fields, depth_limit=1)


def assert_same(left: Packed, right: Packed) -> None:
    """Every number of two packed sets is the same."""
    np.testing.assert_array_equal(left.values, right.values)
    np.testing.assert_array_equal(left.missing, right.missing)
    assert left.members.keys() == right.members.keys()
    for name, members in left.members.items():
        np.testing.assert_array_equal(members.counts, right.members[name].counts)
        assert_same(members.things, right.members[name].things)


def packed_jets(values: np.ndarray, counts: np.ndarray, missing: np.ndarray, jet: np.ndarray) -> Packed:
    """Jets of given constituents, those of the first jet first."""
    members = {"constituents": Members(np.asarray(counts, np.int64), Packed(values, missing))}
    return Packed(jet, np.zeros((len(jet), 0), dtype=bool), members)


def column(packed: Packed, name: str) -> np.ndarray:
    return packed.members["constituents"].things.values[:, COLUMN[name]].astype(np.float64)


def sums(packed: Packed, values: np.ndarray) -> np.ndarray:
    """Sum over the tokens of each jet, of jets that all have one."""
    return np.add.reduceat(values, packed.members["constituents"].offsets[:-1], axis=0)


def momenta(packed: Packed) -> np.ndarray:
    """Four-momentum of each jet, as the sum of its tokens."""
    pt, eta, phi, mass = (column(packed, name) for name in ("pt", "eta", "phi", "mass"))
    p = np.stack((pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)), axis=1)
    return sums(packed, np.column_stack((p, np.sqrt((p**2).sum(axis=1) + mass**2))))
