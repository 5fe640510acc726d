"""What the study is made of, from ``study.yaml``; results are small JSON files, so that it goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
MODELS = HERE.parents[1] / "models"


@dataclass(frozen=True)
class Study:
    """The content of ``study.yaml``, and the folder that everything goes to."""

    work: Path
    backbone: dict[str, Any]
    seen: int
    training: dict[str, Any]
    labels: list[int]
    seeds: dict[int, int]
    ways: dict[str, dict[str, Any]]
    fine_tuning: dict[int, dict[str, int]]
    encoders: dict[str, dict[str, Any]]
    tokenizers: dict[str, dict[str, Any]]
    ladder: dict[str, dict[str, Any]]

    @classmethod
    def load(cls, path: Path, work: Path) -> Study:
        """Read a description such as ``study.yaml``."""
        return cls(work.absolute(), **yaml.safe_load(path.read_text()))

    def result(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The result of that name: read, or made now and written."""
        path = self.work / "results" / f"{name}.json"
        if not path.exists():
            found = make()
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_suffix(".temporary")
            temporary.write_text(json.dumps(found, indent=1))
            temporary.replace(path)
        content: dict[str, Any] = json.loads(path.read_text())
        return content


def fine_tuned(name: str, labels: int, seed: int, way: str) -> str:
    """Name of the result of fine-tuning an encoder with one set of labels in one way."""
    return f"fine-tuned/{name}-{labels}-{seed}-{way}"


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A tree of settings with changes made to it."""
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result
