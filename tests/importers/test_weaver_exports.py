"""Exports by weaver-core itself, against weaver-core's own preparation of the same jets."""

from __future__ import annotations

import awkward as ak
import numpy as np
import onnxruntime
import pytest
from coffea.nanoevents import NanoEventsFactory

import coffea_fm
from coffea_fm.schemas import JetClassSchema

weaver_exports = pytest.importorskip("weaver_exports")
pytest.importorskip("weaver")
JETS = 30


@pytest.fixture(scope="module")
def files(shared_data):
    return [str(shared_data / "jets" / f"train_{name}_0.root") for name in ("QCD", "Hbb", "Tbqq")]


def truth(model, files):
    inputs = weaver_exports.prepared(model.parent, files, JETS)
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]
    jets = [{name: inputs[name][index : index + 1] for name in names} for index in range(len(inputs["pf_mask"]))]
    return np.concatenate([session.run(None, jet)[0] for jet in jets])


def ours(bundle, files):
    tagger = coffea_fm.load(bundle)
    found = []
    for file in files:
        events = NanoEventsFactory.from_root(
            {file: "tree"}, schemaclass=JetClassSchema, mode="virtual", entry_stop=JETS
        ).events()
        scores = ak.flatten(tagger(events.Jet))
        found.append(np.stack([ak.to_numpy(scores[name]) for name in scores.fields], axis=1))
    return np.concatenate(found)


CASES = {
    "ParticleNet, wrap": ("PARTICLE_NET", "wrap", {}),
    "ParticleNet, constant, dynamic": ("PARTICLE_NET", "constant", {}),
    "ParticleNet, all shapes fixed": ("PARTICLE_NET", "constant", {"dynamic": False, "batched": False}),
    "ParT, wrap": ("PARTICLE_TRANSFORMER", "wrap", {}),
    "ParT, wrap, one jet at a time": ("PARTICLE_TRANSFORMER", "wrap", {"dynamic": False, "batched": False}),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("network", "pad", "options"), CASES.values(), ids=CASES)
def test_gives_the_scores_of_weaver(network, pad, options, files, tmp_path):
    model = weaver_exports.export(tmp_path, getattr(weaver_exports, network), pad, **options)
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(f"description: as in the data config\nextends: jetclass\ngroups: {{part: {{pad: {pad}}}}}")
    coffea_fm.import_model(model, tmp_path / "preprocess.json", output=tmp_path / "bundle", mapping=str(mapping))
    expected = truth(model, files)
    assert expected.std(axis=0).max() > 1e-4
    assert np.abs(ours(tmp_path / "bundle", files) - expected).max() < 1e-5


@pytest.mark.filterwarnings("ignore")
def test_an_export_that_padding_breaks_runs_without_padding(files, tmp_path):
    model = weaver_exports.export(tmp_path, weaver_exports.PARTICLE_TRANSFORMER, "constant")
    assert np.isnan(truth(model, files)).any()  # weaver-core 0.5.3 divides 0 by 0 for padded four-momenta
    coffea_fm.import_model(model, tmp_path / "preprocess.json", output=tmp_path / "bundle", mapping="jetclass")
    found = ours(tmp_path / "bundle", files)
    assert np.isfinite(found).all()
    inputs = weaver_exports.prepared(tmp_path, files, JETS)
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    for index in range(0, len(found), 10):
        count = int(inputs["pf_mask"][index].sum())
        jet = {given.name: inputs[given.name][index : index + 1, :, :count] for given in session.get_inputs()}
        assert np.abs(session.run(None, jet)[0] - found[index]).max() < 1e-5
