"""coffea-fm on a real dask-gateway, with its backend of local processes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from own_gateway import Gateway
from typer.testing import CliRunner

from coffea_fm.cli import main

# dask-gateway's own objects complain when they are collected after their event loop
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def gateway(cluster_folder: Path) -> Iterator[Gateway]:
    """A gateway that runs for these tests."""
    pytest.importorskip("dask_gateway_server", reason="dask-gateway-server is not installed")
    server = Gateway(cluster_folder / "gateway")
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def settings(gateway: Gateway, work: Path) -> list[str]:
    """The options that choose it."""
    (work / "gateway.yaml").write_text(f"address: {gateway.address}\nauth: basic\noptions: {{worker_cores: 1}}\n")
    return ["--cluster", "gateway", "--cluster-config", "gateway.yaml"]


def test_run_and_doctor_work_through_a_gateway(settings: list[str], work: Path) -> None:
    result = CliRunner().invoke(
        main,
        [
            "run",
            "tag_jets",
            "f0.root",
            "-O",
            f"bundle={work / 'counting'}",
            "-o",
            "out",
            "--no-plots",
            "--json",
            *settings,
        ],
    )
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["events"] == 120
    result = CliRunner().invoke(main, ["doctor", str(work / "counting"), str(work / "f0.root"), *settings])
    assert result.exit_code == 0, result.output
    assert "differ by 0.0e+00" in result.stdout


def test_an_option_that_the_gateway_does_not_have_is_named(settings: list[str], work: Path) -> None:
    text = (work / "gateway.yaml").read_text()
    (work / "gateway.yaml").write_text(text.replace("worker_cores", "worker_core"))
    result = CliRunner().invoke(main, ["doctor", *settings])
    assert result.exit_code == 1
    assert "options.worker_core: this gateway has no such option; did you mean 'worker_cores'?" in result.stderr
