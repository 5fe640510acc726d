from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from importlinter.cli import lint_imports


def test_layers_import_only_what_they_may(monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[1])
    assert lint_imports(no_cache=True) == 0


def test_the_analysis_side_runs_without_torch():
    modules = (
        "coffea_fm, coffea_fm.schemas, coffea_fm.shards, coffea_fm.inference, coffea_fm.running.commands, coffea_fm.cli"
    )
    code = (
        f"import sys; sys.modules['torch'] = None; import {modules}; coffea_fm.load; "
        "assert not any(name.startswith('torch.') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
