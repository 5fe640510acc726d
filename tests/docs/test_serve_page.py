"""The page on serving: its commands write a repository, a server of the same protocol serves it, and its blocks run."""

from __future__ import annotations

from pathlib import Path

import pytest
from coffea.nanoevents import NanoEventsFactory
from pages import BLOCK, call, commands, run_python

import coffea_fm
from coffea_fm.schemas import PFNanoAODSchema
from coffea_fm.shipped import shipped

pytest.importorskip("tritonclient.http", reason="tritonclient is not installed: pip install 'coffea-fm[triton]'")
from kserve_server import KServe

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "serve.md"


def test_the_page_on_serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = BLOCK.findall(PAGE.read_text())
    for language, _, text in blocks:
        if language == "bash" and text.startswith("coffea-fm"):
            for arguments in commands(text):
                call(arguments)
    file = shipped("samples", "Hbb.root")
    events = NanoEventsFactory.from_root({str(file): "Events"}, schemaclass=PFNanoAODSchema, entry_stop=20).events()
    names: dict[str, object] = {"coffea_fm": coffea_fm, "events": events}
    with KServe(tmp_path / "models") as server:
        for language, _, text in blocks:
            if language == "python":
                run_python(text.replace("localhost:8000", f"127.0.0.1:{server.port}"), names)
        assert {model for model, *_ in server.requests} == {"jet-classifier-small"}
    assert coffea_fm.report(names["scores"]).counts["jets"] == 20
