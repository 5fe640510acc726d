from __future__ import annotations

import gzip
import pickle
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from correctionlib import schemav2

import coffea_fm
from coffea_fm.bundle import Calibration, ScoreScaling, WorkingPoint, save_calibration
from coffea_fm.errors import BundleError, InputError, RecipeError
from coffea_fm.inference.corrections.file import CorrectionFile

POINT = WorkingPoint(
    name="Hbb_medium", signal=("Hbb",), background=("QCD",), cut=0.5, signal_efficiency=0.5, background_efficiency=0.1
)


@pytest.fixture
def tagger(bundle: Path) -> coffea_fm.Tagger:
    save_calibration(bundle, Calibration(working_points=(POINT,)))
    return coffea_fm.load(bundle)


@pytest.fixture
def flavoured(jets: ak.Array) -> ak.Array:
    rng = np.random.default_rng(5)
    flat = ak.flatten(jets)
    flat = ak.with_field(flat, rng.choice([0, 4, 5], len(flat)).astype(np.uint8), "hadronFlavour")
    flat = ak.with_field(flat, rng.uniform(-2.4, 2.4, len(flat)).astype(np.float32), "eta")
    return ak.unflatten(flat, ak.num(jets))


def category(name: str, items: dict[Any, Any]) -> schemav2.Category:
    content = [schemav2.CategoryItem(key=key, value=value) for key, value in items.items()]
    return schemav2.Category(nodetype="category", input=name, content=content)


def correction(name: str, inputs: dict[str, str], data: Any, description: str = "") -> schemav2.Correction:
    variables = [schemav2.Variable(name=each, type=kind) for each, kind in inputs.items()]
    output = schemav2.Variable(name="weight", type="real")
    return schemav2.Correction(
        name=name, description=description, version=1, inputs=variables, output=output, data=data
    )


def write(path: Path, *corrections: schemav2.Correction) -> Path:
    text = schemav2.CorrectionSet(schema_version=2, corrections=list(corrections)).model_dump_json(exclude_unset=True)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def formula(expression: str, *variables: str) -> schemav2.Formula:
    return schemav2.Formula(nodetype="formula", expression=expression, parser="TFormula", variables=list(variables))


def btv_style() -> schemav2.Correction:
    """Inputs and words as in the b-tagging files of CMS."""
    by_flavour = {5: formula("1+x/1000", "pt"), 4: formula("2+x/1000", "pt"), 0: formula("3+0.1*x", "abseta")}
    shifts = {"central": 1.0, "up": 1.1, "down": 0.9, "up_statistic": 1.05}
    points = {
        word: category(
            "working_point",
            {
                key: category(
                    "flavor",
                    {
                        flavour: formula(f"({node.expression})*{shift}*{scale}", *node.variables)
                        for flavour, node in by_flavour.items()
                    },
                )
                for key, scale in (("L", 1.0), ("M", 10.0))
            },
        )
        for word, shift in shifts.items()
    }
    inputs = {"systematic": "string", "working_point": "string", "flavor": "int", "abseta": "real", "pt": "real"}
    return correction("deepJet_mujets", inputs, category("systematic", points))


