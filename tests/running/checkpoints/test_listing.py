from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

import coffea_fm
from coffea_fm.cli import main
from coffea_fm.errors import InputError


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Two runs: one of today, and one of ten days ago; and what is not ours."""
    folder = tmp_path / "kept"
    for name, days in (("0" * 24 + "-aaaaaaaa", 0), ("1" * 24 + "-aaaaaaaa", 10)):
        run = folder / name
        run.mkdir(parents=True)
        (run / "run.json").write_text(json.dumps({"processor": f"P{days}", "chunks": 3}))
        (run / "a.chunk").write_bytes(bytes(1000))
        for file in run.iterdir():
            then = file.stat().st_mtime - days * 86400
            os.utime(file, (then, then))
    (folder / "thesis").mkdir()
    (folder / "thesis" / "run.json").touch()
    return folder


def test_runs_are_listed_with_size_and_age(kept: Path) -> None:
    new, old = coffea_fm.list_checkpoints(kept)
    assert (new.processor, new.chunks, new.expected, new.bytes) == ("P0", 1, 3, 1000)
    assert old.age == pytest.approx(10, abs=0.1)
    text = CliRunner().invoke(main, ["checkpoints", str(kept)]).stdout
    assert "P10: 1 of 3 chunks, 0.0 MB, 10.0 days old" in text
    assert "2 runs, 0.0 MB; to remove them: --clean" in text


def test_only_runs_are_removed(kept: Path) -> None:
    done = CliRunner().invoke(main, ["checkpoints", str(kept), "--clean", "--older-than", "5", "--json"])
    assert [run["processor"] for run in json.loads(done.stdout)["runs"]] == ["P10"]
    assert [run.processor for run in coffea_fm.clean_checkpoints(kept)] == ["P0"]
    assert [path.name for path in kept.iterdir()] == ["thesis"]
    assert "no checkpoints in" in CliRunner().invoke(main, ["checkpoints", str(kept)]).stdout


def test_an_absent_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        coffea_fm.list_checkpoints(tmp_path / "absent")
