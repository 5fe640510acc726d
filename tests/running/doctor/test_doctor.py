"""What the doctor finds on a worker like this process, and on one that is not."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made import make_bundle, make_nano
from typer.testing import CliRunner

from coffea_fm.cli import main
from coffea_fm.errors import InputError
from coffea_fm.limits import MemoryLimit
from coffea_fm.running.doctor.comparison import compare, memories, python
from coffea_fm.running.doctor.diagnosis import Diagnosis, Finding
from coffea_fm.running.doctor.examination import examine
from coffea_fm.running.memory import MIB, check_models, need_of
from coffea_fm.running.models import Model
from coffea_fm.running.workers import Workers


def test_the_command_runs_a_bundle_and_opens_files_on_a_worker(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "counting")
    make_nano(tmp_path / "file.root", 60)
    arguments = ["doctor", str(bundle), str(tmp_path / "file.root")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    told = {line.split()[1]: line for line in result.stdout.splitlines() if line.startswith(("ok", "note"))}
    assert "differ by 0.0e+00" in told["scores"]
    assert told[str(tmp_path / "file.root")].count("60 entries") == 2
    assert "a run can use this cluster" in result.stdout
    assert re.search(r"MiB used, 31\d MiB predicted before the first chunk, of [0-9.]+ GiB \(the", told["memory"])


def test_a_file_that_cannot_be_opened_there_is_bad(tmp_path: Path) -> None:
    (tmp_path / "broken.root").write_bytes(b"root" + bytes(40))
    result = CliRunner().invoke(main, ["doctor", str(tmp_path / "broken.root"), "--json"])
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert [finding["what"] for finding in told["findings"] if finding["verdict"] == "bad"] == [
        str(tmp_path / "broken.root")
    ]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("seen")
    bundle = make_bundle(folder / "counting")
    make_nano(folder / "file.root", 30)
    return examine(str(bundle), {str(folder / "file.root"): "Events"})


def test_the_scores_that_are_compared_are_numbers(seen: dict[str, Any]) -> None:
    output = np.asarray(seen["bundle"]["output"])
    assert np.isfinite(output).all()
    assert len(np.unique(output[:, 0])) > 5


def worst(seen: dict[str, Any], change: Any, skew: float = 0.0) -> dict[str, str]:
    there = copy.deepcopy(seen)
    change(there)
    findings = list(compare(seen, there, skew, 0.01))
    return {finding.what: f"{finding.there}; {finding.advice}" for finding in findings if finding.verdict == "bad"}


def test_what_differs_on_a_worker_is_named_with_what_to_do(seen: dict[str, Any]) -> None:
    here = seen["packages"]
    assert worst(seen, unchanged) == {}
    assert worst(seen, lambda there: there["packages"].update(coffea="2024.1")) == {
        "coffea": f"2024.1; on the workers: pip install 'coffea=={here['coffea']}'"
    }
    assert worst(seen, lambda there: there["packages"].update(onnxruntime="")) == {
        "onnxruntime": "missing; on the workers: pip install 'coffea-fm[cpu]'"
    }
    assert worst(seen, lambda there: there["packages"].update(uproot="5.0")) == {}
    missing = worst(seen, lambda there: there.update(bundle={"error": "BundleError: no such folder"}))
    assert "ship='bytes'" in missing["bundle"]
    assert list(worst(seen, lambda there: there["bundle"].update(checksum="other"))) == ["bundle"]
    assert "differ by 2.0e-01" in worst(seen, shifted)["scores"]
    assert list(worst(seen, lambda there: there["temporary"].update(free=2**20))) == ["temporary folder"]
    assert "+60.0 s" in worst(seen, unchanged, skew=60.0)["clock"]
    assert "xrootd" in worst({**seen, "plugins": ["xrootd"]}, lambda there: there.update(plugins=[]))["fsspec plugins"]


def test_the_memory_is_that_which_a_run_predicts_and_the_limit_is_that_which_it_finds() -> None:
    need = need_of([Model("a", 100 * MIB, 0.0)], 0.0, 1)

    def found(size: int) -> Finding:
        limit = MemoryLimit(size, "the control group of the job or container")
        (finding,) = memories(need, {"a": (Workers(1, 1, limit), 0)}, "a", 300 * MIB)
        return finding

    assert need.fixed == 615 * MIB
    assert found(4000 * MIB).verdict == "ok"
    assert found(700 * MIB).verdict == "note"
    assert found(615 * MIB).verdict == "bad"
    with pytest.raises(InputError) as error:
        check_models(need, Workers(1, 1, MemoryLimit(615 * MIB, "the control group of the job or container")))
    assert found(615 * MIB).advice == str(error.value)
    assert "0.60 GiB (the control group of the job or container)" in found(615 * MIB).there


def test_each_worker_is_compared_with_its_own_limit() -> None:
    need = need_of([Model("a", 100 * MIB, 0.0)], 0.0, 1)

    def found(*workers: tuple[int, int]) -> list[tuple[str, str]]:
        """Of workers with these limits and uses in MiB, of which the first is examined and uses 2,000 MiB then."""
        each = {
            f"tcp://{index}": (Workers(1, 1, MemoryLimit(limit * MIB, "dask")), used * MIB)
            for index, (limit, used) in enumerate(workers)
        }
        return [(finding.what, finding.verdict) for finding in memories(need, each, "tcp://0", 2000 * MIB)]

    assert found((4000, 0), (1500, 200)) == [("memory", "ok")]
    assert found((2500, 0), (9000, 200)) == [("memory", "note")]
    assert found((4000, 0), (9000, 0), (600, 0), (700, 0)) == [("memory", "ok"), ("memory of tcp://2", "bad")]
    assert found((4000, 0), (1500, 1400)) == [("memory", "ok"), ("memory of tcp://1", "note")]


def unchanged(there: dict[str, Any]) -> None:
    """A worker like this machine."""


def shifted(there: dict[str, Any]) -> None:
    there["bundle"]["output"] = (np.asarray(there["bundle"]["output"]) + 0.2).tolist()


def test_another_python_is_bad_and_another_patch_is_not() -> None:
    assert python("3.11.7", "3.12.1").verdict == "bad"
    assert python("3.11.7", "3.11.2").verdict == "note"
    assert not Diagnosis("slurm", "node", [python("3.11.7", "3.12.1")]).ok
