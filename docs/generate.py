"""Write the parts of the documentation that are made from the code: ``python docs/generate.py``, or ``make docs``.

A generated part stands between ``<!-- begin NAME -->`` and ``<!-- end NAME -->`` in its page. A test compares the pages
that are committed with what this script writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import typer
import yaml
from typer.cli import get_docs_for_click

import coffea_fm
from coffea_fm.bundle.listing import ModelSummary
from coffea_fm.classes import JET_CLASSES
from coffea_fm.cli import main
from coffea_fm.shipped import shipped

DOCS = Path(__file__).parent
REPOSITORY = "https://github.com/coffea-fm/coffea-fm/blob/main"
SHORTENED = re.compile(r"\*\*Commands\*\*:\n\n(?:\* .*\n)+\n")
PART = re.compile(r"(<!-- begin (?P<name>\w+) -->\n).*?(\n<!-- end (?P=name) -->)", re.DOTALL)


def models_table() -> str:
    """What can be loaded by name."""
    head = "| model | gives | made for jets of | needs, beside `pt eta phi mass` of the constituents | accuracy |\n|---|---|---|---|---|"
    shipped_ones = shipped("exports")
    return "\n".join(
        [head, *(_model_row(model) for model in coffea_fm.models() if model.folder.parent == shipped_ones)]
    )


def _model_row(model: ModelSummary) -> str:
    card = f"[`{model.name}`]({REPOSITORY}/exports/{model.name}/README.md)"
    gives = (
        "the ten classes of JetClass" if model.classes == JET_CLASSES else ", ".join(model.classes) or "an embedding"
    )
    (low, high), (_, eta) = model.ranges["pt_raw"], model.ranges["eta"]
    made_for = f"{low:g} to {high:g} GeV, \\|η\\| < {eta:g}".replace(" GeV", "&nbsp;GeV").replace(
        " < ", "&nbsp;<&nbsp;"
    )
    needs = " ".join(f"`{name}`" for name in model.needs) or "nothing"
    accuracy = "" if model.accuracy is None else f"{model.accuracy:.3f} on {model.n_jets:,} jets"
    return f"| {card} | {gives} | {made_for} | {needs} | {accuracy} |"


def recipes_table() -> str:
    """The recipes that train them, and those without a bundle."""
    rows = ["| recipe | method | shipped with it |", "|---|---|---|"]
    for path in sorted(shipped("models").glob("*/recipe.yaml")):
        name = path.parent.name
        recipe = yaml.safe_load(path.read_text())
        method = recipe.get("method", recipe.get("tokenizer"))["kind"]
        has = [what for what, there in _shipped_with(name) if there]
        rows.append(f"| [`{name}`]({REPOSITORY}/models/{name}/README.md) | `{method}` | {', '.join(has)} |")
    return "\n".join(rows)


def _shipped_with(name: str) -> Iterator[tuple[str, bool]]:
    yield "bundle", (shipped("exports") / name).is_dir()
    yield "checkpoint", (shipped("models") / name / "checkpoint").is_dir()


def commands() -> str:
    """Every command with its arguments and options, as typer writes them."""
    group = typer.main.get_command(main)
    context = typer.Context(group, info_name="coffea-fm")
    text = get_docs_for_click(obj=group, ctx=context, name="coffea-fm")
    return SHORTENED.sub("", text.partition("\n")[2]).strip()


def study() -> str:
    """What `make benchmark-pretraining` measured."""
    return (DOCS.parent / "benchmarks" / "pretraining" / "summary.md").read_text().strip()


PARTS: dict[str, Callable[[], str]] = {
    "models": models_table,
    "recipes": recipes_table,
    "commands": commands,
    "study": study,
}


def generated(page: str) -> str:
    """The page with all its generated parts made again."""
    return PART.sub(lambda found: f"{found[1]}\n{PARTS[found['name']]()}\n{found[3]}", page)


def pages() -> Iterator[Path]:
    """The pages that have generated parts."""
    yield from (path for path in sorted(DOCS.rglob("*.md")) if PART.search(path.read_text()))


if __name__ == "__main__":
    for path in pages():
        path.write_text(generated(path.read_text()))
