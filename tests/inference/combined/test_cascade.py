from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from tiny_bundles import WEIGHTS, level_of_jets, save_tiny

import coffea_fm
from coffea_fm.bundle import BinnedCut, Calibration, ScoreScaling, WorkingPoint, save_calibration
from coffea_fm.errors import BundleError, InputError
from coffea_fm.inference.combined.choice import Choice, discriminant_of
from coffea_fm.inference.combined.choosing import choose
from coffea_fm.inference.combined.labelled import Labelled
from coffea_fm.shards.metadata import Source
from coffea_fm.shards.write import write_shard
from coffea_fm.tokens import pack

Jets = Callable[[int, int], ak.Array]


def same(left: ak.Array, right: ak.Array) -> bool:
    return bool(ak.array_equal(left, right, equal_nan=True))


@pytest.fixture
def pair(tmp_path: Path) -> tuple[coffea_fm.Tagger, coffea_fm.Tagger]:
    large = save_tiny(tmp_path / "large", f"{tmp_path.name}-large", 3 * WEIGHTS)
    points = [("tight", ("Hbb",), 0.505, 0.2), ("loose", ("Hbb",), 0.01, 0.9), ("top", ("Tbqq",), 0.505, 0.2)]
    made = [
        WorkingPoint(
            name=name,
            signal=signal,
            background=("QCD",),
            cut=cut,
            signal_efficiency=efficiency,
            background_efficiency=0.1,
        )
        for name, signal, cut, efficiency in points
    ]
    save_calibration(large, Calibration(working_points=tuple(made)))
    return coffea_fm.load(save_tiny(tmp_path / "small", f"{tmp_path.name}-small")), coffea_fm.load(large)


@pytest.fixture
def made(pair: tuple[coffea_fm.Tagger, coffea_fm.Tagger], random_jets: Jets) -> coffea_fm.Cascade:
    jets = random_jets(300, 5)
    return coffea_fm.cascade(*pair, "Hbb", keep=0.8, working_point=None, data=jets, is_signal=pair[0](jets).Hbb > 0.3)


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
    assert 0 < ak.sum(made.passes(jets, "tight")) < ak.sum(above)
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


def test_the_cut_keeps_the_signal_on_one_half_and_is_measured_on_the_other() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=20_000)
    signal = np.arange(20_000) % 4 == 0
    accepted = signal & (values + random.normal(size=20_000) > 0)
    choice = choose(Choice(("Hbb",), ("QCD",), 0.8, "tight", "jets"), Labelled(values, signal, ~signal, accepted))
    halves = [(values[signal][half::2], accepted[signal][half::2]) for half in (0, 1)]
    kept = [half[chosen] >= choice.cut for half, chosen in halves]
    assert kept[0].mean() == pytest.approx(0.8, abs=1e-3)
    assert choice.n_accepted == len(kept[1])
    assert choice.accepted_loss == pytest.approx((~kept[1]).mean())
    assert choice.accepted_loss == pytest.approx(0.2, abs=4 * choice.accepted_loss_error)
    assert choice.accepted_loss_error == pytest.approx(np.sqrt(0.2 * 0.8 / choice.n_accepted), rel=0.1)
    assert choice.signal_loss == (halves[1][0] < choice.cut).mean() > 2 * choice.accepted_loss
    assert choice.signal_loss_error == pytest.approx(
        np.sqrt(choice.signal_loss * (1 - choice.signal_loss) / 2500), rel=0.1
    )
    assert choice.n_signal == 2500
    assert choice.background_kept == (values[~signal] >= choice.cut).mean()


