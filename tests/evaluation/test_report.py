from __future__ import annotations

import json

import numpy as np

from coffea_fm.evaluation.card import confusion_table, metrics_table
from coffea_fm.evaluation.classification import classification_metrics
from coffea_fm.evaluation.report import write_evaluation
from coffea_fm.evaluation.working_points import working_points

CLASSES = ("QCD", "Hbb")


def sample() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, 1000)
    above = rng.beta(1 + target, 2 - target)
    scores = np.stack([1 - above, above], axis=1)
    scores[0] = np.nan
    return scores, target


def test_everything_is_written_and_the_numbers_are_json(tmp_path):
    scores, target = sample()
    metrics = classification_metrics(scores, target, CLASSES)
    written = write_evaluation(
        tmp_path, scores, target, metrics, working_points(scores, target, CLASSES), {"bundle": "a <b>"}
    )
    assert all(path.stat().st_size > 0 for path in written)
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {path.name for path in written}
    content = json.loads((tmp_path / "metrics.json").read_text())
    assert content["accuracy"] == metrics.accuracy
    assert (
        content["against_background"]["Hbb"]["rejection"]["value"] == metrics.against_background["Hbb"].rejection.value
    )
    assert content["working_points"][0]["name"] == "Hbb_loose"
    page = (tmp_path / "report.html").read_text()
    assert "a &lt;b&gt;" in page
    assert page.count("<img") == 5
    assert page.count("<tr>") == 2 + 3


def test_tables_of_the_card():
    metrics = classification_metrics(*sample(), CLASSES)
    rejection = metrics.against_background["Hbb"].rejection
    table = metrics_table(metrics)
    assert f"{rejection.value:.1f} ± {rejection.error:.1f}" in table
    assert "QCD rejection at 50% efficiency" in table
    assert "(1 more have no score)" in table
    assert confusion_table(metrics).splitlines()[2] == (
        f"| QCD | {metrics.confusion[0][0]:.3f} | {metrics.confusion[0][1]:.3f} |"
    )


def test_rejection_without_passing_background_is_a_limit():
    scores = np.array([[0.9, 0.1]] * 30 + [[0.1, 0.9]] * 30)
    metrics = classification_metrics(scores, np.repeat([0, 1], 30), CLASSES)
    assert "> 10 (95% CL)" in metrics_table(metrics)
