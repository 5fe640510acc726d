"""The page that shows how a method is added: its code trains, as a method of another package."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import yaml

from coffea_fm.training.recipe.recipe import Recipe

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "contributing" / "add-a-method.md"
TRAIN = """
import sys
from coffea_fm.training import pretrain
print(pretrain(sys.argv[1], sys.argv[2], show_progress=False).metrics["distance"])
"""


def installed(folder: Path, entry: str) -> Path:
    """A package that was installed there, with the method of the page and its entry point."""
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert code is not None
    package, info = folder / "my_package", folder / "my_package-1.0.dist-info"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "rotated_twins.py").write_text(code[1])
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[coffea_fm.methods]\n{entry}\n")
    return folder


def run(recipe: dict[str, object], folder: Path, packages: Path) -> subprocess.CompletedProcess[str]:
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(packages), str(ROOT)])}
    command = [sys.executable, "-c", TRAIN, str(folder / "recipe.yaml"), str(folder / "runs")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_method_of_the_page_is_short_and_trains(
    make_recipe: Callable[..., Recipe], content: dict[str, object], tmp_path: Path
) -> None:
    page = PAGE.read_text()
    entry = re.search(r'"coffea_fm\.methods"\]\n(.*)\n', page)
    assert entry is not None
    packages = installed(tmp_path, entry[1].replace('"', ""))
    assert len((packages / "my_package" / "rotated_twins.py").read_text().splitlines()) < 60
    make_recipe(training={"seen": 300})
    result = run(content | {"method": {"kind": "rotated-twins", "spread": 2.0}}, tmp_path, packages)
    assert result.returncode == 0, result.stderr
    assert float(result.stdout) > 0
    wrong = run(content | {"method": {"kind": "rotated-twins", "spred": 2.0}}, tmp_path, packages)
    assert "unknown key 'method.spred'; did you mean 'spread'" in wrong.stderr


def test_broken_methods_of_another_package_stop_nobody(
    make_recipe: Callable[..., Recipe], content: dict[str, object], tmp_path: Path
) -> None:
    known = "supervised = coffea_fm.methods.supervised.classification:SupervisedConfig"
    packages = installed(tmp_path, f"broken = my_package.nothing:Config\n{known}")
    make_recipe(training={"seen": 50})
    result = run(content | {"method": {"kind": "supervised"}, "head": {}}, tmp_path, packages)
    assert "KeyError: 'distance'" in result.stderr  # trained to its end: only the number of the script is not there
    assert "the method 'broken' of my-package" in result.stderr
    assert "No module named 'my_package.nothing'" in result.stderr
    assert "a method 'supervised' already exists" in result.stderr


def test_the_page_names_the_places() -> None:
    page = PAGE.read_text()
    assert "`METHODS` in `coffea_fm/methods/table.py`" in page
    assert "METHODS: tuple" in (ROOT / "coffea_fm" / "methods" / "table.py").read_text()
    for family in re.findall(r"`(\w+)/`", page):
        assert (ROOT / "coffea_fm" / "methods" / family).is_dir()
