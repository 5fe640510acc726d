from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from coffea_fm.errors import InputWarning
from coffea_fm.inference.checks import inspect, warn_once
from coffea_fm.tokens.packed import PackedSets, PackedTokens
from coffea_fm.tokens.spec import InputSpec, jet_fields, token_group

SPEC = InputSpec((token_group("constituents", ("pt", "d0")),), jet_fields(("pt",)))


def packed(pt: list[list[float]], jet_pt: list[float], d0: float = 0.1) -> PackedSets:
    flat = np.array([value for tokens in pt for value in tokens], dtype=np.float32)
    values = np.stack([flat, np.full_like(flat, d0)], axis=1)
    missing = np.zeros((len(flat), 1), dtype=bool)
    tokens = PackedTokens(values, np.array([len(tokens) for tokens in pt], dtype=np.int64), missing)
    return PackedSets({"constituents": tokens}, np.array(jet_pt, dtype=np.float32)[:, None])


def test_good_jets_have_no_remark() -> None:
    found = inspect(packed([[1, 2], [3]], [500, 600]), SPEC)
    assert found.scored.tolist() == [0, 1]
    assert found.remarks == {}
    assert found.counts == {"jets": 2, "without_tokens": 0, "not_finite": 0, "out_of_range": 0}


def test_nan_and_infinity_of_tokens_and_of_jets_are_found() -> None:
    found = inspect(packed([[1, np.nan], [3], [], [np.inf], [2]], [500, np.nan, np.nan, 500, 500]), SPEC)
    assert found.scored.tolist() == [4]
    assert found.counts == {"jets": 5, "without_tokens": 1, "not_finite": 3, "out_of_range": 0}
    assert set(found.remarks) == {"not finite constituents.pt", "not finite jet pt"}


def test_missing_values_are_no_evidence_about_units() -> None:
    sets = packed([[1, 2, 3]], [500], d0=1e6)
    assert set(inspect(sets, SPEC).remarks) == {"implausible constituents.d0"}
    tokens = sets.groups["constituents"]
    lacking = PackedTokens(tokens.values, tokens.lengths, np.ones((3, 1), dtype=bool))
    assert inspect(PackedSets({"constituents": lacking}, sets.jet), SPEC).remarks == {}


def test_trained_ranges_of_tokens_and_jets_count_each_jet_once() -> None:
    group = SPEC.groups[0]
    pt = replace(group.fields[0], trained=(0.5, 50.0))
    spec = InputSpec((replace(group, fields=(pt, group.fields[1])),), (replace(SPEC.jet[0], trained=(400.0, 700.0)),))
    found = inspect(packed([[60, 70], [1], [2]], [300, 500, 800]), spec)
    assert found.counts["out_of_range"] == 2
    assert found.scored.tolist() == [0, 1, 2]
    assert "2 of 3 jets" in found.remarks["out of range jet pt"]


def test_no_jets_at_all_are_fine() -> None:
    assert inspect(packed([], []), SPEC).counts["jets"] == 0


def test_each_cause_is_said_once_for_each_bundle() -> None:
    found = inspect(packed([[1e6]], [500]), SPEC)
    for checksum in ("a", "b"):
        with pytest.warns(InputWarning, match="here: the median of constituents.pt"):
            warn_once(found, f"{checksum}-each-cause", "here")
        warn_once(found, f"{checksum}-each-cause", "here")
