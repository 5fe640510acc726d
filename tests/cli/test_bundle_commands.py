from __future__ import annotations

import json

import awkward as ak
import numpy as np
import pytest
from made import expected_scores, make_bundle, make_nano
from tiny_bundles import backbone_bytes, event_head_bytes, event_manifest
from typer.testing import CliRunner

from coffea_fm.bundle import load_bundle, save_bundle
from coffea_fm.cli import main
from coffea_fm.plots.style import one_panel
from coffea_fm.running.result import RunResult


@pytest.fixture
def bundle(tmp_path):
    return make_bundle(tmp_path / "counting", tmp_path.name)


def test_info_tells_inputs_with_units_outputs_and_graphs(bundle):
    result = CliRunner().invoke(main, ["info", str(bundle)])
    assert result.exit_code == 0
    assert "reads jets.constituents: at most 128, ordered by pt\n  pt [GeV], eta" in result.stdout
    assert "gives scores: QCD, Hbb," in result.stdout
    assert "graph classifier.onnx: constituents, constituents_mask -> embedding, scores" in result.stdout


def test_info_of_a_bundle_of_events_tells_its_jets(tmp_path):
    graphs = {"backbone": backbone_bytes(), "event-head": event_head_bytes()}
    save_bundle(tmp_path / "events", event_manifest("events"), graphs, "")
    result = CliRunner().invoke(main, ["info", str(tmp_path / "events")])
    assert "reads of each event 2 to 3 FatJet, ordered by pt:\n  pt [GeV], mass [GeV]" in result.stdout
    assert "gives scores of each event: background, signal" in result.stdout


def test_evaluate_refuses_a_bundle_of_events(tmp_path):
    graphs = {"backbone": backbone_bytes(), "event-head": event_head_bytes()}
    save_bundle(tmp_path / "events", event_manifest("events"), graphs, "")
    result = CliRunner().invoke(main, ["evaluate", str(tmp_path / "events"), str(tmp_path), "-o", str(tmp_path / "o")])
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "scores events, and evaluate is for jets" in result.stderr
    assert not (tmp_path / "o").exists()


def test_info_as_json_is_the_manifest(bundle):
    result = CliRunner().invoke(main, ["info", str(bundle), "--json"])
    assert json.loads(result.stdout) == json.loads((bundle / "manifest.json").read_text())


def test_info_of_an_edited_bundle_is_one_sentence(bundle):
    (bundle / "classifier.onnx").write_bytes(b"edited")
    result = CliRunner().invoke(main, ["info", str(bundle)])
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "does not have the checksum" in result.stderr


def test_evaluate_writes_the_figures_of_merit_of_the_labelled_jets(tmp_path, bundle):
    jets = ak.flatten(make_nano(tmp_path / "test.root", 400))
    jets = jets[(jets.label >= 0) & (jets.nConstituents > 0)]
    predicted = expected_scores(ak.to_numpy(jets.nConstituents)).argmax(axis=1)
    output = tmp_path / "evaluation"
    result = CliRunner().invoke(main, ["evaluate", str(bundle), str(tmp_path / "test.root"), "-o", str(output)])
    assert result.exit_code == 0, result.stderr
    metrics = json.loads((output / "metrics.json").read_text())
    assert metrics["jets"] == len(jets)
    assert metrics["accuracy"] == pytest.approx(np.mean(predicted == ak.to_numpy(jets.label)))
    assert (output / "metrics.md").read_text().partition("\n\n")[0] in result.stdout
    assert (output / "report.html").exists()


def test_evaluate_leaves_out_and_names_files_that_cannot_be_read(tmp_path, bundle):
    make_nano(tmp_path / "test.root", 400)
    (tmp_path / "broken.root").write_bytes(b"no ROOT file")
    files = [str(tmp_path / name) for name in ("test.root", "broken.root")]
    command = ["evaluate", str(bundle), *files, "-o", str(tmp_path / "evaluation")]
    refused = CliRunner().invoke(main, command)
    assert refused.exit_code == 1
    assert "give --skip-bad-files to run without it" in refused.stderr
    result = CliRunner().invoke(main, [*command, "--skip-bad-files"])
    assert result.exit_code == 0, result.stderr
    assert f"skipped: cannot read {files[1]}" in result.stdout


