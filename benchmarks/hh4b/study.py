"""What the study is made of, from ``study.yaml``; results are small JSON files, so that it goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
MODELS = PROJECT / "models"
UNTRAINED = "none"
"""The start of ways that begin with random weights."""


class Setting(NamedTuple):
    """One training on events: a way, the pretraining it starts from, labelled events, and which of them."""

    way: str
    start: str
    labels: int
    seed: int

    @property
    def name(self) -> str:
        """Of its results."""
        return f"{self.way}/{self.start}-{self.labels}-{self.seed}"

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Study:
    """The content of ``study.yaml``, and the folder that everything goes to."""

    work: Path
    backbone: dict[str, Any]
    jets: dict[str, Any]
    pretrainings: dict[str, dict[str, Any]]
    pretraining: dict[str, Any]
    events: dict[str, Any]
    processor: dict[str, Any]
    weight_power: float
    labels: list[int]
    seeds: int
    rates_at: int
    training: dict[str, int]
    steps: dict[int, dict[str, int]]
    ways: dict[str, dict[str, Any]]
    replicas: int
    limit: dict[str, Any]

    @classmethod
    def load(cls, path: Path, work: Path, changes: dict[str, Any] | None = None) -> Study:
        """Read a description such as ``study.yaml``, with changes made to it."""
        return cls(work.absolute(), **merged(yaml.safe_load(path.read_text()), changes or {}))

    def settings(self) -> list[Setting]:
        """Everything that is trained on events, the longest trainings first."""
        found = [
            Setting(way, start, labels, seed)
            for way, about in self.ways.items()
            for start in about["starts"]
            for labels in about["labels"]
            for seed in range(self.seeds)
        ]
        return sorted(found, key=lambda setting: -setting.labels)

    def has(self, name: str) -> bool:
        """Whether there is a result of that name."""
        return self._path(name).exists()

    def result(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The result of that name: read, or made now and written."""
        path = self._path(name)
        if not path.exists():
            found = make()
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_suffix(".temporary")
            temporary.write_text(json.dumps(found, indent=1))
            temporary.replace(path)
        content: dict[str, Any] = json.loads(path.read_text())
        return content

    def _path(self, name: str) -> Path:
        return self.work / "results" / f"{name}.json"


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A tree of settings with changes made to it."""
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result
