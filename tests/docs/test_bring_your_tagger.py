"""The page on imported models, run on CMS's ParticleNet and a real PFNano file."""

from __future__ import annotations

import re
from pathlib import Path

import awkward as ak
import pytest
from pages import BLOCK, call, commands, run_python

from coffea_fm.importers.weaver_onnx.expressions import FUNCTIONS
from coffea_fm.importers.weaver_onnx.mapping import families, read_mapping

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "bring-your-tagger.md"
MODEL = Path(__file__).parents[3] / "shared" / "models" / "cms-particlenet-ak8-md2prong"


@pytest.mark.filterwarnings("ignore")  # coffea warns of branches that this file does not have
def test_the_blocks_run(shared_data, tmp_path, monkeypatch):
    if not MODEL.is_dir():
        pytest.skip(f"other people's models are not at {MODEL.parent}")
    monkeypatch.chdir(tmp_path)
    for name in ("model.onnx", "preprocess.json"):
        Path(name).symlink_to(MODEL / name)
    Path("pfnano.root").symlink_to(shared_data / "real" / "pfnano.root")
    names: dict[str, object] = {"__name__": "__main__"}
    ran = []
    for language, title, text in BLOCK.findall(PAGE.read_text().split("## Weights of weaver")[0]):
        if title:
            Path(title).write_text(text)
            assert "part_angle" in read_mapping(title).groups["part"].variables
        elif language == "bash":
            ran += [call(words) for words in commands(text)]
        elif language == "python":
            run_python(text, names)
    assert ran[0]["maximal_difference"] < 1e-4
    assert ak.count(names["xbb"]) == 24


def test_every_family_and_function_is_on_the_page():
    text = PAGE.read_text()
    for name in families():
        assert f"`{name}`" in text, name
    words = set(re.findall(r"\w+", text))
    assert set(FUNCTIONS) <= words
