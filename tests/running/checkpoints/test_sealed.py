from __future__ import annotations

import os
import pickle
from pathlib import Path

import lz4.frame
import numpy as np
import pytest

from coffea_fm.errors import InputError
from coffea_fm.running.checkpoints.sealed import SealError, owner_key, read_sealed, write_sealed

KEY = bytes(range(32))


class Attack:
    """Runs code when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    write_sealed(tmp_path / "chunk", {"events": np.arange(10)}, name="first", key=KEY)
    return tmp_path / "chunk"


def test_what_was_written_comes_back(sealed: Path) -> None:
    assert read_sealed(sealed, name="first", key=KEY)["events"].tolist() == list(range(10))


def test_a_file_of_somebody_else_is_never_unpickled(sealed: Path, tmp_path: Path) -> None:
    trace = tmp_path / "was here"
    write_sealed(sealed, Attack(trace), name="first", key=bytes(32))
    with pytest.raises(SealError, match="or was written by somebody else"):
        read_sealed(sealed, name="first", key=KEY)
    for forged in (pickle.dumps(Attack(trace)), lz4.frame.compress(pickle.dumps(Attack(trace)))):
        sealed.write_bytes(sealed.read_bytes()[: 19 + 32] + forged)
        with pytest.raises(SealError):
            read_sealed(sealed, name="first", key=KEY)
    assert not trace.exists()


def test_a_file_does_not_pass_for_another(sealed: Path) -> None:
    with pytest.raises(SealError):
        read_sealed(sealed, name="second", key=KEY)


def test_every_cut_and_every_flipped_byte_is_noticed(sealed: Path) -> None:
    whole = sealed.read_bytes()
    for length in range(len(whole)):
        sealed.write_bytes(whole[:length])
        with pytest.raises(SealError):
            read_sealed(sealed, name="first", key=KEY)
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1
        sealed.write_bytes(changed)
        with pytest.raises(SealError):
            read_sealed(sealed, name="first", key=KEY)


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COFFEA_FM_KEY")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert owner_key() == owner_key()
    path = tmp_path / "coffea-fm" / "key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["key"]
    path.chmod(0o644)
    with pytest.raises(InputError, match=r"other accounts can read .*: chmod 600"):
        owner_key()
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(InputError, match="is not a key of coffea-fm: it has 5 bytes"):
        owner_key()


def test_a_key_that_cannot_be_made_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("COFFEA_FM_KEY", str(tmp_path / "file" / "key"))
    with pytest.raises(InputError, match=r"cannot be used: .*; let COFFEA_FM_KEY name a file"):
        owner_key()
