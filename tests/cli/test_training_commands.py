from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from random_jets import FIELDS, write_random_shards
from typer.testing import CliRunner

from coffea_fm.cli import main


@pytest.fixture
def recipe(tmp_path: Path) -> dict[str, object]:
    shards = str(write_random_shards(tmp_path / "shards", (40, 40)))
    return {
        "name": "tiny",
        "inputs": {"fields": list(FIELDS)},
        "backbone": {"kind": "set-transformer", "dim": 8, "layers": 1, "heads": 1},
        "method": {"kind": "supervised"},
        "training": {"seen": 80, "precision": "fp32"},
        "data": {"train": shards, "validation": shards},
    }


def run(command: str, recipe: dict[str, object], tmp_path: Path, *options: str) -> tuple[int, str, str]:
    path = tmp_path / f"{recipe['name']}.yaml"
    path.write_text(yaml.safe_dump(recipe))
    result = CliRunner().invoke(main, [command, str(path), "--runs", str(tmp_path / "runs"), *options])
    return result.exit_code, result.stdout, result.stderr


def test_finetune_starts_where_pretrain_ended(recipe: dict[str, object], tmp_path: Path) -> None:
    code, told, error = run("pretrain", recipe, tmp_path, "--json")
    assert code == 0, error
    best = json.loads(told)["best"]
    tuned = recipe | {"name": "tuned", "start": {"mode": "frozen", "checkpoint": best}}
    code, told, error = run("finetune", tuned, tmp_path)
    assert code == 0, error
    assert f"wrote {tmp_path / 'runs' / 'tuned' / 'best'}; next: coffea-fm export" in told


def test_finetune_needs_something_to_start_from(recipe: dict[str, object], tmp_path: Path) -> None:
    code, _, error = run("finetune", recipe, tmp_path)
    assert (code, len(error.splitlines())) == (1, 1)
    assert "has no section start: add 'start: {mode: full, checkpoint: runs/NAME/best}'" in error
    assert not (tmp_path / "runs").exists()


def test_finetune_with_inputs_of_another_network_is_one_sentence(recipe: dict[str, object], tmp_path: Path) -> None:
    run("pretrain", recipe, tmp_path)
    start = {"mode": "full", "checkpoint": str(tmp_path / "runs" / "tiny" / "best")}
    other = recipe | {"name": "other", "start": start, "inputs": {"fields": [*FIELDS], "max_tokens": 20}}
    code, _, error = run("finetune", other, tmp_path)
    assert (code, len(error.splitlines())) == (1, 1)
    assert "inputs.max_tokens of the recipe is 20" in error
