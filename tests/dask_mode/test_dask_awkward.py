"""Tagging in coffea's dask mode; run in an environment of its own (see constraints-dask-awkward.txt)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

pytest.importorskip("dask_awkward.lib", reason="dask-awkward wants an environment of its own")
import dask
import dask_awkward
from coffea.nanoevents import NanoEventsFactory
from tiny_bundles import WEIGHTS, save_tiny, save_tiny_event

import coffea_fm
from coffea_fm.bundle import BinnedCut, Calibration, WorkingPoint, save_calibration
from coffea_fm.errors import InputError
from coffea_fm.inference import sessions
from coffea_fm.schemas.jetclass import JetClassSchema

NEEDED = {
    "jet_pt",
    "jet_eta",
    "jet_energy",
    "part_px",
    "part_py",
    "part_pz",
    "part_charge",
    "part_d0val",
    "part_d0err",
}


FACTORS: dict[str, Any] = {
    "schema_version": 2,
    "corrections": [
        {
            "name": "SF",
            "version": 1,
            "inputs": [{"name": "systematic", "type": "string"}, {"name": "pt", "type": "real"}],
            "output": {"name": "factor", "type": "real"},
            "data": {
                "nodetype": "category",
                "input": "systematic",
                "content": [
                    {
                        "key": word,
                        "value": {
                            "nodetype": "binning",
                            "input": "pt",
                            "edges": [0.0, 700.0, 2000.0],
                            "flow": "clamp",
                            "content": [value, value + 0.2],
                        },
                    }
                    for word, value in {"central": 1.0, "up": 1.1, "down": 0.9}.items()
                ],
            },
        }
    ],
}


def open_events(path: Path, mode: str, **options: Any) -> Any:
    return NanoEventsFactory.from_root({str(path): "tree"}, schemaclass=JetClassSchema, mode=mode, **options).events()


@pytest.fixture
def lazy(jetclass_file: Path) -> Any:
    return NanoEventsFactory.from_root(
        {str(jetclass_file): {"object_path": "tree", "steps": [[0, 40], [40, 100]]}},
        schemaclass=JetClassSchema,
        mode="dask",
    ).events()


@pytest.mark.parametrize("outputs", ["scores", ("scores", "embedding")])
def test_scores_are_those_of_the_virtual_mode(bundle: Path, jetclass_file: Path, lazy: Any, outputs: Any) -> None:
    tagger = coffea_fm.load(bundle)
    jets = lazy.Jet[lazy.Jet.pt > 600]
    virtual = open_events(jetclass_file, "virtual").Jet
    expected = tagger(virtual[virtual.pt > 600], outputs)
    scores = tagger(jets, outputs)
    assert type(scores).__module__.startswith("dask_awkward")
    computed = scores.compute(scheduler="sync")
    assert ak.array_equal(computed, expected, equal_nan=True)
    assert computed.layout.form.type == scores._meta.layout.form.type == expected.layout.form.type


def test_building_the_graph_never_runs_the_model(bundle: Path, lazy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("the model was opened")

    monkeypatch.setattr(sessions, "_create", fail)
    monkeypatch.setattr(sessions, "_sessions", {})
    scores = coffea_fm.load(bundle)(lazy.Jet)
    dask.optimize(scores)
    with pytest.raises(AssertionError, match="the model was opened"):
        scores.compute(scheduler="sync")


def test_only_the_needed_branches_are_read(bundle: Path, lazy: Any) -> None:
    tagger = coffea_fm.load(bundle)
    (columns,) = dask_awkward.report_necessary_columns(tagger(lazy.Jet).Hbb).values()
    assert columns == NEEDED
    assert tagger.columns(lazy.Jet) == NEEDED


def test_what_follows_the_scores_is_lazy_too(bundle: Path, jetclass_file: Path, lazy: Any) -> None:
    tagger = coffea_fm.load(bundle)
    scores = tagger(lazy.Jet)
    best = ak.max(ak.nan_to_num(scores.Hbb / (scores.Hbb + scores.QCD)), axis=None)
    eager = tagger(open_events(jetclass_file, "eager").Jet)
    assert best.compute(scheduler="sync") == ak.max(ak.nan_to_num(eager.Hbb / (eager.Hbb + eager.QCD)), axis=None)


def test_the_same_jets_and_bundle_are_the_same_task(bundle: Path, lazy: Any) -> None:
    assert coffea_fm.load(bundle)(lazy.Jet).name == coffea_fm.load(bundle)(lazy.Jet).name
    assert coffea_fm.load(bundle)(lazy.Jet).name != coffea_fm.load(bundle)(lazy.Jet, "embedding").name


def test_the_report_of_computed_scores_counts_all_partitions(bundle: Path, jetclass_file: Path, lazy: Any) -> None:
    tagger = coffea_fm.load(bundle)
    assert lazy.Jet.npartitions == 2
    expected = coffea_fm.report(tagger(open_events(jetclass_file, "eager").Jet))
    assert expected.counts["jets"] == 100
    assert expected.counts["without_constituents"] == 15
    scores = tagger(lazy.Jet)
    for computed in dask.compute(scores, scores.Hbb[scores.Hbb > 0.5], scores.Hbb / scores.QCD, scheduler="sync"):
        assert coffea_fm.report(computed) == expected


def test_scores_that_are_not_computed_have_no_report(bundle: Path, lazy: Any) -> None:
    with pytest.raises(InputError, match=r"not been computed yet.*\.compute\(\)"):
        coffea_fm.report(coffea_fm.load(bundle)(lazy.Jet))


@pytest.mark.filterwarnings("ignore:.*trained on jets called FatJet")
def test_scores_of_events_are_those_of_the_eager_mode(tmp_path: Path, jetclass_file: Path, lazy: Any) -> None:
    tagger = coffea_fm.load(save_tiny_event(tmp_path / "events", "lazy-events", minimum=1))
    eager = open_events(jetclass_file, "eager")
    expected = tagger(eager, FatJet=eager.Jet[eager.Jet.pt > 600])
    scores = tagger(lazy, FatJet=lazy.Jet[lazy.Jet.pt > 600])
    assert type(scores).__module__.startswith("dask_awkward")
    computed = scores.compute(scheduler="sync")
    assert ak.array_equal(computed, expected, equal_nan=True)
    assert 0 < coffea_fm.report(computed).counts["without_FatJet"] < 100
    assert coffea_fm.report(computed) == coffea_fm.report(expected)
    (columns,) = dask_awkward.report_necessary_columns(tagger(lazy, FatJet=lazy.Jet).signal).values()
    assert columns == NEEDED


def test_cuts_by_momentum_and_scale_factors_are_those_of_the_eager_mode(
    bundle: Path, jetclass_file: Path, lazy: Any, tmp_path: Path
) -> None:
    bins = BinnedCut(field="pt", edges=(0, 700, 2000), cuts=(0.2, 0.6))
    point = {"signal": ("Hbb",), "background": ("QCD",), "signal_efficiency": 0.5, "background_efficiency": 0.1}
    save_calibration(bundle, Calibration(working_points=(WorkingPoint(name="a", cut=0.4, bins=bins, **point),)))
    (tmp_path / "factors.json").write_text(json.dumps(FACTORS))
    tagger, eager = coffea_fm.load(bundle), open_events(jetclass_file, "virtual")
    delayed = tagger.passes(lazy.Jet, "a")
    np.testing.assert_array_equal(
        ak.flatten(delayed.compute(scheduler="sync")), ak.flatten(tagger.passes(eager.Jet, "a"))
    )
    factors = tagger.scale_factors(lazy.Jet, tmp_path / "factors.json", name="SF")
    expected = tagger.scale_factors(eager.Jet, tmp_path / "factors.json", name="SF")
    computed = factors.compute(scheduler="sync")
    for name in ("nominal", "up", "down"):
        np.testing.assert_array_equal(ak.flatten(computed[name]), ak.flatten(expected[name]))


def test_taggers_that_combine_others_are_lazy_too(bundle: Path, jetclass_file: Path, lazy: Any, tmp_path: Path) -> None:
    first, second = coffea_fm.load(bundle), coffea_fm.load(save_tiny(tmp_path / "second", "second", 2 * WEIGHTS))
    jets, eager = lazy.Jet, open_events(jetclass_file, "eager").Jet
    is_signal = ak.local_index(eager.pt, axis=0) % 2 == 0
    cascade = coffea_fm.cascade(first, second, "Hbb", keep=0.8, data=eager, is_signal=is_signal)
    for tagger in (coffea_fm.Ensemble([first, second]), cascade):
        scores = tagger(jets)
        assert type(scores).__module__.startswith("dask_awkward")
        computed = scores.compute(scheduler="sync")
        assert ak.array_equal(computed, tagger(eager), equal_nan=True)
        assert coffea_fm.report(computed) == coffea_fm.report(tagger(eager))
        (columns,) = dask_awkward.report_necessary_columns(scores.Hbb).values()
        assert columns == NEEDED == tagger.columns(jets)
    folds = coffea_fm.Ensemble([first, second], folds="event")
    computed = folds(jets, event=ak.values_astype(jets.pt, "int64")).compute(scheduler="sync")
    assert ak.array_equal(computed, folds(eager, event=ak.values_astype(eager.pt, "int64")), equal_nan=True)


def test_variations_are_lazy_too(bundle: Path, jetclass_file: Path, lazy: Any) -> None:
    tagger = coffea_fm.load(bundle)
    results = tagger.variations(lazy.Jet, {"cut": lazy.Jet[lazy.Jet.pt > 600]})
    eager = open_events(jetclass_file, "eager").Jet
    for name, expected in (("nominal", tagger(eager)), ("cut", tagger(eager[eager.pt > 600]))):
        assert ak.array_equal(results[name].compute(scheduler="sync"), expected, equal_nan=True)
