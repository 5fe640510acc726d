"""Files of pickled results that only their owner can have written.

A pickle runs code when it is loaded, and other people may write to the folder. So each file is signed with a key that
stays in the owner's home (HMAC-SHA256, RFC 2104), and the signature is checked before anything is unpickled. A list of
allowed classes would not do: processors may return accumulators of any class.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import lz4.frame  # type: ignore[import-untyped]

from coffea_fm.errors import InputError
from coffea_fm.files import atomic

KEY_VARIABLE = "COFFEA_FM_KEY"
_MAGIC = b"coffea-fm sealed 1\n"
_KEY = 32
_SIGNATURE = hashlib.sha256().digest_size


class SealError(InputError):
    """A file is incomplete, was changed, or was written by somebody else."""


def owner_key() -> bytes:
    """The key of this account, made when it is first needed.

    It is in ``~/.config/coffea-fm/key`` (``XDG_CONFIG_HOME``), or in the file that ``COFFEA_FM_KEY`` names.

    Raises
    ------
    InputError
        If it cannot be read or made, or others can read it.
    """
    path = _key_path()
    try:
        if not path.exists():
            _make_key(path)
        if path.stat().st_mode & 0o077:
            raise InputError(f"other accounts can read {path}, which signs checkpoints: chmod 600 {path}")
        key = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"checkpoints are signed with a key in {path}, and it cannot be used: {error.strerror}; let {KEY_VARIABLE} "
            "name a file that only you can read"
        ) from error
    if len(key) != _KEY:
        raise InputError(f"{path} is not a key of coffea-fm: it has {len(key)} bytes instead of {_KEY}; remove it")
    return key


def _key_path() -> Path:
    if named := os.environ.get(KEY_VARIABLE):
        return Path(named)
    configured = os.environ.get("XDG_CONFIG_HOME")
    return (Path(configured) if configured else Path.home() / ".config") / "coffea-fm" / "key"


def _make_key(path: Path) -> None:
    """Of two processes that make one at the same time, the first wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".key.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(_KEY))
        os.link(made, path)
    except FileExistsError:
        pass
    finally:
        made.unlink(missing_ok=True)


def owner_name(key: bytes) -> str:
    """A name for the owner of a key that does not tell the key."""
    return hmac.digest(key, b"owner", "sha256").hex()[:8]


def write_sealed(path: Path, content: Any, *, name: str, key: bytes) -> None:
    """Write an object to a file, complete or not at all.

    Parameters
    ----------
    path : Path
    content : object
        Anything that cloudpickle takes.
    name : str
        What it is the result of. It is signed too, so that no file passes for another.
    key : bytes
        From `owner_key`.
    """
    body = lz4.frame.compress(cloudpickle.dumps(content))
    with atomic(path) as temporary:
        temporary.write_bytes(_MAGIC + _sign(body, name, key) + body)


def read_sealed(path: Path, *, name: str, key: bytes) -> Any:
    """Read what `write_sealed` wrote under the same name with the same key.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    SealError
        If it is damaged, or signed for something else or by somebody else; nothing of it was unpickled.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SealError(f"cannot read {path}: {error.strerror}") from error
    start = len(_MAGIC) + _SIGNATURE
    signature, body = data[len(_MAGIC) : start], data[start:]
    if not data.startswith(_MAGIC) or len(data) <= start:
        raise SealError(f"{path} is incomplete or damaged")
    if not hmac.compare_digest(signature, _sign(body, name, key)):
        raise SealError(f"{path} is incomplete or damaged, or was written by somebody else")
    try:
        return cloudpickle.loads(lz4.frame.decompress(body))
    except Exception as error:  # it is intact, but a class in it cannot be imported any more
        raise SealError(f"{path} cannot be loaded: {type(error).__name__}: {error}") from error


def _sign(body: bytes, name: str, key: bytes) -> bytes:
    label = hashlib.sha256(name.encode()).digest()
    return hmac.digest(key, label + body, "sha256")
