"""``coffea-fm models``: what there is to load by name."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from coffea_fm.cli.output import Json, show

if TYPE_CHECKING:
    from coffea_fm.bundle.listing import ModelSummary


def models(as_json: Json = False) -> None:
    """List the bundles that are known by name: what they read, tell and were trained on, and how accurate they are."""
    from coffea_fm.bundle.listing import models as list_models

    found = list_models()
    content = [
        {key: str(value) if isinstance(value, Path) else value for key, value in asdict(model).items()}
        for model in found
    ]
    show({"models": content}, "\n\n".join(map(_describe, found)), as_json=as_json)


def _describe(model: ModelSummary) -> str:
    what = f"{len(model.classes)} classes ({', '.join(model.classes)})" if model.classes else "an embedding"
    ranges = ", ".join(f"{name} {low:g} to {high:g}" for name, (low, high) in model.ranges.items())
    needs = f"constituents with {', '.join(model.needs)}" if model.needs else "momenta of constituents only"
    lines = [model.name, f"  gives {what} of each {model.things}", f"  reads {needs}"]
    if ranges:
        lines.append(f"  trained on {ranges}")
    if model.accuracy is not None:
        lines.append(f"  accuracy {model.accuracy:.4f} on {model.n_jets} jets")
    if model.checkpoint:
        lines.append(f"  fine-tune it with start: {{checkpoint: {model.name}}}")
    return "\n".join(lines)
