"""The wheel in a fresh environment without torch: what a person gets from ``pip install coffea-fm[cpu]``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LARGEST = 6_000_000  # bytes of a wheel, which is made from the sdist, and of that
CLEAN = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # or the wheel is not what runs
BUNDLE = ROOT / "exports" / "jet-classifier-small" / "manifest.json"

pytestmark = pytest.mark.skipif(not BUNDLE.exists(), reason="the shipped bundle is not trained yet")


def call(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([*map(str, command)], cwd=cwd, env=CLEAN, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def binaries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scripts of an environment into which only the wheel with its ``cpu`` extra is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    assert wheel.stat().st_size < LARGEST
    assert sdist.stat().st_size < LARGEST
    venv.create(folder / "venv", with_pip=True)
    constraints = ["--constraint", ROOT / "constraints.txt"] if (ROOT / "constraints.txt").exists() else []
    python = folder / "venv" / "bin" / "python"
    call(python, "-m", "pip", "install", "--quiet", *constraints, f"{wheel}[cpu]", cwd=folder)
    return python.parent


def test_torch_is_not_there(binaries: Path, tmp_path: Path) -> None:
    code = "import importlib.util as u; print([m for m in ('torch', 'sklearn', 'onnx', 'pythia8mc') if u.find_spec(m)])"
    assert call(binaries / "python", "-c", code, cwd=tmp_path) == "[]\n"


def test_the_demo_runs(binaries: Path, tmp_path: Path) -> None:
    account = json.loads(call(binaries / "coffea-fm", "demo", "--json", cwd=tmp_path))
    assert account["events"] > 0
    assert not account["skipped"]
    for path in [*account["written"]["histograms"], *account["written"]["plots"], account["written"]["counts"]]:
        assert (tmp_path / path).stat().st_size > 0
    cutflow = json.loads((tmp_path / "demo-output" / "cutflow.json").read_text())["cutflow"]
    assert all(counts["jets"] > 0 for counts in cutflow.values())


def test_all_of_hh4b_is_there(binaries: Path, tmp_path: Path) -> None:
    code = """
from pathlib import Path
from coffea_fm import run
from coffea_fm.analysis.fileset import make_fileset
from coffea_fm.analysis.fileset_settings import read_fileset_settings
from coffea_fm.shipped import shipped
settings = read_fileset_settings(shipped("processors", "hh4b/fileset.yaml"))
fileset = make_fileset(Path(SAMPLE), settings, signal_cross_section=1, processes=["X1000"])
found = run("hh4b", fileset, options={"jets": str(shipped("exports", "jet-classifier-small"))}, quiet=True)
print(sorted(path.name for path in shipped("processors", "hh4b").glob("limit*.yaml")), found.notes, found.failures)
"""
    code = code.replace("SAMPLE", repr(str(ROOT / "samples" / "hh4b")))  # the wheel has no room for it
    output = call(binaries / "python", "-W", "ignore", "-c", code, cwd=tmp_path)
    assert output == "['limit.yaml', 'limit_discriminant.yaml'] [] {}\n"


def test_models_are_listed_and_what_stayed_behind_is_told(binaries: Path, tmp_path: Path) -> None:
    listed = json.loads(call(binaries / "coffea-fm", "models", "--json", cwd=tmp_path))["models"]
    bundles = {path.parent.name for path in ROOT.glob("exports/*/manifest.json")}
    assert {model["name"] for model in listed} == bundles - {"jet-classifier-small-pairs"}
    assert {model["checkpoint"] for model in listed} == {None}
    code = """
from coffea_fm.bundle.find import find_bundle, find_checkpoint
from coffea_fm.errors import CoffeaFMError
from coffea_fm.shipped import shipped
pairs = "jet-classifier-small-pairs"
asks = (lambda: find_checkpoint("jet-classifier-small"), lambda: find_bundle(pairs), lambda: shipped("samples", "hh4b"))
for ask in asks:
    try:
        ask()
    except CoffeaFMError as error:
        print(error)
"""
    weights, pairs, sample = call(binaries / "python", "-c", code, cwd=tmp_path).splitlines()
    assert "git clone https://github.com/coffea-fm/coffea-fm" in weights
    assert "models/jet-classifier-small/checkpoint" in weights
    assert "not in the wheel" in pairs
    assert "give exports/jet-classifier-small-pairs" in pairs
    assert "git clone https://github.com/coffea-fm/coffea-fm" in sample


def test_what_needs_an_extra_says_which(binaries: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("name: none\n")
    done = subprocess.run(
        [binaries / "coffea-fm", "pretrain", recipe],
        cwd=tmp_path,
        env=CLEAN,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "pip install 'coffea-fm[train]'" in done.stderr
