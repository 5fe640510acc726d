from __future__ import annotations

import hist
import numpy as np
import pytest

from coffea_fm.plots.automatic import draw_histograms, label_of, signals_of
from coffea_fm.plots.style import Label


def processes() -> hist.Hist:
    made = hist.Hist(
        hist.axis.StrCategory([], growth=True, name="process"), hist.axis.Regular(2, 0, 1, name="value", label="x")
    )
    return made.fill("QCD", [0.1, 0.9]).fill("tt", [0.9]).fill("data", [0.1, 0.9])


def test_every_figure_is_png_and_pdf_and_failures_are_sentences(tmp_path):
    axis = hist.axis.Regular(2, 0, 1)
    found = {
        "a/mass": processes(),
        "flat": hist.Hist(axis, axis, label="two"),
        "negative": hist.Hist(hist.axis.StrCategory(["p", "q"], name="kind"), axis, storage=hist.storage.Weight()).fill(
            ["p", "q"], [0.1, 0.1], weight=[-1.0, 1.0]
        ),
    }
    written, failed = draw_histograms(found, tmp_path)
    assert written == [tmp_path / "a" / f"mass_by_process.{ending}" for ending in ("png", "pdf")]
    assert written[0].read_bytes().startswith(b"\x89PNG")
    assert written[1].read_bytes().startswith(b"%PDF")
    assert (
        failed["flat"]
        == "the figure flat could not be drawn: it has 2 axes besides categories, but a figure needs exactly one"
    )
    assert "no shape" in failed["negative_by_kind"]
    assert len(failed) == 2


def test_png_have_200_dots_an_inch(tmp_path):
    (png, _), _ = draw_histograms({"one": hist.Hist(hist.axis.Regular(2, 0, 1)).fill([0.5])}, tmp_path)
    width = int.from_bytes(png.read_bytes()[16:20], "big")
    assert width == 1280


def test_whatever_goes_wrong_in_a_figure_is_not_raised(tmp_path, monkeypatch):
    monkeypatch.setattr("coffea_fm.plots.automatic.save", lambda *_: 1 / 0)
    written, failed = draw_histograms({"mass": processes()}, tmp_path)
    assert written == []
    assert failed == {"mass_by_process": "the figure mass_by_process could not be drawn: division by zero"}


@pytest.mark.parametrize(
    ("output", "luminosity", "energy"),
    [
        ({"luminosity": {138.0}, "energy": 13}, 138.0, 13.0),
        ({"luminosity": {138.0, 59.0}}, None, None),
        ({"luminosity": np.float64(59)}, 59.0, None),
        ({"luminosity": True}, None, None),
        (None, None, None),
    ],
)
def test_the_label_comes_from_what_the_processor_says(output, luminosity, energy):
    assert label_of(output) == Label(luminosity=luminosity, energy=energy)


def test_signals_are_lines_over_the_stack(tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        "coffea_fm.plots.automatic.stack_figure", lambda *args, **more: drawn.update(more, parts=args[0])
    )
    monkeypatch.setattr("coffea_fm.plots.automatic.save", lambda *_: [])
    output = {"luminosity": {138.0}, "mass": {"tt": {1000.0}}}
    _, failed = draw_histograms({"m": processes()}, tmp_path, label=label_of(output), signals=signals_of(output))
    assert failed == {}
    assert (set(drawn["parts"]), set(drawn["signals"])) == ({"QCD"}, {"tt"})
    assert drawn["data"].values().tolist() == [1, 1]
    assert drawn["label"] == Label(status="", luminosity=138.0)


def test_without_backgrounds_shapes_are_compared(tmp_path):
    label = Label(luminosity=1)
    written, failed = draw_histograms({"m": processes()}, tmp_path, label=label, signals={"QCD", "tt"})
    assert (len(written), failed) == (2, {})
