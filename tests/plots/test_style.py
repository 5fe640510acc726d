from __future__ import annotations

import hist
from matplotlib.colors import to_hex

from coffea_fm.classes import JET_CLASSES
from coffea_fm.plots.discriminants import discriminant_figure
from coffea_fm.plots.shapes import shapes_figure
from coffea_fm.plots.style import COLORS, colors_of


def test_a_class_has_one_colour_and_no_two_names_share_one():
    alone = {name: colors_of([name])[name] for name in JET_CLASSES}
    assert colors_of(JET_CLASSES) == alone
    mixed = colors_of(["TT", "Hbb", "other", "QCD"])
    assert (mixed["QCD"], mixed["Hbb"]) == (alone["QCD"], alone["Hbb"])
    assert len(set(mixed.values())) == 4
    many = colors_of(f"process {index}" for index in range(25))
    assert len(many) == 25
    assert set(many.values()) == set(COLORS)


def test_figures_of_other_classes_have_the_same_colours_and_say_how_many_jets():
    axis = hist.axis.Regular(2, 0, 1, name="x")
    parts = {name: hist.Hist(axis, storage=hist.storage.Weight()).fill([0.1] * 7) for name in ("Tbqq", "QCD")}
    for draw in (shapes_figure, discriminant_figure):
        lines = [patch for patch in draw(parts).axes[0].patches if not patch.get_fill()]
        assert [to_hex(line.get_edgecolor()) for line in lines] == list(colors_of(parts).values())
    texts = [text.get_text() for text in shapes_figure(parts).axes[0].get_legend().get_texts()]
    assert texts[1] == "QCD (7)"
