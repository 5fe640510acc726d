from __future__ import annotations

import json
from html.parser import HTMLParser

import numpy as np
import pytest

from coffea_fm.calibration.working_points import working_points
from coffea_fm.evaluation.classification import classification_metrics
from coffea_fm.evaluation.report import markdown
from coffea_fm.evaluation.result import Evaluation
from coffea_fm.evaluation.tables import confusion_table, headline, separation_table, working_point_table

CLASSES = ("QCD", "Hbb", "Tbl")


def sample() -> tuple[np.ndarray, np.ndarray]:
    """Two of three classes, and one jet without a score."""
    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, 1000)
    above = rng.beta(1 + target, 2 - target)
    scores = np.stack([1 - above, above, np.zeros_like(above)], axis=1)
    scores[0] = np.nan
    return scores, target


def evaluated(**more) -> Evaluation:
    scores, target = sample()
    metrics = classification_metrics(scores, target, CLASSES)
    points = working_points(scores, target, CLASSES)
    return Evaluation("a <b>", "0" * 64, ["x.root", "y.root"], scores, target, metrics, points, **more)


class Page(HTMLParser):
    """What a reader finds: elements, tables by row, and what would have to be loaded from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.count, self.rows, self.elsewhere = {}, [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.count[tag] = self.count.get(tag, 0) + 1
        if tag == "tr":
            self.rows.append([])
        self.elsewhere += [
            value for key, value in attrs if key in ("src", "href") and not value.startswith("data:image/png;base64,")
        ]

    def handle_data(self, data):
        if self.rows and data.strip():
            self.rows[-1].append(data.strip())


def test_everything_is_written_and_the_numbers_are_json(tmp_path):
    result = evaluated().write(tmp_path)
    assert all(path.stat().st_size > 0 for path in result.written)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == set(result.written)
    names = {path.name for path in result.written}
    assert {"roc.png", "roc.pdf", "confusion.pdf", "reliability.png", "discriminant_Hbb.png"} <= names
    content = json.loads((tmp_path / "metrics.json").read_text())
    assert content["accuracy"] == result.metrics.accuracy
    rejection = result.metrics.against_background["Hbb"].rejection
    assert content["against_background"]["Hbb"]["rejection"]["interval"] == list(rejection.interval)
    assert content["working_points"][0]["name"] == "Hbb_loose"
    assert (tmp_path / "metrics.md").read_text() == markdown(result.metrics, result.working_points)


def test_the_page_holds_all_it_shows_and_says_what_is_absent(tmp_path):
    result = evaluated(left_out={"of the class Zqq, which the bundle does not score": 7}).write(tmp_path)
    text = (tmp_path / "report.html").read_text()
    page = Page(text)
    assert page.elsewhere == []
    assert page.count["img"] == 5
    assert "a &lt;b&gt;" in text
    assert "The test has no jets of t → b" in text
    assert "left out: 7 jets of the class Zqq" in text
    assert any(row[:2] == ["Hbb_loose", result.working_points[0].formula] for row in page.rows)
    assert [row[0] for row in page.rows if len(row) == 4 and row[0] != "true \\ predicted"].count("QCD") == 1
    assert "prefers-color-scheme: dark" in text
    assert 'name="viewport"' in text
    assert text.count('<div class="scroll"><table>') == text.count("<table>") == 3
    assert f"<code>{'0' * 64}</code>" in text
    assert '<td class="text">Hbb / (Hbb + QCD)' in text


def test_tables_leave_out_classes_without_jets():
    metrics = evaluated().metrics
    assert [row[0] for row in confusion_table(metrics).rows] == ["QCD", "Hbb"]
    assert [row[0] for row in separation_table(metrics).rows] == ["Hbb"]
    assert "of 2 classes" in headline(metrics)
    assert "(1 more have no score)" in headline(metrics)
    assert "no jets of Tbl" in headline(metrics)


def test_a_rejection_has_an_interval_rather_than_an_error():
    metrics = evaluated().metrics
    rejection = metrics.against_background["Hbb"].rejection
    low, high = rejection.interval
    assert separation_table(metrics).rows[0][3:] == (f"{rejection.value:.1f}", f"{low:.1f} to {high:.1f}")


def test_rejection_without_passing_background_is_a_limit():
    scores = np.array([[0.9, 0.1, 0]] * 30 + [[0.1, 0.9, 0]] * 30)
    metrics = classification_metrics(scores, np.repeat([0, 1], 30), CLASSES)
    assert separation_table(metrics).rows[0][3:] == ("> 11 (95% CL)", "-")


def test_markdown_columns_are_aligned():
    lines = working_point_table(evaluated().working_points).markdown().splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[2].startswith("| Hbb_loose ")


def test_a_result_shows_itself():
    result = evaluated(skipped={"z.root": "cannot read z.root"})
    assert "jets of x.root and 1 more" in repr(result)
    assert "skipped: cannot read z.root" in repr(result)
    html = result._repr_html_()
    assert "H → bb" in html
    assert "<img" not in html


def test_without_background_jets_there_is_no_curve_but_the_rest(tmp_path):
    scores, target = sample()
    kept = (target == 1) & np.isfinite(scores[:, 0])
    metrics = classification_metrics(scores[kept], target[kept], CLASSES)
    result = Evaluation("b", "", ["x.root"], scores[kept], target[kept], metrics, []).write(tmp_path)
    assert {path.stem for path in result.written if path.suffix == ".png"} == {"confusion", "reliability"}
    assert "None: too few jets" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("passed", [0, 3, 50])
def test_intervals_are_those_of_scipy(passed):
    from scipy.stats import binomtest

    from coffea_fm.calibration.intervals import efficiency_interval

    low, high = efficiency_interval([passed], 50)
    expected = binomtest(passed, 50).proportion_ci(0.683, method="exact")
    assert (low[0], high[0]) == pytest.approx((expected.low, expected.high))
