"""Small models of all shapes that exports have, compared with a direct computation of their inputs."""

from __future__ import annotations

import json

import awkward as ak
import numpy as np
import onnx
import onnxruntime
import pytest
from small_onnx import write_model, write_preprocess

import coffea_fm
from coffea_fm.errors import InputError, RecipeError

MAPPING = """
description: two kinds of candidates, vertices and lost tracks
groups:
  near:
    tokens: constituents
    select: pt > 1
    order: pt
    minimum: 1
    pad: PAD
    variables: {near_mask: "1", n_pt: log(pt), n_eta: abs(eta - jet.eta), n_dr: "min_over(vertices, abs(eta - vertices.eta))"}
  far:
    tokens: constituents
    select: pt <= 1
    order: -eta
    variables: {far_mask: "1", f_pt: pt, f_d0: "where(missing(d0), -1, d0)"}
  sv:
    tokens: vertices
    order: mass
    variables: {sv_mask: "1", s_mass: mass, s_many: count(constituents) / 10}
  lt:
    tokens: lost_tracks
    columns: {chi2: {}, pt: {unit: GeV}}
    variables: {lt_mask: "1", l_pt: 1 / pt, l_chi2: chi2}
  jet:
    variables: {j_pt: log(jet.pt), j_one: "1"}
"""
GROUPS = [("near", 3, 2, 6), ("far", 2, 1, 4), ("sv", 2, 1, 3), ("lt", 2, 3, 3)]
NAMES = {
    "near": ["n_pt", "n_eta", "n_dr"],
    "far": ["f_pt", "f_d0"],
    "sv": ["s_mass", "s_many"],
    "lt": ["l_pt", "l_chi2"],
}


@pytest.fixture(scope="module")
def jets():
    rng = np.random.default_rng(4)
    n = 12

    def tokens(counts, **columns):
        return ak.unflatten(ak.zip(columns | {"eta": rng.normal(size=counts.sum())}), counts)

    many = rng.integers(0, 14, n)
    many[:3] = [0, 1, 13]
    few, lost = rng.integers(0, 5, n), rng.integers(0, 5, n)
    d0 = ak.mask(rng.normal(size=many.sum()), rng.random(many.sum()) > 0.3)
    return ak.zip(
        {
            "pt": rng.uniform(20, 300, n),
            "eta": rng.normal(size=n),
            "constituents": tokens(many, pt=rng.exponential(2, many.sum()), d0=d0),
            "vertices": tokens(few, mass=rng.exponential(1, few.sum())),
            "lost_tracks": tokens(lost, pt=rng.exponential(2, lost.sum()), chi2=rng.normal(size=lost.sum())),
        },
        depth_limit=1,
    )


def direct(jet, wrap):
    """Inputs of the model for one jet, written by hand."""
    constituents, vertices, lost = jet.constituents, jet.vertices, jet.lost_tracks
    near = constituents[constituents.pt > 1]
    near = near[ak.argsort(near.pt, ascending=False)]
    far = constituents[constituents.pt <= 1]
    far = far[ak.argsort(far.eta, ascending=True)]
    sv = vertices[ak.argsort(vertices.mass, ascending=False)]
    nearest = [min((abs(eta - other) for other in vertices.eta), default=np.inf) for eta in near.eta]
    rows = {
        "near": [np.log(near.pt), abs(near.eta - jet.eta), nearest],
        "far": [far.pt, ak.fill_none(far.d0, -1)],
        "sv": [sv.mass, np.full(len(sv), len(constituents) / 10)],
        "lt": [1 / lost.pt, lost.chi2],
    }
    arrays = {}
    for name, _, least, most in GROUPS:
        values = np.array([np.asarray(row, np.float32) for row in rows[name]], np.float32)[:, :most]
        values = np.where(np.isfinite(values), values, 0)
        values = np.clip((values - 0.5) * 0.8, -3, 3)
        length, count = max(values.shape[1], least), values.shape[1]
        mask = (np.arange(length) < count).astype(np.float32)
        padded = np.zeros((len(values), length), np.float32)
        padded[:, :count] = values
        if wrap and name == "near" and count:
            padded = values[:, np.arange(length) % count]
        arrays |= {f"{name}_features": padded[None], f"{name}_mask": mask[None, None]}
    scaled = np.clip((np.array([[np.log(jet.pt), 1]], np.float32) - 0.5) * 0.8, -3, 3)
    return arrays | {"jet_features": scaled}


