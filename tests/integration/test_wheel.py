"""The wheel in a fresh environment without torch: what a person gets from ``pip install coffea-fm[cpu]``."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "exports" / "jet-classifier-small" / "manifest.json"

pytestmark = pytest.mark.skipif(not BUNDLE.exists(), reason="the shipped bundle is not trained yet")


def call(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def binaries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scripts of an environment into which only the wheel with its ``cpu`` extra is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (wheel,) = folder.glob("*.whl")
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
from coffea_fm import run
from coffea_fm.analysis.fileset import make_fileset
from coffea_fm.analysis.fileset_settings import read_fileset_settings
from coffea_fm.shipped import shipped
settings = read_fileset_settings(shipped("processors", "hh4b/fileset.yaml"))
fileset = make_fileset(shipped("samples", "hh4b"), settings, signal_cross_section=1, processes=["X1000"])
found = run("hh4b", fileset, options={"jets": str(shipped("exports", "jet-classifier-small"))}, quiet=True)
print(sorted(path.name for path in shipped("processors", "hh4b").glob("limit*.yaml")), found.notes, found.failures)
"""
    output = call(binaries / "python", "-W", "ignore", "-c", code, cwd=tmp_path)
    assert output == "['limit.yaml', 'limit_discriminant.yaml'] [] {}\n"


def test_what_needs_an_extra_says_which(binaries: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("name: none\n")
    done = subprocess.run(
        [binaries / "coffea-fm", "pretrain", recipe], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "pip install 'coffea-fm[train]'" in done.stderr
