"""Train the models of ``generation.yaml``, generate jets, and compare them with real ones; goes on where it was.

Run with ``make benchmark-generation``. Tables go to ``generation.md``, and the figure of each model to ``generation_NAME.png``.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from typing import Any

import yaml
from data import prepare
from study import HERE

import coffea_fm
from coffea_fm.training.recipe.recipe import Recipe
from coffea_fm.training.tokenizers import make_tokenizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=HERE / "work", help="folder of all that is not committed")
    parser.add_argument(
        "--shards", type=Path, help="folder with train, validation and test, instead of simulating them"
    )
    parser.add_argument("--study", type=Path, default=HERE / "generation.yaml")
    parser.add_argument("--output", type=Path, default=HERE, help="folder of tables and figures")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    if arguments.shards is None:
        prepare(arguments.work, arguments.processes)
    shards, work = arguments.shards or arguments.work / "shards", arguments.work / "generation"
    study = yaml.safe_load(arguments.study.read_text())
    tokenizer = vocabulary(study["tokenizer"], shards, work, arguments.processes)
    sections = []
    for name, content in study["models"].items():
        method = {"tokenizer": str(tokenizer)} if content["method"]["kind"] == "omnijet" else {}
        recipe = content | {"method": content["method"] | method}
        result = coffea_fm.pretrain(
            made(recipe, name, shards), work, processes=arguments.processes, show_progress=False
        )
        if not result.finished:
            raise SystemExit(f"the training of {name} was interrupted: start the benchmark again to go on")
        sections.append(f"# {name}\n\n{judged(result.best, work / 'jets' / name, study['jets'], shards / 'test')}")
        shutil.copy(work / "jets" / name / "generated_all.png", arguments.output / f"generation_{name}.png")
        (arguments.output / "generation.md").write_text("\n".join(sections))
        print(name, "done", flush=True)


def made(content: dict[str, Any], name: str, shards: Path) -> Recipe:
    """A recipe for the jets of the study."""
    data = {part: str(shards / part) for part in ("train", "validation")}
    return Recipe.model_validate(content | {"name": name, "data": data})


def vocabulary(content: dict[str, Any], shards: Path, work: Path, processes: int) -> Path:
    """Folder of the tokenizer, trained now unless it was."""
    folder = work / "tokenizer"
    if not (folder / "inspection.json").exists():
        path = work / "tokenizer.yaml"
        work.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(made(content, folder.name, shards).model_dump(mode="json")))
        make_tokenizer(path, work, processes=processes, show_progress=False)
    return folder / "best"


def judged(checkpoint: Path, folder: Path, n_jets: int, data: Path) -> str:
    """The table of a model, generated and compared now unless it was."""
    table = folder / "comparison.md"
    if not table.exists():
        shutil.rmtree(folder, ignore_errors=True)
        coffea_fm.generate(checkpoint, folder, n_jets, data=data)
    return table.read_text()


if __name__ == "__main__":
    main()
