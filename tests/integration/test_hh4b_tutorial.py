"""docs/tutorials/hh4b.md, its own commands and files: from a fileset to the limit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pages import BLOCK, call, commands

from coffea_fm.analysis.histogram_files import read_histograms
from coffea_fm.shards import ShardDataset
from coffea_fm.shipped import shipped
from coffea_fm.statistics.yields import Filled

LUMINOSITY, CROSS_SECTION = 0.0005, 10_000.0  # fb^-1 and fb, those of the page
PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "hh4b.md"

pytestmark = pytest.mark.filterwarnings("ignore::coffea_fm.errors.InputWarning")


def test_from_the_fileset_to_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("samples").symlink_to(shipped("samples"))
    Path("exports").symlink_to(shipped("exports"))
    for language, title, text in BLOCK.findall(PAGE.read_text()):
        if title:
            Path(title).write_text(text)
        elif language == "bash":
            for arguments in commands(text):
                call(arguments)

    mass = Filled(read_histograms(Path("analysed/histograms.zip"))["boosted/mass"], "boosted/mass")
    expected = mass.get("X1000", "tight_high").total
    assert 0.2 < expected / (LUMINOSITY * CROSS_SECTION) < 1
    limits = json.loads(Path("limit/limits.json").read_text())
    assert limits["luminosity_fb"] == LUMINOSITY
    signal = limits["signals"]["X1000"]
    assert signal["cross_section_fb"] == pytest.approx(CROSS_SECTION)
    assert signal["expected"] == sorted(signal["expected"])
    assert 0 < signal["expected"][0] < signal["expected"][-1]
    assert signal["expected_fb"] == pytest.approx([CROSS_SECTION * value for value in signal["expected"]])
    mu = signal["asimov_mu"]
    assert mu["best"] == pytest.approx(signal["expected"][2], abs=0.05 * (mu["high"] - mu["low"]))
    assert min(limits["bins"]["boosted"]["effective_events"]) >= 3
    assert {"jet_energy_scale", "luminosity", "closure_boosted", "cross_section_TT"} <= set(signal["impacts"])
    for figure in ("boosted_closure", "X1000_boosted_postfit", "X1000_discriminant", "X1000_ranking"):
        assert (Path("limit") / f"{figure}.png").stat().st_size > 10_000

    collected = ShardDataset(Path("data/hh4b"))
    targets = collected.scalars("target")["target"]
    assert set(targets) == {0, 1}
    assert collected.classes == ("background", "signal")
