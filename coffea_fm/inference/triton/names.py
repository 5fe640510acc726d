"""How a model is named on a Triton server: by its address there, and by the version that its checksum gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from coffea_fm.errors import InputError

SCHEMES: Final = {"triton": False, "tritons": True}
"""Schemes of addresses, and whether they mean TLS."""
MANIFEST: Final = "coffea_fm_manifest"
CALIBRATION: Final = "coffea_fm_calibration"
_PORTS = {False: 8000, True: 443}


@dataclass(frozen=True)
class Address:
    """``triton://host:port/model``: a model on a server, by its HTTP port."""

    server: str
    model: str
    tls: bool = False

    @classmethod
    def of(cls, url: str) -> Address:
        """Read a URL.

        Raises
        ------
        InputError
            If it does not name a server and a model.
        """
        wrong = f"{url} is not the address of a model on a Triton server: write triton://host:8000/model"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise InputError(wrong) from error
        model = parts.path.strip("/")
        if not parts.hostname or not model or "/" in model or parts.query:
            raise InputError(wrong)
        tls = SCHEMES[parts.scheme]
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return cls(f"{host}:{port or _PORTS[tls]}", model, tls)

    def __str__(self) -> str:
        """The model and its server, for messages."""
        return f"the model {self.model!r} on the Triton server {self.server}"


def is_triton(source: str) -> bool:
    """Whether a source is a model on a Triton server."""
    return source.partition("://")[0] in SCHEMES and "://" in source


def version_of(checksum: str) -> str:
    """The version of a model on a server: a number from its checksum, so that every request names the checksum."""
    return str(int(checksum[:8], 16) + 1)


def part_of(model: str, graph: str) -> str:
    """Name of the model that holds one graph."""
    return f"{model}.{graph}"