def test_the_cut_is_for_the_signal_that_a_working_point_accepts(
    pair: tuple[coffea_fm.Tagger, coffea_fm.Tagger], random_jets: Jets
) -> None:
    jets = random_jets(600, 5)
    is_signal = ak.ones_like(jets.pt) > 0
    given = {"keep": 0.9, "data": jets, "is_signal": is_signal}
    of_all, loosest, tight = (
        coffea_fm.cascade(*pair, "Hbb", working_point=name, **given) for name in (None, "loosest", "tight")
    )
    assert [made.choice.working_point for made in (of_all, loosest, tight)] == [None, "loose", "tight"]
    assert coffea_fm.cascade(*pair, "Hbb", **given).checksum == loosest.checksum
    passed = ak.flatten(pair[1].passes(jets, "tight"), axis=None)
    disc = ak.flatten(pair[0].discriminant(pair[0](jets), "Hbb", "QCD"), axis=None)
    scored = ~np.isnan(ak.to_numpy(disc))
    passed, disc = ak.to_numpy(passed)[scored], ak.to_numpy(disc)[scored]
    assert (disc[::2][passed[::2]] >= tight.choice.cut).mean() == pytest.approx(0.9, abs=0.03)
    assert tight.choice.accepted_loss == (disc[1::2][passed[1::2]] < tight.choice.cut).mean()
    assert tight.choice.cut > of_all.choice.cut
    assert tight.choice.signal_loss > tight.choice.accepted_loss
    assert same(loosest.passes(jets, "tight"), pair[1].passes(jets, "tight") & (loosest(jets, "stage").large == 1))
    with pytest.raises(InputError, match=r"loose is looser than tight.*working_point=\"loose\""):
        tight.passes(jets, "loose")
    with pytest.raises(InputError, match="this cascade is for Hbb against QCD"):
        coffea_fm.cascade(*pair, "Hbb", working_point="top", **given)
    with pytest.raises(BundleError, match="no working point 'tigth'; did you mean 'tight'"):
        coffea_fm.cascade(*pair, "Hbb", working_point="tigth", **given)


def test_a_cascade_in_a_cascade(made: coffea_fm.Cascade, jets: ak.Array, tmp_path: Path) -> None:
    last = save_tiny(tmp_path / "last", f"{tmp_path.name}-last", 4 * WEIGHTS)
    point = WorkingPoint(
        name="tight", signal=("Hbb",), background=("QCD",), cut=0.5, signal_efficiency=0.5, background_efficiency=0.1
    )
    save_calibration(last, Calibration(working_points=(point,)))
    middle, last_tagger = made.large, coffea_fm.load(last)
    inner = coffea_fm.Cascade(middle, last_tagger, replace(made.choice, cut=0.45))
    first = coffea_fm.Cascade(made.small, inner, replace(made.choice, cut=0.44))
    above = [
        tagger.discriminant(tagger(jets), "Hbb", "QCD") >= cut for tagger, cut in ((made.small, 0.44), (middle, 0.45))
    ]
    by_last = above[0] & above[1]
    assert 0 < ak.sum(by_last) < ak.sum(above[0])
    tagged = first(jets, ("scores", "stage"))
    assert same(tagged.stage.large == 1, by_last)
    assert same(tagged.scores[by_last], last_tagger(jets)[by_last])
    only_first = above[0] & ~above[1]
    assert same(tagged.scores[only_first], middle(jets)[only_first])
    assert same(first.passes(jets, "tight"), last_tagger.passes(jets, "tight") & by_last)
    report = coffea_fm.report(tagged)
    n_usable = int(ak.sum(~np.isnan(ak.flatten(made.small(jets).Hbb))))
    assert report.counts["below_cut"] == n_usable - ak.sum(above[0])
    assert report.counts["large_below_cut"] == ak.sum(only_first)
    assert report.details["cut"] == 0.44
    assert report.details["large"]["cut"] == 0.45
    outer = coffea_fm.Cascade(
        coffea_fm.Cascade(made.small, middle, replace(made.choice, cut=0.44)), last_tagger, made.choice
    )
    assert {"small_below_cut", "below_cut"} < coffea_fm.report(outer(jets)).counts.keys()
    with pytest.raises(InputError, match=r"tight cuts at 0\.5, where the small network decides \(below 0\.9"):
        coffea_fm.Cascade(made.small, replace(inner, choice=replace(inner.choice, cut=0.9)), made.choice).passes(
            jets, "tight"
        )


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
    for working_point in (None, "tight"):
        given = {"keep": 0.9, "working_point": working_point}
        tagger = coffea_fm.cascade(*pair, "Hbb", data=tmp_path / "shards", **given)
        same_jets = coffea_fm.cascade(*pair, "Hbb", data=jets, is_signal=target == 1, **given)
        assert tagger.choice.cut == pytest.approx(same_jets.choice.cut, rel=1e-6)
        assert tagger.choice.n_signal == same_jets.choice.n_signal == len(packed) // 4
        assert tagger.choice.n_accepted == same_jets.choice.n_accepted
    with pytest.raises(InputError, match="no class 'Tbqq', only QCD, Hbb"):
        coffea_fm.cascade(*pair, "Tbqq", data=tmp_path / "shards")
    with pytest.raises(InputError, match=r"that pass loose, too few to choose a cut that keeps 0\.999.*at least 2000"):
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
