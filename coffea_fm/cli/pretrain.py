"""``coffea-fm pretrain``: train as a recipe says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coffea_fm.cli.output import Json, show


def pretrain(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a YAML file.")],
    runs: Annotated[Path, typer.Option(help="Folder of runs; this one goes to RUNS/NAME.")] = Path("runs"),
    processes: Annotated[
        int, typer.Option(min=1, help="How many share the jets of each step: one a GPU, or up to the number of cores.")
    ] = 1,
    as_json: Json = False,
) -> None:
    """Train a model as a recipe says; the same command again goes on where it was interrupted."""
    from coffea_fm.training.loop import train
    from coffea_fm.training.recipe import load_recipe

    result = train(load_recipe(recipe), runs, processes=processes, show_progress=not as_json)
    account = {
        "folder": str(result.folder),
        "finished": result.finished,
        "seen_jets": result.seen_jets,
        "validation": result.best,
        "best": str(result.folder / "best"),
    }
    show(account, _text(account, str(recipe)), as_json=as_json)


def _text(account: dict[str, object], recipe: str) -> str:
    best = account["validation"]
    numbers = ", ".join(f"{name} {value:.4f}" for name, value in best.items()) if isinstance(best, dict) else ""
    lines = [f"{account['seen_jets']} jets seen; best on validation: {numbers or 'none yet'}"]
    if account["finished"]:
        lines.append(f"wrote {account['best']}; next: coffea-fm export {account['best']}")
    else:
        lines.append(f"interrupted; go on with: coffea-fm pretrain {recipe}")
    return "\n".join(lines)