def imported(folder, jets, *, wrap=False, **options):
    model = write_model(folder, GROUPS, jet=2, **options)
    preprocess = write_preprocess(folder, GROUPS, NAMES, jet=["j_pt", "j_one"])
    (folder / "m.yaml").write_text(MAPPING.replace("PAD", "wrap" if wrap else "constant"))
    coffea_fm.import_model(model, preprocess, output=folder / "b", mapping=str(folder / "m.yaml"))
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    tagger = coffea_fm.load(folder / "b")
    scores = tagger(jets)
    found = np.stack([ak.to_numpy(scores[name]) for name in scores.fields], axis=1)
    for index, jet in enumerate(jets):
        arrays = direct(jet, wrap)
        if options.get("tokens_first"):
            arrays = {name: a.transpose(0, 2, 1) if a.ndim == 3 else a for name, a in arrays.items()}
        if ak.any(jet.constituents.pt > 1):
            assert np.abs(session.run(None, arrays)[0][0] - found[index]).max() < 1e-5
        else:
            assert np.isnan(found[index]).all()
    assert np.isfinite(found).all(axis=1).sum() > 8
    return tagger


VARIANTS = {
    "plain": {},
    "batch of one, only declared": {"batch": 1},
    "batch of one, in the graph": {"batch": 1, "baked": True},
    "padding that matters": {"masked": False},
    "padding that matters, batch of one": {"masked": False, "batch": 1, "baked": True},
    "repeated tokens": {"wrap": True, "masked": False},
    "tokens before variables": {"tokens_first": True, "masked": False},
    "older operators": {"opset": 13},
    "newer operators": {"opset": 21, "masked": True},
}


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_variants_of_exports(options, jets, tmp_path):
    tagger = imported(tmp_path, jets, **options)
    operators = {node.op_type for node in onnx.load(tmp_path / "b" / "model.onnx").graph.node}
    one_by_one = options.get("baked") or not options.get("masked", True)
    assert ("Scan" in operators) == bool(one_by_one)
    assert tagger.manifest.level.find("constituents").minimum == 1


def test_a_missing_member_is_named(jets, tmp_path):
    tagger = imported(tmp_path, jets)
    with pytest.raises(InputError, match="lost_tracks"):
        tagger(jets[["pt", "eta", "constituents", "vertices"]])


def small(folder, mapping, **options):
    groups = [("near", 2, 1, 6)]
    model = write_model(folder, groups, **options)
    preprocess = write_preprocess(folder, groups, {"near": ["a", "b"]})
    (folder / "m.yaml").write_text(mapping)
    return model, preprocess, {"output": folder / "b", "mapping": str(folder / "m.yaml")}


ONE = (
    "description: d\ngroups: {g: {tokens: constituents, minimum: 1, variables: {near_mask: '1', a: log(pt), b: eta}}}\n"
)


def test_logits_must_be_declared(tmp_path):
    model, preprocess, rest = small(tmp_path, ONE, softmax=False)
    with pytest.raises(InputError, match="does not sum to 1"):
        coffea_fm.import_model(model, preprocess, **rest)
    _, _, rest = small(tmp_path, ONE + "outputs: {scores: {kind: logits}}", softmax=False)
    coffea_fm.import_model(model, preprocess, **rest)
    jets = ak.Array([{"constituents": [{"pt": 2.0, "eta": 0.3}]}])
    scores = coffea_fm.load(rest["output"])(jets)
    assert sum(scores[0].tolist().values()) == pytest.approx(1)


def test_columns_of_the_output_can_be_parted(tmp_path):
    parts = (
        "outputs: {scores: {columns: [label_0, label_1], kind: logits}, regression: {columns: [label_2], kind: values}}"
    )
    model, preprocess, rest = small(tmp_path, ONE + parts, softmax=False)
    coffea_fm.import_model(model, preprocess, **rest)
    tagger = coffea_fm.load(rest["output"])
    out = tagger(ak.Array([{"constituents": [{"pt": 2.0, "eta": 0.3}]}]), ("scores", "regression"))
    assert out.scores.fields == ["label_0", "label_1"]
    assert out.regression.fields == ["label_2"]
    _, _, rest = small(tmp_path, ONE + "outputs: {scores: {columns: [label_9]}}", softmax=False)
    with pytest.raises(RecipeError, match="lists label_9"):
        coffea_fm.import_model(model, preprocess, **rest)


