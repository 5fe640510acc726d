from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from tiny_bundles import WEIGHTS, level_of_jets, save_tiny

import coffea_fm
from coffea_fm.bundle import BinnedCut, Calibration, ScoreScaling, WorkingPoint, save_calibration
from coffea_fm.errors import BundleError, InputError
from coffea_fm.inference.combined.cascade import discriminant_of
from coffea_fm.inference.combined.choosing import choose
from coffea_fm.shards.metadata import Source
from coffea_fm.shards.write import write_shard
from coffea_fm.tokens import pack

Jets = Callable[[int, int], ak.Array]


def same(left: ak.Array, right: ak.Array) -> bool:
    return bool(ak.array_equal(left, right, equal_nan=True))


@pytest.fixture
def pair(tmp_path: Path) -> tuple[coffea_fm.Tagger, coffea_fm.Tagger]:
    large = save_tiny(tmp_path / "large", f"{tmp_path.name}-large", 3 * WEIGHTS)
    points = [("tight", ("Hbb",), 0.9), ("loose", ("Hbb",), 0.01), ("top", ("Tbqq",), 0.9)]
    made = [
        WorkingPoint(
            name=name, signal=signal, background=("QCD",), cut=cut, signal_efficiency=0.5, background_efficiency=0.1
        )
        for name, signal, cut in points
    ]
    save_calibration(large, Calibration(working_points=tuple(made)))
    return coffea_fm.load(save_tiny(tmp_path / "small", f"{tmp_path.name}-small")), coffea_fm.load(large)


@pytest.fixture
def made(pair: tuple[coffea_fm.Tagger, coffea_fm.Tagger], random_jets: Jets) -> coffea_fm.Cascade:
    jets = random_jets(300, 5)
    return coffea_fm.cascade(*pair, "Hbb", keep=0.8, data=jets, is_signal=pair[0](jets).Hbb > 0.3)


def test_jets_above_the_cut_have_the_scores_of_the_large_network(
    made: coffea_fm.Cascade, jets: ak.Array, rows_run: Counter[str]
) -> None:
    tagged = made(jets, outputs=("scores", "stage"))
    n_usable = int(ak.sum(ak.num(ak.flatten(jets).constituents) > 0))
    small, large = made.small(jets), made.large(jets)
    above = made.small.discriminant(small, "Hbb", "QCD") >= made.choice.cut
    assert 0 < ak.sum(above) < n_usable
    assert rows_run["head"] == n_usable + ak.sum(above) + 2 * n_usable
    assert same(tagged.scores[above], large[above])
    assert same(tagged.scores[~above], small[~above])
    assert ak.all(tagged.stage.large[above] == 1)
    assert ak.all(tagged.stage.small[~above & ~np.isnan(small.Hbb)] == 1)
    report = coffea_fm.report(tagged)
    expected = coffea_fm.report(small).counts
    assert report.counts == {**expected, "below_cut": n_usable - ak.sum(above)}
    assert report.details["cut"] == made.choice.cut
    assert report.details["signal_loss_error"] > 0
    assert (report + coffea_fm.report(made(jets))).counts["below_cut"] == 2 * report.counts["below_cut"]


def test_working_points_of_the_large_network(made: coffea_fm.Cascade, jets: ak.Array) -> None:
    above = made(jets, "stage").large == 1
    assert same(made.passes(jets, "tight"), made.large.passes(jets, "tight") & above)
    with pytest.raises(InputError, match=r"loose cuts at 0\.01, where the small network decides"):
        made.passes(jets, "loose")
    with pytest.raises(InputError, match="this cascade is for Hbb against QCD"):
        made.passes(jets, "top")
    with pytest.raises(InputError, match="this cascade is for Hbb against QCD"):
        made.discriminant(made(jets), "Tbqq", "QCD")


def point(name: str, **others: object) -> WorkingPoint:
    given = {"signal": ("Hbb",), "background": ("QCD",), "signal_efficiency": 0.5, "background_efficiency": 0.1}
    return WorkingPoint.model_validate({"name": name, **given, **others})


def test_jets_of_the_small_network_pass_in_no_bin_and_with_no_calibration(
    made: coffea_fm.Cascade, jets: ak.Array
) -> None:
    scaling = ScoreScaling.model_validate(
        {
            "classes": ("QCD", "Hbb", "Tbqq"),
            "temperature": 1.0,
            "weights": (1.0, 1.0, 1.0),
            "biases": (-5.0, 5.0, 0.0),
            "chosen": "vector",
            "loss": {},
            "gain_error": {},
            "n_fitted": 0,
            "n_tested": 0,
        }
    )
    bins = BinnedCut(field="pt", edges=(200, 500, 1000), cuts=(0.95, 0.01))
    points = (point("binned", cut=0.9, bins=bins), point("calibrated", cut=0.9, calibrated=True))
    large = coffea_fm.load(made.large.source)  # type: ignore[attr-defined]
    save_calibration(large.source, Calibration(working_points=points, scaling=scaling))
    made = coffea_fm.Cascade(made.small, coffea_fm.load(large.source), made.choice)
    with pytest.raises(InputError, match=r"binned cuts at 0\.01, where the small network decides"):
        made.passes(jets, "binned")
    above = made(jets, "stage").large == 1
    assert ak.any(made.large.passes(jets, "calibrated") & ~above)
    assert same(made.passes(jets, "calibrated"), made.large.passes(jets, "calibrated") & above)


