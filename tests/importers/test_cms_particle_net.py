"""CMS's mass-decorrelated ParticleNet on PFNano, against the scores that CMS software stored in the same file."""

from __future__ import annotations

import json

import awkward as ak
import numpy as np
import pytest
from coffea.nanoevents import NanoEventsFactory

import coffea_fm
from coffea_fm.bundle.card import read_front_matter
from coffea_fm.schemas import PFNanoAODSchema

FOLDER = "cms-particlenet-ak8-md2prong"
LIMITS = {"QCD": 0.999, "Xbb": 0.997, "Xcc": 0.997, "Xqq": 0.997}


@pytest.fixture(scope="module")
def jets(shared_data):
    file = {str(shared_data / "real" / "pfnano.root"): "Events"}
    return NanoEventsFactory.from_root(file, schemaclass=PFNanoAODSchema, mode="virtual").events().FatJet


@pytest.fixture(scope="module", params=["preprocess.json", "preprocess_noragged.json"])
def bundle(request, shared_models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles") / "particle-net-md"
    model = shared_models / FOLDER
    coffea_fm.import_model(model / "model.onnx", model / request.param, output=folder, mapping="cms-particlenet-ak8")
    return folder


def logit(score):
    score = np.clip(np.asarray(score, np.float64), 1e-6, 1 - 1e-6)
    return np.log(score / (1 - score))


def agreement(scores, jets):
    """Correlation and median difference of logits, for each output that is stored."""
    scores, jets = ak.flatten(scores), ak.flatten(jets)
    sums = {"QCD": [name for name in scores.fields if name.startswith("label_QCD")]}
    sums |= {f"X{flavour}": [f"label_H_{flavour}"] for flavour in ("bb", "cc", "qq")}
    found = {}
    for name, parts in sums.items():
        ours = logit(sum(ak.to_numpy(scores[part]) for part in parts))
        stored = logit(ak.to_numpy(jets[f"particleNetMD_{name}"]))
        found[name] = (np.corrcoef(ours, stored)[0, 1], np.median(np.abs(ours - stored)))
    return found


def test_gives_the_stored_scores(bundle, jets):
    found = agreement(coffea_fm.load(bundle)(jets), jets)
    for name, (correlation, difference) in found.items():
        assert correlation >= LIMITS[name], name
        assert difference <= 0.03, name


def test_does_not_depend_on_the_order_of_candidates(bundle, jets):
    tagger = coffea_fm.load(bundle)
    counts = ak.num(jets.constituents, axis=2)
    random = ak.unflatten(np.random.default_rng(0).random(ak.sum(counts)), ak.flatten(counts))
    order = ak.argsort(ak.unflatten(random, ak.num(jets)), axis=2)
    shuffled = ak.with_field(jets, jets.constituents[order], "constituents")
    assert not ak.all(shuffled.constituents.pt == jets.constituents.pt, axis=None)
    before, after = tagger(jets), tagger(shuffled)
    for name in tagger.classes:
        assert ak.max(abs(after[name] - before[name]), axis=None) < 1e-5


def test_breaks_with_two_features_in_the_wrong_place(shared_models, jets, tmp_path):
    model = shared_models / FOLDER
    mapping = tmp_path / "swapped.yaml"
    mapping.write_text(
        "description: wrong on purpose\nextends: cms-particlenet-ak8\ngroups: {pf: {variables: "
        "{pfcand_normchi2: 'where(missing(d0), 0, d0 / 10)', "
        "pfcand_dxy: 'where(tracked, floor(trkChi2), 999)'}}}"
    )
    coffea_fm.import_model(model / "model.onnx", model / "preprocess.json", output=tmp_path / "b", mapping=str(mapping))
    found = agreement(coffea_fm.load(tmp_path / "b")(jets), jets)
    assert found["QCD"][0] < 0.99


def test_reads_exactly_the_columns_of_its_variables(bundle, jets):
    columns = coffea_fm.load(bundle).columns(jets)
    assert {"FatJetPFCands_btagEtaRel", "PFCands_puppiWeight", "FatJetSVs_d3dsig", "SV_eta", "FatJet_eta"} <= columns
    unread = {"FatJet_pt", "FatJetPFCands_pt", "FatJetSVs_enration", "SV_pt", "PFCands_vtxChi2", "PFCands_pdgId"}
    assert not unread & columns


def test_says_where_it_comes_from(bundle):
    manifest = coffea_fm.load(bundle).manifest
    assert set(manifest.provenance.data["sha256"]) >= {"model.onnx"}
    assert len(manifest.provenance.data["sha256"]) == 2
    assert manifest.check.maximal_difference < manifest.check.tolerance
    card = (bundle / "README.md").read_text()
    assert read_front_matter(card)["license"] == "apache-2.0"
    assert "| QCD | `label_QCD_bb` + `label_QCD_cc`" in card
    assert "pfcand" not in card


def test_scouting_model(shared_models, tmp_path):
    model = shared_models / "cms-scouting-particlenet-ak4"
    result = coffea_fm.import_model(
        model / "model.onnx", model / "preprocess.json", output=tmp_path / "s", mapping="cms-particlenet-scouting"
    )
    names = json.loads((model / "preprocess.json").read_text())["output_names"]
    assert list(result.classes) == names
    assert result.maximal_difference < 1e-5
    assert [member.name for member in coffea_fm.load(tmp_path / "s").manifest.level.members] == ["constituents"]
