"""A correctionlib file: which corrections it has, what they read, and for which model they were derived."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import correctionlib
from correctionlib.highlevel import open_auto

from coffea_fm.errors import InputError, RecipeError, first_line
from coffea_fm.names import nearest
from coffea_fm.untrusted.json_text import parse_json

_CHECKSUM = re.compile(r"\b[0-9a-f]{64}\b")
_SHORT_CHECKSUM = re.compile(r"_([0-9a-f]{12})$")


def name_of(kind: str, checksum: str) -> str:
    """Name of a correction that belongs to a model, which depends on its content, not on its name."""
    return f"{kind}_{checksum[:12]}"


@dataclass(frozen=True)
class CorrectionFile:
    """A file of corrections. It is pickled with the processor that holds it.

    Parameters
    ----------
    content : correctionlib.CorrectionSet
        The corrections by name.
    source : str
        Path of the file.
    described : dict of str to dict
        The JSON of each correction, by name.
    """

    content: correctionlib.CorrectionSet
    source: str
    described: dict[str, Any]

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """Read a ``.json`` or ``.json.gz`` file.

        Raises
        ------
        RecipeError
            If the file does not exist, or is not a correctionlib file.
        """
        try:
            text = open_auto(os.fspath(path))
            described = {each["name"]: each for each in parse_json(text)["corrections"]}
            _check_formulas(list(described.values()))
            content = correctionlib.CorrectionSet.from_string(text)
        except FileNotFoundError as error:
            raise RecipeError(f"the file of corrections {path} does not exist: check its path") from error
        except (OSError, EOFError, RuntimeError, ValueError, LookupError, TypeError) as error:
            raise RecipeError(f"cannot read the corrections {path}: {first_line(error)}") from error
        return cls(content, os.fspath(path), described)

    def inputs(self, name: str) -> dict[str, str]:
        """Type of each input of a correction, by name: real, int or string.

        Raises
        ------
        InputError
            If there is no such correction.
        """
        if name not in self.described:
            raise InputError(f"{self.source} has no correction {name!r}: {nearest(name, self.described)}")
        return {each["name"]: each["type"] for each in self.described[name]["inputs"]}

    def keys(self, name: str, given: str) -> list[str | int]:
        """Values of an input that the correction distinguishes, in order; empty if they do not matter."""
        found: dict[str | int, None] = {}
        for node in _nodes(self.described[name]["data"]):
            if node.get("nodetype") == "category" and node["input"] == given:
                found |= dict.fromkeys(item["key"] for item in node["content"])
        return list(found)

    def edges(self, name: str, given: str) -> list[float]:
        """Edges of all bins in an input of a correction, in order."""
        found: set[float] = set()
        for node in _nodes(self.described[name]["data"]):
            if node.get("nodetype") == "multibinning" and given in node["inputs"]:
                found.update(_numbers(node["edges"][node["inputs"].index(given)]))
            elif node.get("nodetype") == "binning" and node["input"] == given:
                found.update(_numbers(node["edges"]))
        return sorted(found)

    def model(self, name: str) -> str:
        """Checksum, or its first digits, of the model that a correction was derived for; empty if it does not say."""
        text = self.described[name].get("description") or ""
        found = _CHECKSUM.search(text)
        short = _SHORT_CHECKSUM.search(name)
        return found[0] if found else short[1] if short else ""


def _check_formulas(corrections: list[Any]) -> None:
    """Refuse formulas of variables that are not strings: correctionlib ends the process there."""
    for node in _nodes(corrections):
        variables = node.get("variables", [])
        if not isinstance(variables, list) or not all(isinstance(variable, str) for variable in variables):
            raise ValueError("a formula has variables that are not strings")


def _numbers(edges: Any) -> list[float]:
    """Edges of one axis, which a file may list, also as ``"inf"``, or give as a number of equal bins."""
    if isinstance(edges, dict):
        width = (edges["high"] - edges["low"]) / edges["n"]
        return [edges["low"] + index * width for index in range(edges["n"] + 1)]
    return [float(edge) for edge in edges]


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    """All nodes of a correction."""
    if isinstance(node, list):
        for part in node:
            yield from _nodes(part)
    elif isinstance(node, dict):
        yield node
        yield from _nodes(list(node.values()))