def test_record_writes_working_points_into_the_bundle_and_keeps_the_rest(tmp_path, bundle):
    make_nano(tmp_path / "test.root", 2500)
    before = load_bundle(bundle)
    command = ["evaluate", str(bundle), str(tmp_path / "test.root"), "-o", str(tmp_path / "evaluation"), "--record"]
    result = CliRunner().invoke(main, [*command, "--json"])
    assert result.exit_code == 0, result.stderr
    after = load_bundle(bundle)
    assert {point.name for point in after.manifest.working_points} >= {"Hbb_loose", "Tbl_loose"}
    assert after.manifest.calibration.data.endswith(f"jets of {tmp_path / 'test.root'}")
    assert after.graphs == before.graphs
    assert after.manifest.inputs == before.manifest.inputs
    assert json.loads(result.stdout)["checksum"] == after.checksum != before.checksum
    card = (bundle / "README.md").read_text()
    assert card.startswith("# Counting\n\n## Measured\n")
    assert "Hbb / (Hbb + QCD) > " in card


def test_evaluate_takes_truth_from_any_column_and_accounts_for_what_it_leaves_out(tmp_path, bundle):
    jets = ak.flatten(make_nano(tmp_path / "test.root", 400))
    command = ["evaluate", str(bundle), str(tmp_path / "test.root"), "-o", str(tmp_path / "o"), "--json"]
    result = CliRunner().invoke(main, [*command, "--truth", "label", "--classes", "0=QCD,1=Hbb,2=other"])
    assert result.exit_code == 0, result.stderr
    content = json.loads(result.stdout)
    label, counts = ak.to_numpy(jets.label), ak.to_numpy(jets.nConstituents)
    assert content["jets"] == np.sum((label >= 0) & (label < 2) & (counts > 0))
    assert content["left_out"] == {
        "of the class other, which the bundle does not score": int(np.sum(label == 2)),
        "with no true class in 'label'": int(np.sum((label < 0) | (label > 2))),
    }
    assert "which the bundle does not score" in (tmp_path / "o" / "report.html").read_text()


def test_evaluate_reads_trees_of_other_names(tmp_path, bundle):
    make_nano(tmp_path / "test.root", 100)
    command = ["evaluate", str(bundle), str(tmp_path / "test.root"), "-o", str(tmp_path / "o"), "--treename", "other"]
    result = CliRunner().invoke(main, command)
    assert (result.exit_code, len(result.stderr.strip().splitlines()[-1:])) == (1, 1)
    assert "other" in result.stderr


def test_demo_tags_the_shipped_sample_on_worker_processes(tmp_path, bundle, monkeypatch):
    """With a bundle and a sample of this test in place of the shipped ones."""
    shipped = {"exports": bundle, "samples": tmp_path / "samples"}
    shipped["samples"].mkdir()
    make_nano(shipped["samples"] / "jets.root", 120)
    called = {}

    def run(*arguments, **options):
        called.update(options, arguments=arguments)
        return RunResult({}, {"jets": 1}, 1.0, 1, 1, written={"counts": "out/cutflow.json"})

    monkeypatch.setattr("coffea_fm.running.commands.shipped", lambda kind, _name="": shipped[kind])
    monkeypatch.setattr("coffea_fm.running.commands.run", run)
    monkeypatch.setattr("coffea_fm.running.commands.draw_tagging", lambda *_, **__: {"roc": one_panel()[0]})
    result = CliRunner().invoke(main, ["demo", "-o", str(tmp_path / "out")])
    assert result.exit_code == 0, result.stderr
    assert called["arguments"][:2] == ("tag_jets", [str(shipped["samples"] / "jets.root")])
    assert (called["dask"], called["options"]) == ("local", {"bundle": str(bundle)})
    assert "wrote out/cutflow.json" in result.stdout
    assert f"wrote 1 figures, as PNG and PDF, to {tmp_path / 'out' / 'plots'}" in result.stdout
