from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import coffea_fm
from coffea_fm.bundle import Calibration, save_calibration
from coffea_fm.errors import BundleError, InputError, InputWarning
from coffea_fm.inference import process_cache

Reference = Callable[[ak.Array], np.ndarray]
CLASSES = ["QCD", "Hbb", "Tbqq"]


def matrix(scores: ak.Array) -> np.ndarray:
    return np.stack([ak.to_numpy(scores[name]) for name in CLASSES], axis=1)


def same(left: ak.Array, right: ak.Array) -> bool:
    return bool(ak.array_equal(left, right, equal_nan=True))


def test_scores_are_those_of_a_plain_computation(bundle: Path, jets: ak.Array, reference: Reference) -> None:
    scores = coffea_fm.load(bundle)(jets)
    assert ak.num(scores).to_list() == ak.num(jets).to_list()
    assert str(scores.type) == "40 * var * {QCD: float32, Hbb: float32, Tbqq: float32}"
    np.testing.assert_allclose(matrix(ak.flatten(scores)), reference(ak.flatten(jets)), atol=1e-5)


def test_jets_without_constituents_score_nan_and_are_counted(bundle: Path, jets: ak.Array) -> None:
    empty = ak.num(ak.flatten(jets).constituents) == 0
    assert 0 < ak.sum(empty) < len(empty)
    scores = coffea_fm.load(bundle)(jets)
    assert ak.all(np.isnan(ak.flatten(scores.Hbb)) == empty)
    report = coffea_fm.report(scores)
    assert report.counts == {
        "jets": len(empty),
        "without_constituents": ak.sum(empty),
        "not_finite": 0,
        "out_of_range": 0,
    }


@pytest.mark.parametrize("threads", [1, 2])
def test_tagging_then_selecting_is_selecting_then_tagging(bundle: Path, jets: ak.Array, threads: int) -> None:
    tagger = coffea_fm.load(bundle, threads=threads)
    scores = tagger(jets)
    cut = jets.pt > 500
    leading = ak.argsort(jets.pt, ascending=False)
    pair = ak.argcombinations(jets, 2)
    for select in (
        lambda array: array[cut],
        lambda array: array[leading],
        lambda array: array[::-2],
        lambda array: array[cut][:, :1],
        ak.firsts,
        lambda array: ak.pad_none(array, 3, clip=True),
        lambda array: ak.mask(array, cut),
        lambda array: array[pair["0"]],
        ak.flatten,
        lambda array: array[:0],
        lambda array: ak.concatenate([array[7:], array[:7]]),
        lambda array: ak.singletons(ak.firsts(array)),
    ):
        assert same(tagger(select(jets)), select(scores))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), n_events=st.integers(0, 12), data=st.data())
def test_every_jet_keeps_its_scores(
    bundle: Path, random_jets: Callable[..., ak.Array], seed: int, n_events: int, data: st.DataObject
) -> None:
    tagger = coffea_fm.load(bundle)
    jets = random_jets(n_events, seed)
    scores = tagger(jets)
    events = np.array(data.draw(st.lists(st.integers(0, max(0, n_events - 1)), max_size=20 if n_events else 0)), int)
    assert same(tagger(jets[events]), scores[events])
    kept = ak.unflatten(np.random.default_rng(seed).random(ak.sum(ak.num(jets))) > 0.5, ak.num(jets))
    assert same(tagger(jets[kept]), scores[kept])


def test_outputs_together_are_a_record_in_the_same_layout(bundle: Path, jets: ak.Array) -> None:
    tagger = coffea_fm.load(bundle)
    both = tagger(jets, outputs=("scores", "embedding"))
    assert str(both.type) == (
        "40 * var * {scores: {QCD: float32, Hbb: float32, Tbqq: float32}, embedding: 6 * float32}"
    )
    assert same(both.scores, tagger(jets))
    assert same(both.embedding, tagger.embed(jets))
    sums = ak.sum(jets.constituents.charge[:, :, :20], axis=-1)
    few = ak.num(jets.constituents, axis=-1) <= 20
    found = both.embedding[:, :, 2]
    has_tokens = ak.num(jets.constituents, axis=-1) > 0
    assert ak.all(found[few & has_tokens] == sums[few & has_tokens])


