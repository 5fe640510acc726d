"""Bundles pushed to and pulled from a stand-in hub on this machine; the real one is never asked."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest
from fsspec.registry import _registry
from hub_server import Hub, serve
from typer.testing import CliRunner

import coffea_fm
from coffea_fm.bundle import load_bundle, save_calibration
from coffea_fm.bundle.hub import pull, push
from coffea_fm.cli import main
from coffea_fm.errors import BundleError
from coffea_fm.shipped import shipped

NAME = "jet-classifier-kinematic"
REPOSITORY = "physicist/tagger"
FILES = {"README.md", "manifest.json", "calibration.json", "backbone.onnx", "head.onnx"}

# huggingface_hub's own use of its HTTP client
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A stand-in that huggingface_hub takes for the hub, with somebody logged in."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: tmp_path / "cache" / name)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setenv("HF_TOKEN", "secret")
    with serve("secret") as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        yield server


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A copy of a shipped bundle that may be changed."""
    return shutil.copytree(shipped("exports", NAME), tmp_path / "mine" / NAME)


def same(one: Path, other: Path) -> bool:
    return {path.name: path.read_bytes() for path in one.iterdir()} == {
        path.name: path.read_bytes() for path in other.iterdir()
    }


def test_what_is_pushed_is_pulled(hub: Hub, bundle: Path, tmp_path: Path) -> None:
    (bundle / "notes.txt").write_text("of nobody's concern")
    address = push(bundle, REPOSITORY)
    commit, files = hub.files(REPOSITORY)
    assert address == f"{hub.url}/{REPOSITORY}/commit/{commit}"
    assert files.keys() - {".gitattributes"} == FILES
    (bundle / "notes.txt").unlink()
    files["evil.pkl"] = b"never read"
    folder, loaded = pull(REPOSITORY, tmp_path / "pulled")
    assert same(bundle, folder)
    assert loaded.checksum == load_bundle(bundle).checksum
    assert not any("evil" in request for request in hub.requests)


def test_a_second_push_is_a_second_commit_and_the_first_stays(hub: Hub, bundle: Path, tmp_path: Path) -> None:
    push(bundle, REPOSITORY)
    first, _ = hub.files(REPOSITORY)
    pull(REPOSITORY, tmp_path / "pulled")
    measured = load_bundle(bundle).calibration
    save_calibration(
        bundle, measured.model_copy(update={"data": "another, far longer name of what it was measured on"})
    )
    push(bundle, REPOSITORY)
    assert pull(REPOSITORY, tmp_path / "pulled")[1].calibration.data.startswith("another")
    assert coffea_fm.load(f"hf://{REPOSITORY}").calibration.data.startswith("another")
    assert pull(REPOSITORY, tmp_path / "old", revision=first)[1].calibration == measured


def test_commands_and_a_tagger_from_the_hub(
    hub: Hub, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pushed = CliRunner().invoke(main, ["hub", "push", str(bundle), REPOSITORY, "--private", "--json"])
    assert pushed.exit_code == 0, pushed.output
    assert json.loads(pushed.stdout)["repository"] == REPOSITORY
    assert hub.private == {REPOSITORY}
    pulled = CliRunner().invoke(main, ["hub", "pull", REPOSITORY])
    assert pulled.exit_code == 0, pulled.output
    assert same(bundle, tmp_path / "tagger")
    assert coffea_fm.load(f"hf://{REPOSITORY}").checksum == load_bundle(bundle).checksum


def refuse(what: object, *words: str) -> None:
    with pytest.raises(BundleError) as caught:
        what()  # type: ignore[operator]
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.usefixtures("hub")
def test_what_a_hub_refuses_is_one_sentence(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(lambda: pull("nobody/nothing", tmp_path / "pulled"), "cannot pull nobody/nothing", "check the name")
    refuse(lambda: push(bundle, "no spaces/please"), "cannot push", "check the arguments")
    push(bundle, REPOSITORY, private=True)
    refuse(lambda: pull(REPOSITORY, tmp_path / "pulled", revision="v9"), "revision")
    monkeypatch.setenv("HF_TOKEN", "guessed")
    refuse(lambda: push(bundle, REPOSITORY), "401", "hf auth login")
    refuse(lambda: pull(REPOSITORY, tmp_path / "pulled"), "hf auth login")
    assert not (tmp_path / "pulled").exists()


@pytest.mark.usefixtures("hub")
def test_a_server_that_is_not_there_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    refuse(lambda: pull(REPOSITORY, tmp_path / "pulled"), "check the arguments and the network")


def test_damaged_bundles_go_neither_way(hub: Hub, bundle: Path, tmp_path: Path) -> None:
    push(bundle, REPOSITORY)
    hub.files(REPOSITORY)[1]["head.onnx"] = b"exchanged"
    refuse(lambda: pull(REPOSITORY, tmp_path / "pulled"), "head.onnx", "checksum")
    (bundle / "head.onnx").write_bytes(b"exchanged")
    asked = len(hub.requests)
    refuse(lambda: push(bundle, "physicist/other"), "head.onnx", "checksum")
    assert len(hub.requests) == asked


def test_a_card_needs_front_matter(hub: Hub, bundle: Path) -> None:
    (bundle / "README.md").write_text("# A tagger\n")
    refuse(lambda: push(bundle, REPOSITORY), "no front matter", "license")
    (bundle / "README.md").write_text("---\ntags: [a]\n---\n# A tagger\n")
    refuse(lambda: push(bundle, REPOSITORY), '"license" is required')
    assert hub.files(REPOSITORY)[1].keys() == {".gitattributes"}


@pytest.mark.usefixtures("hub")
def test_a_folder_of_something_else_is_not_replaced(bundle: Path, tmp_path: Path) -> None:
    push(bundle, REPOSITORY)
    (tmp_path / "thesis").mkdir()
    refuse(lambda: pull(REPOSITORY, tmp_path / "thesis"), "is not a bundle")


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.delitem(_registry, "hf", raising=False)  # where it was used before
    refuse(lambda: load_bundle(f"hf://{REPOSITORY}"), "pip install 'coffea-fm[hub]'")
    assert "pip install 'coffea-fm[hub]'" in CliRunner().invoke(main, ["hub", "pull", REPOSITORY]).output