@pytest.mark.parametrize("file", ["btagging.json", "btagging.json.gz"])
def test_inputs_of_a_cms_file_are_found_by_name(tagger, flavoured, tmp_path, file):
    path = write(tmp_path / file, btv_style())
    variations = ("up", "down", "up_statistic")
    factors = tagger.scale_factors(flavoured, path, "Hbb_medium", name="deepJet_mujets", variations=variations)
    assert factors.fields == ["nominal", *variations]
    assert ak.num(factors).to_list() == ak.num(flavoured).to_list()
    flat = ak.flatten(flavoured)
    offset = np.select([flat.hadronFlavour == 5, flat.hadronFlavour == 4], [1, 2], 3)
    slope = np.where(flat.hadronFlavour == 0, 0.1 * abs(flat.eta), flat.pt / 1000)
    np.testing.assert_allclose(ak.flatten(factors.nominal), 10 * (offset + slope), rtol=1e-6)
    np.testing.assert_allclose(ak.flatten(factors.down), 0.9 * ak.flatten(factors.nominal), rtol=1e-6)
    np.testing.assert_allclose(ak.flatten(factors.up_statistic), 1.05 * ak.flatten(factors.nominal), rtol=1e-6)
    loose = tagger.scale_factors(flavoured, path, name="deepJet_mujets", working_point="loose")
    np.testing.assert_allclose(10 * ak.flatten(loose.nominal), ak.flatten(factors.nominal), rtol=1e-6)
    as_b = tagger.scale_factors(flavoured, path, "medium", name="deepJet_mujets", flavour=5)
    np.testing.assert_allclose(ak.flatten(as_b.nominal), 10 * (1 + flat.pt / 1000), rtol=1e-6)


def egm_style() -> schemav2.Correction:
    inputs = {"year": "string", "ValType": "string", "WorkingPoint": "string", "pt": "real"}
    words = {word: formula(f"{value}+0*x", "pt") for word, value in {"sf": 1.0, "sfup": 1.2, "sfdown": 0.8}.items()}
    tree = {
        "2018": category("ValType", {word: category("WorkingPoint", {"Medium": node}) for word, node in words.items()})
    }
    return correction("ID", inputs, category("year", tree))


def test_other_words_for_the_same_and_further_inputs(tagger, flavoured, tmp_path):
    path = write(tmp_path / "a.json", egm_style())
    factors = tagger.scale_factors(flavoured, path, "Hbb_medium", name="ID", year="2018")
    assert set(ak.flatten(factors.up)) == {1.2}
    assert set(ak.flatten(factors.down)) == {0.8}
    with pytest.raises(InputError, match=r"reads 'year', which the jets do not have: pass year=\.\.\."):
        tagger.scale_factors(flavoured, path, "Hbb_medium", name="ID")
    with pytest.raises(InputError, match="has no input 'yaer': it reads year, ValType, WorkingPoint, pt"):
        tagger.scale_factors(flavoured, path, "Hbb_medium", name="ID", year="2018", yaer=1)
    with pytest.raises(InputError, match="no working point 'Hbb_tight': it has Medium"):
        tagger.scale_factors(flavoured, path, "Hbb_tight", name="ID", year="2018")
    with pytest.raises(InputError, match="no variation 'up_jes': it has sf, sfup, sfdown"):
        tagger.scale_factors(flavoured, path, "Hbb_medium", name="ID", year="2018", variations=("up_jes",))
    with pytest.raises(InputError, match=r"reads 'WorkingPoint', .* pass working_point="):
        tagger.scale_factors(flavoured, path, name="ID", year="2018")


def test_files_and_corrections_that_do_not_fit_are_refused(tagger, flavoured, tmp_path):
    path = write(tmp_path / "a.json", btv_style())
    with pytest.raises(InputError, match="no correction 'deepJet_mujet': did you mean 'deepJet_mujets'"):
        tagger.scale_factors(flavoured, path, "Hbb_medium", name="deepJet_mujet")
    with pytest.raises(
        InputError, match=r"no scale factors of the tagger .*: name a correction, one of deepJet_mujets"
    ):
        tagger.scale_factors(flavoured, path, "Hbb_medium")
    with pytest.raises(RecipeError, match=r"the file of corrections nowhere\.json does not exist"):
        tagger.scale_factors(flavoured, "nowhere.json", "Hbb_medium")
    top = ak.with_field(flavoured, ak.full_like(flavoured.hadronFlavour, 6), "hadronFlavour")
    with pytest.raises(InputError, match=r"no value for some of the jets: .*; select the jets that it is for"):
        tagger.scale_factors(top, path, "Hbb_medium", name="deepJet_mujets")
    without = flavoured[["pt", "eta"]]
    with pytest.raises(InputError, match=r"reads 'flavor', which the jets do not have: pass flavour=\.\.\."):
        tagger.scale_factors(without, path, "Hbb_medium", name="deepJet_mujets")


