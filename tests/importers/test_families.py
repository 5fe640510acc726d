"""Shipped mappings on real files, with small models in place of those that are not at hand."""

from __future__ import annotations

import json

import awkward as ak
import numpy as np
import pytest
from coffea.nanoevents import NanoEventsFactory
from onnx import TensorProto, helper, numpy_helper, save

import coffea_fm
from coffea_fm.importers.weaver_onnx.mapping import read_mapping
from coffea_fm.schemas import DelphesSchema, PFNanoAODSchema

pytestmark = pytest.mark.filterwarnings("ignore")


def averaging(path, inputs, classes, *, tokens_first):
    """A model of fixed shapes that averages the tokens of every input; a large bias keeps probabilities apart."""
    rng = np.random.default_rng(1)
    nodes, given, pooled, width = [], [], [], 0
    for name, variables, length in inputs:
        shape = [1, length, variables] if tokens_first else [1, variables, length]
        given.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        nodes.append(helper.make_node("Tanh", [name], [f"{name}_bounded"]))
        axis = 1 if tokens_first else 2
        nodes.append(helper.make_node("ReduceMean", [f"{name}_bounded"], [f"{name}_mean"], axes=[axis], keepdims=0))
        pooled.append(f"{name}_mean")
        width += variables
    nodes.append(helper.make_node("Concat", pooled, ["pooled"], axis=1))
    nodes.append(helper.make_node("MatMul", ["pooled", "weight"], ["logits"]))
    nodes.append(helper.make_node("Softmax", ["logits"], ["softmax"], axis=1))
    weight = numpy_helper.from_array(rng.normal(0, 2, (width, classes)).astype(np.float32), "weight")
    result = helper.make_tensor_value_info("softmax", TensorProto.FLOAT, [1, classes])
    graph = helper.make_graph(nodes, "averaging", given, [result], [weight])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6), path)
    return path


def test_part_of_cms_on_pfnano_without_a_json(shared_data, tmp_path):
    preprocess = read_mapping("cms-part-ak4").preprocess
    inputs = [(name, len(e.var_names), e.max_length) for name, e in preprocess.inputs.items()]
    model = averaging(tmp_path / "part.onnx", inputs, 6, tokens_first=True)
    result = coffea_fm.import_model(model, output=tmp_path / "part", mapping="cms-part-ak4")
    assert result.classes == ("probb", "probbb", "problepb", "probc", "probuds", "probg")
    file = {str(shared_data / "real" / "pfnano.root"): "Events"}
    jets = NanoEventsFactory.from_root(file, schemaclass=PFNanoAODSchema, mode="virtual").events().Jet
    scores = ak.flatten(coffea_fm.load(tmp_path / "part")(jets))
    assert len(scores) == 64
    assert np.isfinite(ak.to_numpy(scores.probb)).all()
    assert np.std(ak.to_numpy(scores.probb)) > 1e-3


def test_upart_of_cms_can_be_imported(tmp_path):
    mapping = read_mapping("cms-upart-ak4")
    inputs = [(name, len(e.var_names), e.max_length) for name, e in mapping.preprocess.inputs.items()]
    assert [variables for _, variables, _ in inputs] == [25, 18, 8, 14, 4, 4, 4, 4]
    model = averaging(tmp_path / "upart.onnx", inputs, 30, tokens_first=True)
    (tmp_path / "m.yaml").write_text("description: d\nextends: cms-upart-ak4\noutputs: {scores: {kind: values}}")
    coffea_fm.import_model(model, output=tmp_path / "upart", mapping=str(tmp_path / "m.yaml"))
    manifest = coffea_fm.load(tmp_path / "upart").manifest
    assert [(output.name, output.dim) for output in manifest.outputs] == [
        ("scores", 20),
        ("regression", 4),
        ("domain", 6),
    ]
    assert "lost_tracks" in [member.name for member in manifest.level.members]


def test_sophon_on_delphes(shared_data, tmp_path):
    """Shapes, names and bounds as in Sophon's own C++ code; its inputs computed here by hand."""
    wide = {"lower_bound": -1e8, "upper_bound": 1e8}
    features = [
        "part_pt_scale_log",
        "part_logerel",
        "part_deltaR",
        "part_isNeutralHadron",
        "part_d0",
        "part_d0err",
        "part_dphi",
    ]
    vectors = [f"part_{name}_scale" for name in ("px", "py", "pz", "energy")]
    content = {"output_names": ["a", "b"], "input_names": ["pf_features", "pf_vectors", "pf_mask"]}
    for name, variables in [("pf_features", features), ("pf_vectors", vectors), ("pf_mask", ["part_mask"])]:
        infos = {variable: {"median": 0, "norm_factor": 1, **wide} for variable in variables}
        content[name] = {"var_names": variables, "var_infos": infos, "var_length": 128}
    content["pf_features"]["var_infos"]["part_d0err"] |= {"lower_bound": 0, "upper_bound": 1}
    (tmp_path / "preprocess.json").write_text(json.dumps(content))
    inputs = [(name, len(content[name]["var_names"]), 128) for name in content["input_names"]]
    model = averaging(tmp_path / "sophon.onnx", inputs, 2, tokens_first=False)
    coffea_fm.import_model(model, tmp_path / "preprocess.json", output=tmp_path / "b", mapping="sophon-delphes")
    file = {str(shared_data / "real" / "events_delphes_example.root"): "Delphes"}
    events = NanoEventsFactory.from_root(file, schemaclass=DelphesSchema, mode="virtual").events()
    jets = ak.flatten(events.JetPUPPIAK8)
    scores = coffea_fm.load(tmp_path / "b")(jets)
    assert len(jets) > 3

    import onnxruntime

    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    for jet, score in zip(jets, scores, strict=True):
        part = jet.constituents[ak.argsort(jet.constituents.pt, ascending=False)]
        pt, eta, phi, mass = (ak.to_numpy(part[name]).astype(float) for name in ("pt", "eta", "phi", "mass"))
        energy = np.hypot(pt * np.cosh(eta), mass)
        deta = (eta - jet["eta"]) * (1 if jet["eta"] > 0 else -1)
        dphi = (phi - jet["phi"] + np.pi) % (2 * np.pi) - np.pi
        scale, jet_energy = 500 / jet["pt"], np.hypot(jet["pt"] * np.cosh(jet["eta"]), jet["mass"])
        d0, error = (ak.to_numpy(ak.fill_none(part[name], 0)) for name in ("d0", "d0_error"))
        neutral = (ak.to_numpy(part.charge) == 0) & (ak.to_numpy(part.pdgId) != 22)
        rows = [
            np.log(pt * scale),
            np.log(energy / jet_energy),
            np.hypot(deta, dphi),
            neutral,
            np.tanh(d0),
            np.clip(error, 0, 1),
            dphi,
        ]
        four = [pt * np.cos(phi) * scale, pt * np.sin(phi) * scale, pt * np.sinh(eta) * scale, energy * scale]
        arrays = {}
        for name, values in [("pf_features", rows), ("pf_vectors", four), ("pf_mask", [np.ones(len(pt))])]:
            padded = np.zeros((1, len(values), 128), np.float32)
            padded[0, :, : len(pt)] = np.asarray(values)[:, :128]
            arrays[name] = padded
        assert session.run(None, arrays)[0][0] == pytest.approx([score.a, score.b], abs=2e-5)
