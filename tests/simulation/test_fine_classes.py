from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from coffea_fm.classes import FINE_CLASSES, JET_CLASSES
from coffea_fm.simulation.fine_classes import count_prongs, fine_labels
from coffea_fm.simulation.sample import simulate


def jet(name: str, decay: list[tuple[int, float, float]], *, b: int = 0, c: int = 0, matched: int = 0) -> str:
    """The fine class of a jet whose resonance (row 0) decayed to (pdgId, eta, phi), beside a parton of another jet."""
    rows = [{"pdg_id": 25, "status": 22, "mother": -1, "eta": 0.0, "phi": 0.0}]
    rows += [{"pdg_id": i, "status": 23, "mother": 0, "eta": e, "phi": p} for i, e, p in decay]
    rows += [{"pdg_id": 4, "status": 23, "mother": -1, "eta": 0.0, "phi": 0.0}]
    jets = ak.Array([{"label": JET_CLASSES.index(name), "matched": matched, "n_b_hadrons": b, "n_c_hadrons": c}])
    return FINE_CLASSES[fine_labels(jets, ak.Array([rows]))[0]]


def test_enough_of_them() -> None:
    assert len(set(FINE_CLASSES)) == len(FINE_CLASSES) >= 40
    assert {name.split("_")[0] for name in FINE_CLASSES} == set(JET_CLASSES)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (lambda: jet("Hbb", [(5, 0.2, 0), (-5, -0.2, 0)], b=2), "Hbb"),
        (lambda: jet("Hgg", [(21, 0.2, 0), (21, -0.2, 0)], c=2), "Hgg_c"),
        (lambda: jet("Zqq", [(3, 0.2, 0), (-3, -0.2, 0)]), "Zqq_s"),
        (lambda: jet("Wqq", [(4, 0.05, 0), (-3, -0.05, 0)], c=1), "Wqq_1c_1prong"),
        (lambda: jet("H4q", [(4, 0.3, 0), (-3, -0.3, 0), (1, 0, 0.3), (-2, 0, 3.5)]), "H4q_1c_4prong"),
        (lambda: jet("H4q", [(4, 0.3, 0), (-4, 0.31, 0), (1, 0, 3.14), (-2, 0, -3.14)]), "H4q_2c_2prong"),
        (lambda: jet("Hqql", [(1, 0.3, 0), (-2, -0.3, 0), (-13, 0, 0.3), (14, 0.5, 0.5)]), "Hqql_mu0c_3prong"),
        (lambda: jet("Tbl", [(5, 0.3, 0), (-11, -0.3, 0), (12, 0, 0)]), "Tbl_e_2prong"),
        (lambda: jet("QCD", [(21, 0.0, 0)], matched=1), "QCD_gluon"),
        (lambda: jet("QCD", [(2, 0.0, 0)], matched=1), "QCD_light"),
        (lambda: jet("QCD", [(21, 0.0, 0)], matched=1, b=2, c=2), "QCD_bb"),
        (lambda: jet("QCD", [(21, 0.0, 0)], matched=-1), "QCD_unmatched"),
    ],
)
def test_decays(found: object, expected: str) -> None:
    assert found() == expected  # type: ignore[operator]


def test_jets_without_class_have_no_fine_one() -> None:
    jets = ak.Array([{"label": -1, "matched": -1, "n_b_hadrons": 0, "n_c_hadrons": 0}])
    hard = ak.Array([[{"pdg_id": 21, "status": 23, "mother": -1, "eta": 0.0, "phi": 0.0}]])
    assert fine_labels(jets, hard).tolist() == [-1]


def test_prongs_join_in_chains() -> None:
    partons = ak.Array([{"eta": [0.0, 0.15, 0.3, 1.0], "phi": [0.0, 0.0, 0.0, 0.0]}, {"eta": [], "phi": []}])
    partons = ak.zip({name: partons[name] for name in ("eta", "phi")})
    assert count_prongs(partons).tolist() == [2, 0]


def test_simulated_jets_keep_their_class() -> None:
    jets = next(simulate("Wqq", (500, 1000), 1, 0, batch=20))
    found = [FINE_CLASSES[label] for label in fine_labels(jets, jets.hard)]
    assert set(found) <= {name for name in FINE_CLASSES if name.startswith("Wqq")}
    charm = np.array(["1c" in name for name in found])
    assert (ak.to_numpy(jets.n_c_hadrons)[~charm] == 0).mean() > 0.9
    assert (ak.to_numpy(jets.n_c_hadrons)[charm] > 0).mean() > 0.8