def test_embedding_and_head_in_two_steps_are_the_tagger(bundle: Path, jets: ak.Array) -> None:
    tagger = coffea_fm.load(bundle)
    scores, embedding = tagger(jets), tagger.embed(jets)
    cut = jets.pt > 500
    for select in (
        lambda array: array,
        lambda array: array[cut],
        ak.firsts,
        lambda array: ak.pad_none(array, 3, clip=True),
        lambda array: ak.flatten(array)[::2],
        lambda array: array[:0],
    ):
        assert same(tagger.score(select(embedding)), select(scores))
    plain = ak.to_numpy(ak.flatten(embedding))
    assert same(tagger.score(ak.Array(plain)), ak.flatten(scores))
    traced = tagger.score(ak.to_backend(embedding, "typetracer"))
    assert traced.layout.form.type == scores.layout.form.type
    with pytest.raises(InputError, match="vectors of 6 numbers"):
        tagger.score(embedding[:, :, :5])


def test_an_output_that_is_missing_from_the_bundle_is_named(bundle: Path, jets: ak.Array) -> None:
    with pytest.raises(BundleError, match="no output mass: choose from scores, embedding"):
        coffea_fm.load(bundle)(jets, outputs=("scores", "mass"))


def test_non_finite_inputs_stay_in_their_jet_and_are_named(bundle: Path, jets: ak.Array) -> None:
    tagger = coffea_fm.load(bundle)
    clean = tagger(jets)
    flat = ak.flatten(jets)
    pt = ak.to_numpy(ak.flatten(flat.constituents.pt)).copy()
    first = int(np.flatnonzero(ak.num(flat.constituents) > 0)[0])
    offset = int(ak.sum(ak.num(flat.constituents)[:first]))
    pt[offset] = np.inf
    tokens = ak.with_field(flat.constituents, ak.unflatten(pt, ak.num(flat.constituents)), "pt")
    broken = ak.unflatten(ak.with_field(flat, tokens, "constituents"), ak.num(jets))
    with pytest.warns(InputWarning, match=r"constituents\.pt is NaN or infinite in 1 of"):
        scores = tagger(broken)
    assert coffea_fm.report(scores).counts["not_finite"] == 1
    found, expected = matrix(ak.flatten(scores)), matrix(ak.flatten(clean))
    assert np.isnan(found[first]).all()
    others = np.arange(len(flat)) != first
    np.testing.assert_array_equal(found[others], expected[others])
    tagger(broken)  # said once: a second warning would be an error here


def test_implausible_units_are_warned_of_once(bundle: Path, jets: ak.Array) -> None:
    tokens = ak.with_field(jets.constituents, jets.constituents.pt * 1000, "pt")
    mev = ak.with_field(jets, tokens, "constituents")
    tagger = coffea_fm.load(bundle)
    with pytest.warns(InputWarning, match=r"median of constituents\.pt is .* plausible in GeV") as caught:
        tagger(mev)
    assert caught[0].filename == __file__, "the warning points to the caller's line"
    pickle.loads(pickle.dumps(tagger))(mev)


def test_jets_out_of_the_trained_range_are_counted_and_scored(bundle: Path, jets: ak.Array) -> None:
    soft = ak.with_field(jets, ak.where(jets.pt > 600, jets.pt, 50), "pt")
    expected = int(ak.sum((jets.pt <= 600) & (ak.num(jets.constituents, axis=-1) > 0)))
    with pytest.warns(InputWarning, match="jet pt_raw of .* outside the range 100 to 2000"):
        scores = coffea_fm.load(bundle)(soft)
    assert coffea_fm.report(scores).counts["out_of_range"] == expected
    assert ak.sum(np.isnan(scores.Hbb)) == coffea_fm.report(scores).counts["without_constituents"]


