"""The notebook of the documentation runs from its first to its last cell, and shows what the page shows."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "docs" / "tutorials" / "tagging.ipynb"
CHECKSUM = re.compile(r"<code>[0-9a-f]{12}</code>")


def shown(notebook: nbformat.NotebookNode, kind: str) -> list[str]:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output["data"][kind] for output in outputs if kind in output.get("data", {})]


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        patch.delenv("MPLBACKEND", raising=False)
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        folder = str(tmp_path_factory.mktemp("notebook"))
        return NotebookClient(notebook, timeout=120, resources={"metadata": {"path": folder}}).execute()


def test_the_page_is_up_to_date(executed: nbformat.NotebookNode) -> None:
    committed = nbformat.read(NOTEBOOK, as_version=4)
    tables = [text for text in shown(executed, "text/html") if CHECKSUM.search(text)]
    assert tables == [text for text in shown(committed, "text/html") if CHECKSUM.search(text)], (
        "run 'jupyter execute --inplace docs/tutorials/tagging.ipynb'"
    )
    assert [len(cell.get("outputs", [])) for cell in executed.cells] == [
        len(cell.get("outputs", [])) for cell in committed.cells
    ]


def test_tagger_report_figure_and_cut_are_shown(executed: nbformat.NotebookNode) -> None:
    tables = "".join(shown(executed, "text/html"))
    for part in ("What it reads", "Working points, measured on", "Hbb / (Hbb + QCD)", "out_of_range"):
        assert part in tables
    assert len(shown(executed, "image/png")) == 1
    (passed,) = (text for text in shown(executed, "text/plain") if "jets pass" in text)
    count, total = map(int, re.findall(r"\d+", passed))
    assert 0.8 < count / total < 1
