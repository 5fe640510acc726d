from __future__ import annotations

import os
import subprocess
import sys

import pytest

from coffea_fm.errors import RecipeError
from coffea_fm.files import atomic, noting_files, refuse_repeated, remove_temporary, start_of


def test_files_of_their_own_are_accepted(tmp_path):
    refuse_repeated({"A": ["root://host//a.root", str(tmp_path / "a.root")], "B": ["root://host//b.root", "b.root"]})


@pytest.mark.parametrize("spelling", ["x.root", "d/../x.root", "link.root", "./x.root"])
def test_every_spelling_of_a_file_is_the_same_file(tmp_path, monkeypatch, spelling):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d").mkdir()
    (tmp_path / "x.root").touch()
    (tmp_path / "link.root").symlink_to("x.root")
    with pytest.raises(
        RecipeError, match=r"dataset 'A' lists the file .*/x\.root twice.*: its events would be counted twice"
    ):
        refuse_repeated({"A": [str(tmp_path / "x.root"), spelling]})
    with pytest.raises(RecipeError, match=r"datasets 'A' and 'B' list the file .*/x\.root twice"):
        refuse_repeated({"A": [str(tmp_path / "x.root")], "B": [spelling]})


def test_every_spelling_of_a_url_is_the_same_file():
    with pytest.raises(
        RecipeError, match=r"datasets 'A' and 'B' list the file root://host//a\.root twice, also as .*: its"
    ):
        refuse_repeated({"A": ["root://host//a.root"], "B": ["root://HOST//d/../a.root"]})


def test_what_a_killed_process_wrote_outside_of_tasks_is_removed(tmp_path):
    code = "import os, sys; from coffea_fm.files import atomic\nwith atomic(sys.argv[1]) as path: path.touch(); os._exit(0)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "friends" / "dead")], check=True)
    with atomic(tmp_path / "alive") as alive:
        alive.touch()
        assert len(list(tmp_path.rglob(".*.tmp"))) == 2
        remove_temporary(tmp_path, start_of("abc"))
        assert list(tmp_path.rglob(".*.tmp")) == [alive]


def test_temporary_files_of_starts_that_are_over_are_removed(tmp_path):
    code = (
        "import os, sys; from coffea_fm.files import atomic, noting_files, start_of\n"
        "with noting_files(start_of('abc')), atomic(sys.argv[1]) as path: path.touch(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "dead")], check=True)
    assert len(list(tmp_path.glob(".dead.abc-*.tmp"))) == 1
    start, other = start_of("abc"), start_of("abc")
    with noting_files(other), atomic(tmp_path / "alive") as alive:
        alive.touch()
        elsewhere = tmp_path / ".elsewhere.abc-00000000-1-12345678-12345678.tmp"
        elsewhere.touch()
        remove_temporary(tmp_path, start)
        assert set(tmp_path.iterdir()) == {alive, elsewhere}
        os.utime(elsewhere, (1e9, 1e9))
        remove_temporary(tmp_path, start)
        assert set(tmp_path.iterdir()) == {alive}
    assert [path.name for path in tmp_path.iterdir()] == ["alive"]
