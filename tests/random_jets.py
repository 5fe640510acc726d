"""Packed jets of two kinds that a small network can tell apart, and folders of shards of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from coffea_fm.shards import Source, write_shard
from coffea_fm.tokens import InputSpec, PackedSets, PackedTokens, jet_fields, token_group

FIELDS = ("pt", "eta", "phi", "mass", "charge", "pdgId", "d0", "d0_error", "dz", "dz_error")
SPEC = InputSpec((token_group("constituents", FIELDS),), jet_fields(("pt", "eta", "phi", "mass")))
CLASSES = ("narrow", "wide")


def random_jets(n_jets: int, seed: int = 0, wide: int | None = None) -> tuple[PackedSets, np.ndarray]:
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
    return PackedSets({"constituents": PackedTokens(values, lengths, missing)}, jet), target


def write_random_shards(folder: Path, jets_per_shard: tuple[int, ...], seed: int = 0) -> Path:
    """One shard for each number of jets; even shards are narrow jets, odd ones wide."""
    for index, n_jets in enumerate(jets_per_shard):
        packed, target = random_jets(n_jets, seed + index, wide=index % 2)
        source = Source(dataset=CLASSES[index % 2], file=f"file-{index}", start=0, stop=n_jets)
        write_shard(
            folder / source.shard_name, packed, SPEC, columns={"target": target}, classes=CLASSES, source=source
        )
    return folder


def assert_same(left: PackedSets, right: PackedSets) -> None:
    """Every number of two packed sets is the same."""
    np.testing.assert_array_equal(left.jet, right.jet)
    assert left.groups.keys() == right.groups.keys()
    for name, tokens in left.groups.items():
        np.testing.assert_array_equal(tokens.values, right.groups[name].values)
        np.testing.assert_array_equal(tokens.lengths, right.groups[name].lengths)
        np.testing.assert_array_equal(tokens.missing, right.groups[name].missing)