@pytest.mark.parametrize(
    ("drop", "words"),
    [
        (("constituents",), ("constituents", "tiny")),
        (("constituents", "d0"), ("constituents.d0", "tiny")),
        (("mass",), ("mass", "tiny")),
    ],
)
def test_a_missing_field_is_named_with_collection_and_bundle(
    bundle: Path, jets: ak.Array, drop: tuple[str, ...], words: tuple[str, ...]
) -> None:
    fat = ak.with_parameter(ak.without_field(jets, drop), "collection_name", "FatJet")
    fat = ak.with_name(fat, "FatJet")
    with pytest.raises(InputError) as caught:
        coffea_fm.load(bundle)(fat)
    for word in (*words, "FatJet"):
        assert word in str(caught.value)


def test_events_in_the_place_of_their_jets_are_told(bundle: Path, jets: ak.Array) -> None:
    with pytest.raises(InputError, match=r"these are whole events: pass the jets, such as events\.FatJet"):
        coffea_fm.load(bundle)(ak.zip({"FatJet": jets}, depth_limit=1))


def test_what_is_not_an_array_of_jets_is_refused(bundle: Path, jets: ak.Array) -> None:
    tagger = coffea_fm.load(bundle)
    for wrong in (np.zeros(3), jets[0, 0] if len(jets[0]) else jets.pt, jets.pt):
        with pytest.raises(InputError):
            tagger(wrong)


def test_the_pickle_is_small_or_carries_the_bundle(
    bundle: Path, jets: ak.Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_path, by_bytes = coffea_fm.load(bundle), coffea_fm.load(bundle, ship="bytes")
    expected = by_path(jets)
    small, large = pickle.dumps(by_path), pickle.dumps(by_bytes)
    assert len(small) < 1000
    assert len(large) > sum((bundle / name).stat().st_size for name in ("backbone.onnx", "head.onnx"))
    for path in bundle.iterdir():
        path.unlink()
    bundle.rmdir()
    monkeypatch.setattr(process_cache, "_bundles", {})  # as in a worker that has just started
    with pytest.raises(BundleError, match=r"the worker .* cannot see the bundle .*ship='bytes'"):
        pickle.loads(small)(jets)
    assert same(pickle.loads(large)(jets), expected)


def test_a_bundle_that_changed_after_loading_is_refused(
    bundle: Path, jets: ak.Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagger = coffea_fm.load(bundle)
    monkeypatch.setattr(process_cache, "_bundles", {})
    (bundle / "manifest.json").write_text((bundle / "manifest.json").read_text().replace("tiny", "tidy"))
    with pytest.raises(BundleError, match="was edited or damaged"):
        tagger(jets)


def test_options_are_checked_at_loading(bundle: Path) -> None:
    with pytest.raises(InputError, match="threads=0"):
        coffea_fm.load(bundle, threads=0)
    with pytest.raises(InputError, match="ship='file'"):
        coffea_fm.load(bundle, ship="file")  # type: ignore[arg-type]


def test_a_bundle_that_was_measured_again_is_the_same_model(bundle: Path, jets: ak.Array) -> None:
    before = coffea_fm.load(bundle)
    scores = before(jets)
    save_calibration(bundle, Calibration(temperature=2.0))
    after = coffea_fm.load(bundle)
    assert (before.calibration.temperature, after.calibration.temperature) == (None, 2.0)
    assert (after, after.checksum) == (before, before.checksum)
    assert coffea_fm.report(scores) == coffea_fm.report(after(jets))


def test_the_same_model_at_two_places_travels_from_the_one_that_was_loaded(bundle: Path, tmp_path: Path) -> None:
    coffea_fm.load(bundle)
    shutil.copytree(bundle, tmp_path / "copy")
    assert coffea_fm.load(tmp_path / "copy").source == str(tmp_path / "copy")
