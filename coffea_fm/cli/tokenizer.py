"""``coffea-fm tokenizer``: train a tokenizer that turns particles into codes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from coffea_fm.cli.output import Json, show


def tokenizer(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a YAML file.")],
    runs: Annotated[Path, typer.Option(help="Folder of runs; the output is written to RUNS/NAME.")] = Path("runs"),
    processes: Annotated[int, typer.Option(min=1, help="Number of processes.")] = 1,
    as_json: Json = False,
) -> None:
    """Fit a k-means tokenizer or train a VQ-VAE, and inspect it. Run it again to resume an interrupted training."""
    from coffea_fm.training.tokenizers import make_tokenizer

    account = make_tokenizer(recipe, runs, processes=processes, show_progress=not as_json)
    show(account, _text(account, str(recipe)), as_json=as_json)


def _text(account: dict[str, Any], recipe: str) -> str:
    if not account["finished"]:
        return f"interrupted; resume with: coffea-fm tokenizer {recipe}"
    lines = [
        f"{account['occupancy']:.1%} of {account['codes']} codes are used, perplexity {account['perplexity']:.0f}",
        "field      resolution     spread   unit",
    ]
    for name, field in account["fields"].items():
        lines.append(f"{name:10} {field['resolution']:10.4g} {field['spread']:10.4g}   {field['unit']}")
    lines.append(f"wrote {account['tokenizer']} and its inspection; set it as 'tokenizer' in a recipe")
    return "\n".join(lines)
