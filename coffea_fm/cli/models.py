"""``coffea-fm models``: what there is to load by name, and what fits a file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coffea_fm.cli.output import Json, show

if TYPE_CHECKING:
    from coffea_fm.bundle.listing import ModelSummary
    from coffea_fm.inference.fitting import Fit
    from coffea_fm.running.matching import Collection, Matching


def models(
    file: Annotated[str, typer.Option("--for", help="A file: which bundles can tag which jets in it.")] = "",
    schema: Annotated[str, typer.Option(help="NanoEvents schema of the file; found out by default.")] = "",
    treename: Annotated[str, typer.Option(help="Tree in the file; found out by default.")] = "",
    events: Annotated[int, typer.Option(min=1, help="How many events of the file to look at.")] = 1000,
    as_json: Json = False,
) -> None:
    """List the bundles that are known by name: their inputs, outputs, training range and accuracy."""
    if file:
        from coffea_fm.running.matching import models_for

        matching = models_for(file, schema, treename, events)
        show(asdict(matching), _matching(matching), as_json=as_json)
        return
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


def _matching(matching: Matching) -> str:
    tree = f", tree {matching.treename}" if matching.treename else ""
    lines = [f"{matching.file}: {matching.schema}{tree}, the first {matching.n_events} events"]
    for collection in matching.collections:
        lines.append(f"{collection.name}: {collection.n_jets} jets")
        lines += [f"  {_fit(fit, collection)}" for fit in sorted(collection.fits, key=lambda fit: -fit.n_inside)]
    if matching.without_constituents:
        lines.append(
            f"no constituents are stored for {', '.join(matching.without_constituents)}: no bundle can tag these"
        )
    if matching.collections:
        lines.append(
            "a bundle does not record the radius of the jets that it was trained on: its card says whether they are "
            "large-R or small-R jets"
        )
    return "\n".join(lines)


def _fit(fit: Fit, collection: Collection) -> str:
    from coffea_fm.inference.fitting import describe_range, grouped

    if fit.missing:
        return f"{fit.bundle} does not fit: it reads {grouped(fit.missing)}, which these jets do not have"
    text = f"{fit.bundle} can read these jets"
    if fit.trained and not fit.n_inside:
        text += f", but none of the {collection.n_jets} is in its training range, {describe_range(fit.trained)}"
    elif fit.trained:
        text += f": {fit.n_inside} of {collection.n_jets} jets are in its training range, {describe_range(fit.trained)}"
    return text
