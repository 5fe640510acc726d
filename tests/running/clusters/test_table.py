"""The word of a cluster and its settings: what they mean, and what is said of a typing error."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from coffea_fm import RunOptions
from coffea_fm.errors import CoffeaFMError, RecipeError
from coffea_fm.running.clusters.base import Adaptive
from coffea_fm.running.clusters.htcondor import HTCondor
from coffea_fm.running.clusters.slurm import Slurm
from coffea_fm.running.clusters.table import KINDS, dask_client, find_cluster


def test_a_file_of_settings_is_read(tmp_path: Path) -> None:
    file = tmp_path / "slurm.yaml"
    file.write_text("partition: short\nmemory: 3 GB\nadaptive: {maximum: 40}\nsetup:\n  - module load python\n")
    found = find_cluster("slurm", file)
    assert isinstance(found, Slurm)
    assert (found.partition, found.adaptive, found.setup) == (
        "short",
        Adaptive(minimum=1, maximum=40),
        ("module load python",),
    )


def test_a_file_of_comments_leaves_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("# nothing yet\n")
    assert find_cluster("htcondor", tmp_path / "c.yaml") == HTCondor()


@pytest.mark.parametrize(
    ("cluster", "settings", "sentence"),
    [
        ("slrum", None, "unknown cluster 'slrum': did you mean 'slurm'"),
        ("condor", None, "did you mean 'htcondor'"),
        ("pbs", None, "choose one of local, address, slurm, htcondor, gateway"),
        ("slurm", {"queue": "short"}, "unknown key 'queue'"),
        ("slurm", {"partitoin": "short"}, "unknown key 'partitoin'; did you mean 'partition'"),
        ("slurm", {"adaptive": {"maximun": 3}}, "unknown key 'adaptive.maximun'; did you mean 'maximum'"),
        ("slurm", {"adaptive": {"minimum": 5, "maximum": 3}}, "the maximum 3 is below the minimum 5"),
        ("slurm", {"memory": "much"}, "'much' is no amount of memory such as '2 GB'"),
        ("slurm", {"walltime": 36000}, "36000 is no time such as '02:00:00', in quotes"),
        ("slurm", {"walltime": "2h"}, "'2h' is no time"),
        ("slurm", {"cores": 4, "processes": 3}, "4 cores cannot be shared evenly by 3 processes"),
        ("slurm", {"jobs": 0}, "jobs: Input should be greater than or equal to 1"),
        ("local", {"partition": "short"}, "unknown key 'partition'"),
        ("tcq://host:1", None, "unknown protocol 'tcq' of 'tcq://host:1'; did you mean 'tcp'?"),
        ("tls://host:1", None, "tls://host:1 needs certificates: ca_file, cert and key"),
        ("address", {"address": "host"}, "'host' is no address such as tcp://HOST:8786"),
        ("tcp://a:1", {"address": "tcp://b:1"}, "its address is tcp://b:1, and --cluster is tcp://a:1: leave one out"),
        ("local", {"wait": 5}, "unknown key 'wait'"),
        ("slurm", {"jobs": 5, "adaptive": {"maximum": 3}}, "jobs and adaptive both say how many jobs: leave one out"),
        ("local", {"workers": 5, "adaptive": {"maximum": 3}}, "workers and adaptive both say how many workers"),
    ],
)
def test_a_typing_error_is_one_sentence(cluster: str, settings: dict[str, object] | None, sentence: str) -> None:
    with pytest.raises(RecipeError) as error:
        RunOptions(cluster=cluster, cluster_config=settings)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("cluster", "settings", "sentence"),
    [
        ("tcp://host:1", None, "--workers 3 is for a cluster that is started, and the one at tcp://host:1 is running"),
        (
            "slurm",
            {"adaptive": {"maximum": 3}},
            "--workers 3 and 'adaptive' of the --cluster-config both say how many jobs",
        ),
        ("gateway", {"adaptive": {"maximum": 3}}, "both say how many workers: leave one out"),
    ],
)
def test_a_number_of_workers_that_would_not_be_used_is_refused(
    cluster: str, settings: dict[str, object] | None, sentence: str
) -> None:
    with pytest.raises(RecipeError, match=re.escape(sentence)):
        RunOptions(cluster=cluster, cluster_config=settings, workers=3)
    RunOptions(cluster=cluster, cluster_config=settings)


def test_one_worker_of_an_adaptive_cluster_is_one() -> None:
    """The doctor asks for it."""
    adaptive = find_cluster("slurm", {"adaptive": {"minimum": 50, "maximum": 200}})
    assert adaptive.of(1) == find_cluster("slurm", {"jobs": 1})
    with dask_client("local", {"adaptive": {"minimum": 2, "maximum": 2}}, 1) as client:
        assert len(client.nthreads()) == 1


def test_settings_that_are_a_list_or_missing_are_named(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text("- partition: short\n")
    with pytest.raises(RecipeError, match=r"list\.yaml: keys and values are expected"):
        find_cluster("slurm", tmp_path / "list.yaml")
    with pytest.raises(RecipeError, match=r"cannot read the --cluster-config .*none\.yaml"):
        find_cluster("slurm", tmp_path / "none.yaml")
    with pytest.raises(RecipeError, match="is for a --cluster, and none is given"):
        RunOptions(cluster_config=tmp_path / "list.yaml")


def test_every_kind_is_described_and_has_a_word() -> None:
    assert list(KINDS) == ["local", "address", "slurm", "htcondor", "gateway"]
    for kind in KINDS.values():
        assert kind.__doc__
        for name in kind.model_fields:
            assert any(
                f"{name} :" in (base.__doc__ or "") or f"{name}, " in (base.__doc__ or "") for base in kind.__mro__
            ), name


@pytest.mark.parametrize(("cluster", "command"), [("slurm", "sbatch"), ("htcondor", "condor_submit")])
def test_a_machine_without_the_batch_system_says_so(
    cluster: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CoffeaFMError, match=f"the command {command} is not found"), dask_client(cluster):
        pass


@pytest.mark.parametrize(
    ("cluster", "package", "extra"),
    [
        ("slurm", "dask_jobqueue", "jobqueue"),
        ("htcondor", "dask_jobqueue", "jobqueue"),
        ("gateway", "dask_gateway", "gateway"),
    ],
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    cluster: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", {}.get)
    monkeypatch.setattr("shutil.which", lambda name: name)
    with (
        pytest.raises(CoffeaFMError, match=rf"{package} is not installed: pip install 'coffea-fm\[{extra}\]'"),
        dask_client(cluster),
    ):
        pass


def test_a_gateway_without_an_address_or_an_answer_is_one_sentence() -> None:
    pytest.importorskip("dask_gateway", reason="dask-gateway is not installed")
    with pytest.raises(CoffeaFMError, match="no address is known; write 'address: "), dask_client("gateway"):
        pass
    settings = {"address": "http://127.0.0.1:9"}
    with (
        pytest.raises(CoffeaFMError, match=r"no dask-gateway answers at http://127.0.0.1:9"),
        dask_client("gateway", settings),
    ):
        pass


def test_an_adaptive_local_cluster_grows_and_its_workers_have_one_thread() -> None:
    settings = {"adaptive": {"minimum": 1, "maximum": 2}}
    with dask_client("local", settings) as client:
        assert client.submit(lambda: 1).result() == 1
        assert set(client.nthreads().values()) == {1}