def test_a_working_point_that_a_correction_does_not_read_is_not_ignored(tagger, flavoured, tmp_path):
    words = {word: formula("1+0*x", "pt") for word in ("nominal", "up", "down")}
    inputs = {"systematic": "string", "pt": "real"}
    path = write(tmp_path / "a.json", correction("Xbb_tight", inputs, category("systematic", words)))
    assert set(ak.flatten(tagger.scale_factors(flavoured, path, name="Xbb_tight").up)) == {1.0}
    with pytest.raises(InputError, match="does not depend on a working point: leave out 'Hbb_medium'"):
        tagger.scale_factors(flavoured, path, "Hbb_medium", name="Xbb_tight")


def own(checksum: str, described: str) -> schemav2.Correction:
    words = {"nominal": formula("x", "discriminant"), "up": formula("x+1", "discriminant"), "down": 0.5}
    inputs = {"systematic": "string", "discriminant": "real"}
    return correction(f"scale_factor_{checksum[:12]}", inputs, category("systematic", words), described)


def test_own_scale_factors_are_found_by_checksum_and_others_are_refused(tagger, flavoured, tmp_path):
    path = write(tmp_path / "a.json", own(tagger.checksum, f"of the bundle tiny ({tagger.checksum})"))
    file = CorrectionFile.read(path)
    scored = flavoured[~np.isnan(tagger(flavoured).Hbb)]
    factors = tagger.scale_factors(scored, pickle.loads(pickle.dumps(file)), "Hbb_medium")
    expected = tagger.discriminant(tagger(scored), "Hbb", "QCD")
    np.testing.assert_allclose(ak.flatten(factors.nominal), ak.flatten(expected), rtol=1e-6)
    assert set(ak.flatten(factors.down)) == {0.5}
    everything = tagger.scale_factors(flavoured, file, "Hbb_medium")
    unscored = ak.flatten(np.isnan(tagger(flavoured).Hbb))
    assert ak.any(unscored)
    assert set(ak.flatten(everything.down)[unscored]) == set(ak.flatten(everything.nominal)[unscored]) == {1.0}
    other = "0" * 64
    path = write(tmp_path / "b.json", own(other, ""))
    with pytest.raises(BundleError, match="derived for the model 000000000000, but the tagger"):
        tagger.scale_factors(flavoured, path, name=f"scale_factor_{other[:12]}", discriminant=0.5)
    renamed = own(other, f"for {other}").model_copy(update={"name": "txbb"})
    with pytest.raises(BundleError, match="derived for the model 000000000000, but the tagger"):
        tagger.scale_factors(flavoured, write(tmp_path / "c.json", renamed), name="txbb", discriminant=0.5)


def test_the_discriminant_of_a_calibrated_working_point_is_calibrated(bundle, flavoured, tmp_path):
    scaling = ScoreScaling.model_validate(
        {
            "classes": ("QCD", "Hbb", "Tbqq"),
            "temperature": 3.0,
            "chosen": "temperature",
            "loss": {},
            "gain_error": {},
            "n_fitted": 0,
            "n_tested": 0,
        }
    )
    point = POINT.model_copy(update={"calibrated": True})
    save_calibration(bundle, Calibration(working_points=(point,), scaling=scaling))
    tagger = coffea_fm.load(bundle)
    path = write(tmp_path / "a.json", own(tagger.checksum, ""))
    scored = flavoured[~np.isnan(tagger(flavoured).Hbb)]
    factors = tagger.scale_factors(scored, path, "Hbb_medium")
    expected = tagger.discriminant(tagger.calibrated(tagger(scored)), "Hbb", "QCD")
    np.testing.assert_allclose(ak.flatten(factors.nominal), ak.flatten(expected), rtol=1e-6)