@pytest.mark.parametrize(
    ("names", "scores", "targets"),
    [
        (["label_0", "label_1", "target_mass"], ["label_0", "label_1"], ["target_mass"]),
        (["target_pt", "target_mass", "target_eta"], None, ["target_pt", "target_mass", "target_eta"]),
    ],
)
def test_what_is_regressed_is_kept_apart_from_the_scores(names, scores, targets, tmp_path):
    model, preprocess, rest = small(tmp_path, ONE, softmax=False, regressed=len(targets))
    preprocess.write_text(preprocess.read_text().replace('"label_0", "label_1", "label_2"', json.dumps(names)[1:-1]))
    coffea_fm.import_model(model, preprocess, **rest)
    tagger = coffea_fm.load(rest["output"])
    jets = ak.Array([{"constituents": [{"pt": 2.0, "eta": 0.3}]}])
    assert tagger(jets, "targets").fields == targets
    assert tagger(jets).fields == (scores or targets)


def test_columns_without_names(tmp_path):
    model, preprocess, rest = small(tmp_path, ONE)
    preprocess.write_text(preprocess.read_text().replace('["label_0", "label_1", "label_2"]', "null"))
    with pytest.raises(InputError, match="no names: list them under output_names"):
        coffea_fm.import_model(model, preprocess, **rest)


def test_files_that_do_not_belong_together(tmp_path):
    model, preprocess, rest = small(tmp_path, ONE)
    text = preprocess.read_text()
    preprocess.write_text(text.replace("near_features", "other"))
    with pytest.raises(InputError, match="do not belong together: the model reads near_features"):
        coffea_fm.import_model(model, preprocess, **rest)
    preprocess.write_text(text.replace('["a", "b"]', '["a"]'))
    with pytest.raises(InputError, match="do not belong together"):
        coffea_fm.import_model(model, preprocess, **rest)
    preprocess.write_text(text.replace('"label_2"', '"label_1"'))
    with pytest.raises(InputError, match="lists a name twice"):
        coffea_fm.import_model(model, preprocess, **rest)
    preprocess.write_text(text.replace('"label_2"', '"label_2", "label_3"'))
    with pytest.raises(InputError, match="lists 4 names"):
        coffea_fm.import_model(model, preprocess, **rest)


def test_bad_files_give_one_sentence(tmp_path):
    model, preprocess, rest = small(tmp_path, ONE)
    with pytest.raises(InputError, match="does not exist"):
        coffea_fm.import_model(tmp_path / "no.onnx", preprocess, **rest)
    with pytest.raises(RecipeError, match="cannot be the name of a model"):
        coffea_fm.import_model(model, preprocess, name="a/b", **rest)
    with pytest.raises(InputError, match="the suffix must be one of"):
        coffea_fm.import_model(preprocess, preprocess, **rest)
    with pytest.raises(InputError, match="cannot read"):
        coffea_fm.import_model(model, tmp_path / "no.json", **rest)
    with pytest.raises(InputError, match=r"preprocess.json of the model is missing"):
        coffea_fm.import_model(model, **rest)
    for text, reason in [
        ("{", "is not JSON"),
        ("{}", "input_names"),
        ('{"input_names": ["x"], "output_names": []}', "'x'"),
    ]:
        preprocess.write_text(text)
        with pytest.raises(InputError, match=reason):
            coffea_fm.import_model(model, preprocess, **rest)
    small(tmp_path, ONE)
    model.write_bytes(b"no model")
    with pytest.raises(InputError, match="not an ONNX file"):
        coffea_fm.import_model(model, preprocess, **rest)


@pytest.mark.parametrize("place", ["../weights.bin", "/etc/passwd"])
def test_weights_outside_the_folder_are_refused(place, tmp_path):
    model, preprocess, rest = small(tmp_path, ONE)
    proto = onnx.load(model)
    tensor = next(tensor for tensor in proto.graph.initializer if tensor.name == "weight")
    onnx.external_data_helper.set_external_data(tensor, place)
    tensor.ClearField("raw_data")
    model.write_bytes(proto.SerializeToString())
    with pytest.raises(InputError, match="outside its own folder"):
        coffea_fm.import_model(model, preprocess, **rest)


def test_weights_beside_the_file_are_put_into_the_graph(tmp_path):
    model, preprocess, rest = small(tmp_path, ONE)
    proto = onnx.load(model)
    onnx.save(proto, model, save_as_external_data=True, location="weights.bin", size_threshold=0)
    coffea_fm.import_model(model, preprocess, **rest)
    assert "weights.bin" in coffea_fm.load(rest["output"]).manifest.provenance.data["sha256"]
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(InputError, match="not in its folder"):
        coffea_fm.import_model(model, preprocess, **rest)
