from __future__ import annotations

import json

import awkward as ak
import numpy as np
import pytest
from made import expected_scores, make_bundle, make_nano
from tiny_bundles import backbone_bytes, event_head_bytes, event_manifest
from typer.testing import CliRunner

from coffea_fm.bundle import save_bundle
from coffea_fm.cli import main
from coffea_fm.plots.style import one_panel
from coffea_fm.running.result import RunResult


@pytest.fixture
def bundle(tmp_path):
    return make_bundle(tmp_path / "counting", tmp_path.name)


def test_info_tells_inputs_with_units_outputs_and_graphs(bundle):
    result = CliRunner().invoke(main, ["info", str(bundle)])
    assert result.exit_code == 0
    assert "reads constituents of each jet: at most 128, at least 1, ordered by pt\n  pt [GeV], eta" in result.stdout
    assert "gives scores of each jet: QCD, Hbb," in result.stdout
    assert "graph classifier.onnx: constituents, constituents_mask -> embedding, scores" in result.stdout


def test_info_of_a_bundle_of_events_tells_its_jets(tmp_path):
    graphs = {"backbone": backbone_bytes(), "event-head": event_head_bytes()}
    save_bundle(tmp_path / "events", event_manifest("events"), graphs, "")
    result = CliRunner().invoke(main, ["info", str(tmp_path / "events")])
    assert "reads FatJet of each event: at most 3, at least 2, ordered by pt\n" in result.stdout
    assert "gives scores of each event: background, signal" in result.stdout


def test_evaluate_refuses_a_bundle_of_events(tmp_path):
    graphs = {"backbone": backbone_bytes(), "event-head": event_head_bytes()}
    save_bundle(tmp_path / "events", event_manifest("events"), graphs, "")
    result = CliRunner().invoke(main, ["evaluate", str(tmp_path / "events"), str(tmp_path), "-o", str(tmp_path / "o")])
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "scores events, but evaluate is for jets" in result.stderr
    assert not (tmp_path / "o").exists()


def test_info_as_json_is_the_manifest_and_the_calibration(bundle):
    content = json.loads(CliRunner().invoke(main, ["info", str(bundle), "--json"]).stdout)
    for name in ("manifest", "calibration"):
        assert content[name] == json.loads((bundle / f"{name}.json").read_text())
    assert content["bundle_checksum"] != content["manifest"]["checksum"]


def test_info_of_an_edited_bundle_is_one_sentence(bundle):
    (bundle / "classifier.onnx").write_bytes(b"edited")
    result = CliRunner().invoke(main, ["info", str(bundle)])
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "does not have the checksum" in result.stderr


def test_evaluate_writes_the_figures_of_merit_of_the_labelled_jets(tmp_path, bundle):
    jets = ak.flatten(make_nano(tmp_path / "test.root", 400))
    jets = jets[(jets.label >= 0) & (jets.label < 2) & (jets.nConstituents > 0)]
    predicted = expected_scores(ak.to_numpy(jets.nConstituents)).argmax(axis=1)
    output = tmp_path / "evaluation"
    command = ["evaluate", str(bundle), str(tmp_path / "test.root"), "-o", str(output)]
    result = CliRunner().invoke(main, [*command, "--classes", "QCD,Hbb"])
    assert result.exit_code == 0, result.stderr
    metrics = json.loads((output / "metrics.json").read_text())
    assert metrics["jets"] == len(jets)
    assert metrics["accuracy"] == pytest.approx(np.mean(predicted == ak.to_numpy(jets.label)))
    assert (output / "metrics.md").read_text().partition("\n\n")[0] in result.stdout
    assert (output / "report.html").exists()


def test_bundles_come_before_the_data(tmp_path, bundle):
    from coffea_fm.cli.evaluate import _bundles_then_data

    data = str(tmp_path / "test.root")
    assert _bundles_then_data("a", [str(bundle), "b.zip", "jet-classifier-small", data, "c.zip"]) == (
        ["a", str(bundle), "b.zip", "jet-classifier-small"],
        [data, "c.zip"],
    )
    result = CliRunner().invoke(main, ["evaluate", str(bundle), str(bundle), "-o", str(tmp_path / "o")])
    assert "no data are given" in result.stderr
    command = ["evaluate", str(bundle), "b.zip", data, "-o", str(tmp_path / "o"), "--record"]
    assert (
        "--record, --corrections, --pt-bins and --calibrated are for one bundle"
        in CliRunner().invoke(main, command).stderr
    )


def test_demo_tags_the_shipped_sample_on_worker_processes(tmp_path, monkeypatch):
    """With a sample of this test in place of the shipped ones."""
    samples = tmp_path / "samples"
    samples.mkdir()
    (samples / "jets.root").touch()
    called = {}

    def run(*arguments, **options):
        called.update(options, arguments=arguments)
        return RunResult({}, {"jets": 1}, 1.0, 1, 1, written={"counts": "out/cutflow.json"})

    monkeypatch.setattr("coffea_fm.running.commands.shipped", lambda _: samples)
    monkeypatch.setattr("coffea_fm.running.commands.run", run)
    monkeypatch.setattr("coffea_fm.running.commands.draw_tagging", lambda *_, **__: {"roc": one_panel()[0]})
    result = CliRunner().invoke(main, ["demo", "-o", str(tmp_path / "out")])
    assert result.exit_code == 0, result.stderr
    assert called["arguments"][:2] == ("tag_jets", [str(samples / "jets.root")])
    assert (called["cluster"], called["options"]) == ("local", {"bundle": "jet-classifier-small"})
    assert "wrote out/cutflow.json" in result.stdout
    assert f"wrote 1 figures, as PNG and PDF, to {tmp_path / 'out' / 'plots'}" in result.stdout
