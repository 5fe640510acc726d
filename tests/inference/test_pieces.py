from __future__ import annotations

import awkward as ak
import numpy as np

import coffea_fm
from coffea_fm.inference import pieces


def test_a_large_chunk_in_pieces_gives_the_same_scores_and_report(monkeypatch, bundle, jets):
    tagger = coffea_fm.load(bundle)
    whole = tagger(jets)
    monkeypatch.setattr(pieces, "PIECE", 2)
    cut = tagger(jets)
    assert coffea_fm.report(cut).counts == coffea_fm.report(whole).counts
    assert ak.num(cut).to_list() == ak.num(whole).to_list()
    for name in whole.fields:
        np.testing.assert_allclose(ak.flatten(cut[name]), ak.flatten(whole[name]), atol=1e-6)
