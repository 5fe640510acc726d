from __future__ import annotations

import pytest

from coffea_fm.errors import RecipeError
from coffea_fm.files import refuse_repeated


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
