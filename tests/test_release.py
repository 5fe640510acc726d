"""What a release states in several places is the same in all of them."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import yaml

import coffea_fm
from coffea_fm import _version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
CONDA_NAMES = {"matplotlib": "matplotlib-base", "torch": "pytorch"}
NOT_ON_CONDA = {
    "lgatr",
    "onnxruntime-gpu",
    "pythia8mc",
}  # conda's onnxruntime has both variants; its pythia8 is another package
DISTRIBUTIONS = {"huggingface_hub": "huggingface_hub", "sklearn": "scikit-learn", "yaml": "pyyaml"}
COME_WITH = {"cycler": "matplotlib", "dask_awkward": "coffea", "markupsafe": "jinja2", "pydantic_core": "pydantic"}


def on_conda(requirements: Iterable[str]) -> set[str]:
    parts = [re.match(r"([A-Za-z0-9_.-]+)(?:\[.*\])?(.*)", text).groups() for text in requirements]  # type: ignore[union-attr]
    return {f"{CONDA_NAMES.get(name, name)} {bound}" for name, bound in parts if name not in NOT_ON_CONDA}


def test_the_conda_recipe_requires_what_the_package_does() -> None:
    recipe = yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text())["requirements"]
    assert set(recipe["run"]) - {"python >=${{ python_min }}"} == on_conda(
        [*PROJECT["project"]["dependencies"], *EXTRAS["cpu"]]
    )
    others = [text for name, extra in EXTRAS.items() if name != "cpu" for text in extra]
    assert set(recipe["run_constraints"]) == on_conda(others)


def test_all_that_is_imported_is_required() -> None:
    every = [*PROJECT["project"]["dependencies"], *(text for extra in EXTRAS.values() for text in extra)]
    declared = {re.split(r"[\[<>=]", text)[0].lower() for text in every}
    imported = {
        name for folder in ("coffea_fm", "processors") for path in (ROOT / folder).rglob("*.py") for name in top(path)
    }
    foreign = imported - sys.stdlib_module_names - {"coffea_fm", "_typeshed", *COME_WITH}
    missing = {name for name in foreign if DISTRIBUTIONS.get(name, name.replace("_", "-")) not in declared}
    assert not missing


def top(path: Path) -> set[str]:
    """First parts of the names of all modules that a file imports absolutely."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_one_version_everywhere() -> None:
    newest = re.search(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest
    places = {
        "CITATION.cff": yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"],
        "conda/recipe.yaml": yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text())["context"]["version"],
        "pyproject.toml": PROJECT["tool"]["hatch"]["version"]["fallback-version"],
    }
    assert places == dict.fromkeys(places, newest[1])


def test_the_workflow_tests_every_python_that_is_promised() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    promised = [text.rpartition(" ")[2] for text in PROJECT["project"]["classifiers"] if re.search(r":: 3\.\d+$", text)]
    assert jobs["test"]["strategy"]["matrix"]["python"] == promised
    assert PROJECT["project"]["requires-python"] == f">={promised[0]}"


def test_links_of_the_readme_are_addresses_on_the_package_index(monkeypatch) -> None:
    monkeypatch.syspath_prepend(ROOT)
    from hatch_build import LINK, REPOSITORY, _absolute

    text = "[a](docs/a.md#b) ![c](d.png) [e](https://f.org) [g](#h)"
    expected = f"[a]({REPOSITORY}/blob/main/docs/a.md#b) ![c]({REPOSITORY}/raw/main/d.png) [e](https://f.org) [g](#h)"
    assert LINK.sub(_absolute, text) == expected


def test_the_package_has_one_version():
    assert coffea_fm.__version__ == _version.version
    assert "__version__" in dir(coffea_fm)