@pytest.mark.parametrize("edges", [[0.0, 0.5, 1.0], ["-inf", 0.5, "inf"], {"n": 2, "low": 0.0, "high": 1.0}])
def test_a_jet_without_a_score_needs_no_bin(tagger, flavoured, tmp_path, edges):
    bins = {"nodetype": "binning", "input": "discriminant", "edges": edges, "content": [0.9, 1.1], "flow": "error"}
    words = category("systematic", {word: schemav2.Binning.model_validate(bins) for word in ("nominal", "up", "down")})
    path = write(tmp_path / "a.json", correction("x", {"systematic": "string", "discriminant": "real"}, words))
    factors = ak.flatten(tagger.scale_factors(flavoured, path, "Hbb_medium", name="x").nominal)
    discriminant = ak.flatten(tagger.discriminant(tagger(flavoured), "Hbb", "QCD"))
    expected = np.where(np.isnan(discriminant), 1.0, np.where(discriminant < 0.5, 0.9, 1.1))
    assert ak.any(expected == 1.0)
    np.testing.assert_array_equal(factors, expected)


def test_layouts_and_modes(tagger, flavoured, tmp_path):
    path = write(tmp_path / "a.json", btv_style())
    arguments = {"corrections": path, "working_point": "Hbb_medium", "name": "deepJet_mujets"}
    factors = tagger.scale_factors(flavoured, **arguments)
    flat = tagger.scale_factors(ak.flatten(flavoured), **arguments)
    assert ak.all(flat.up == ak.flatten(factors.up))
    first = tagger.scale_factors(ak.firsts(flavoured), **arguments)
    assert first.nominal.to_list() == ak.firsts(factors.nominal).to_list()
    assert len(tagger.scale_factors(flavoured[:0], **arguments)) == 0
    traced = tagger.scale_factors(ak.to_backend(flavoured, "typetracer"), **arguments)
    assert traced.layout.form.type == factors.layout.form.type


def test_event_weights_conserve_events_before_the_tag():
    factors = ak.Array([[{"nominal": 0.8, "up": 0.9}, {"nominal": 1.2, "up": 1.3}], []])
    tagged = ak.Array([[True, False], []])
    product = coffea_fm.event_weights(factors, tagged)
    assert product.to_list() == [{"nominal": 0.8, "up": 0.9}, {"nominal": 1.0, "up": 1.0}]
    weights = coffea_fm.event_weights(factors, tagged, 0.5)
    assert weights.nominal.to_list() == pytest.approx([0.8 * (1 - 1.2 * 0.5) / 0.5, 1.0])
    rng = np.random.default_rng(0)
    efficiency, factor = 0.3, 0.9
    passed = ak.unflatten(rng.random(60_000) < efficiency, 3)
    many = ak.zip({"nominal": ak.full_like(passed, factor, dtype=float)})
    weight = coffea_fm.event_weights(many, passed, efficiency).nominal
    assert np.mean(weight) == pytest.approx(1, abs=0.01)
    two = ak.to_numpy(weight)[ak.to_numpy(ak.sum(passed, axis=1)) == 2].sum() / 20_000
    assert two == pytest.approx(3 * (0.3 * 0.9) ** 2 * (1 - 0.3 * 0.9), abs=0.01)
    with pytest.raises(InputError, match="pass which jets are tagged"):
        coffea_fm.event_weights(factors, efficiency=0.5)


def test_a_jet_that_misses_a_tag_of_efficiency_one_has_weight_one():
    factors = ak.Array([[{"nominal": 0.8}, {"nominal": 1.2}]])
    tagged, efficiency = ak.Array([[True, False]]), ak.Array([[1.0, 1.0]])
    assert coffea_fm.event_weights(factors, tagged, efficiency).nominal.to_list() == [0.8]
    assert coffea_fm.event_weights(factors, tagged, 1.0).nominal.to_list() == [0.8]