def test_a_jet_with_neither_score_is_below_every_cut(made: coffea_fm.Cascade) -> None:
    scores = np.array([[0, 0, 1], [0.25, 0.75, 0], [np.nan] * 3], dtype=np.float32)
    found = discriminant_of(scores, ("QCD", "Hbb", "Tbqq"), made.choice)
    np.testing.assert_array_equal(found, [0, 0.75, np.nan])


def test_the_cut_keeps_the_signal_on_one_half_and_is_measured_on_the_other(made: coffea_fm.Cascade) -> None:
    values = np.random.default_rng(0).normal(size=20_000)
    signal = np.arange(20_000) % 4 == 0
    choice = choose(made.choice, values, signal, ~signal)
    chosen_on, measured_on = values[signal][::2], values[signal][1::2]
    assert (chosen_on >= choice.cut).mean() == pytest.approx(0.8)
    assert choice.signal_loss == (measured_on < choice.cut).mean()
    assert choice.signal_loss == pytest.approx(0.2, abs=4 * choice.signal_loss_error)
    assert choice.signal_loss_error == pytest.approx(np.sqrt(0.2 * 0.8 / 2500), rel=0.1)
    assert choice.background_kept == (values[~signal] >= choice.cut).mean()
    assert choice.n_signal == 2500


def test_cut_from_shards(pair: tuple[coffea_fm.Tagger, coffea_fm.Tagger], random_jets: Jets, tmp_path: Path) -> None:
    jets = ak.flatten(random_jets(400, 7))
    jets = jets[ak.num(jets.constituents) > 0]
    packed, _ = pack(jets, level_of_jets())
    target = np.arange(len(packed)) % 2
    source = Source(dataset="jets", file="jets.root", start=0, stop=len(packed))
    (tmp_path / "shards").mkdir()
    write_shard(
        tmp_path / "shards/a.parquet",
        packed,
        level_of_jets(),
        columns={"target": target},
        classes=("QCD", "Hbb"),
        source=source,
    )
    tagger = coffea_fm.cascade(*pair, "Hbb", keep=0.9, data=tmp_path / "shards")
    same_jets = coffea_fm.cascade(*pair, "Hbb", keep=0.9, data=jets, is_signal=target == 1)
    assert tagger.choice.cut == pytest.approx(same_jets.choice.cut, rel=1e-6)
    assert tagger.choice.n_signal == same_jets.choice.n_signal == len(packed) // 4
    with pytest.raises(InputError, match="no class 'Tbqq', only QCD, Hbb"):
        coffea_fm.cascade(*pair, "Tbqq", data=tmp_path / "shards")
    with pytest.raises(InputError, match=r"too few to choose a cut that keeps 0\.999.*at least 2000"):
        coffea_fm.cascade(*pair, "Hbb", data=tmp_path / "shards")


def test_a_cascade_is_a_tagger(made: coffea_fm.Cascade, jets: ak.Array) -> None:
    copy = pickle.loads(pickle.dumps(made))
    assert copy.checksum == made.checksum
    assert same(copy(jets), made(jets))
    assert copy.columns(jets) == made.small.columns(jets) | made.large.columns(jets)
    traced = ak.Array(jets.layout.to_typetracer(forget_length=True))
    assert made(traced).fields == ["QCD", "Hbb", "Tbqq"]
    assert made(traced, ["stage"]).stage.fields == ["small", "large"]
    with pytest.raises(BundleError, match="no output 'embedding'"):
        made(jets, "embedding")
    masked = ak.mask(jets, jets.pt > 400)
    assert same(made(masked), ak.mask(made(jets), jets.pt > 400))
    shifted = ak.with_field(jets, jets.mass * 1.1, "mass")
    varied = made.variations(jets, {"up": shifted})
    assert same(varied["up"], made(shifted))
    assert coffea_fm.report(varied["up"]).counts == coffea_fm.report(made(shifted)).counts
    events = np.arange(len(jets))
    ensemble = coffea_fm.Ensemble([made, made.large], folds="event")
    assert same(ensemble(jets, event=events)[::2], made(jets[::2]))


def test_what_cannot_be_a_cascade(pair: tuple[coffea_fm.Tagger, coffea_fm.Tagger], jets: ak.Array) -> None:
    with pytest.raises(InputError, match="no score 'Hb': did you mean 'Hbb'"):
        coffea_fm.cascade(*pair, "Hb", data=jets, is_signal=jets.pt > 0)
    with pytest.raises(InputError, match="say which jets are signal"):
        coffea_fm.cascade(*pair, "Hbb", data=jets)
    with pytest.raises(InputError, match="must be booleans"):
        coffea_fm.cascade(*pair, "Hbb", data=jets, is_signal="pt")
    with pytest.raises(InputError, match="between 0 and 1"):
        coffea_fm.cascade(*pair, "Hbb", keep=1, data=jets, is_signal=jets.pt > 0)
