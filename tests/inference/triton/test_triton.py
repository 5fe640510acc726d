"""Served models, over real HTTP to a server of the KServe v2 protocol; `make benchmark-triton` tries Triton itself."""

from __future__ import annotations

import json
import pickle
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from typer.testing import CliRunner

import coffea_fm
from coffea_fm.bundle import Calibration, WorkingPoint, load_bundle, save_calibration
from coffea_fm.cli import main
from coffea_fm.errors import BundleError, InputError, ServerError
from coffea_fm.inference.triton import client as triton_client
from coffea_fm.inference.triton import remote as remote_module
from coffea_fm.inference.triton.names import Address, version_of

pytest.importorskip("tritonclient.http", reason="tritonclient is not installed: pip install 'coffea-fm[triton]'")
from kserve_server import KServe

POINT = WorkingPoint(
    name="Hbb_loose", signal=("Hbb",), background=("QCD",), cut=0.4, signal_efficiency=0.5, background_efficiency=0.1
)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton_client, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(triton_client, "LONGEST_WAIT", 0.2)


@pytest.fixture
def server(bundle: Path, tmp_path: Path) -> Iterator[KServe]:
    save_calibration(bundle, Calibration(working_points=(POINT,)))
    coffea_fm.export_triton(bundle, tmp_path / "repository", max_batch=50)
    with KServe(tmp_path / "repository") as running:
        yield running


def name_of(bundle: Path) -> str:
    return load_bundle(bundle).manifest.name


def same(left: ak.Array, right: ak.Array) -> bool:
    return bool(ak.array_equal(left, right, equal_nan=True))


def test_a_served_model_is_the_same_tagger(server: KServe, bundle: Path, jets: ak.Array) -> None:
    local, served = coffea_fm.load(bundle), coffea_fm.load(server.url(name_of(bundle)))
    assert same(served(jets), local(jets))
    assert {name for name, *_ in server.requests} == {name_of(bundle)}, "one request runs all graphs"
    assert {version for _, version, _ in server.requests} == {version_of(local.checksum)}
    for call in (
        lambda tagger: tagger(jets, outputs=("scores", "embedding")),
        lambda tagger: tagger.embed(jets),
        lambda tagger: tagger.score(local.embed(jets)),
        lambda tagger: tagger.passes(jets, "Hbb_loose"),
        lambda tagger: tagger(ak.mask(jets, jets.pt > 500)[:, ::-1]),
        lambda tagger: tagger(jets[:0]),
    ):
        assert same(call(served), call(local))
    assert coffea_fm.report(served(jets)) == coffea_fm.report(local(jets))
    assert served.columns(jets) == local.columns(jets)
    traced = served(ak.to_backend(jets, "typetracer"))
    assert traced.layout.form.type == local(jets).layout.form.type
    assert served.classes == local.classes
    assert served._repr_html_() == local._repr_html_()


def test_it_is_part_of_what_combines_taggers(server: KServe, bundle: Path, jets: ak.Array) -> None:
    local, served = coffea_fm.load(bundle), coffea_fm.load(server.url(name_of(bundle)))
    shifted = {"up": ak.with_field(jets, jets.mass * 1.5, "mass")}
    expected, found = (tagger.variations(jets, shifted) for tagger in (local, served))
    assert same(found["up"], expected["up"])
    assert not same(found["up"], found["nominal"])
    both = coffea_fm.Ensemble([local, served])(jets)
    np.testing.assert_allclose(ak.flatten(both.Hbb), ak.flatten(local(jets).Hbb), rtol=1e-6)


def test_it_travels_to_workers(server: KServe, bundle: Path, jets: ak.Array, monkeypatch: pytest.MonkeyPatch) -> None:
    served = coffea_fm.load(server.url(name_of(bundle)))
    pickled = pickle.dumps(served)
    assert len(pickled) < 600
    monkeypatch.setattr(remote_module, "_served", {})  # as in another process
    again = pickle.loads(pickled)
    assert again == served
    assert same(again(jets), coffea_fm.load(bundle)(jets))
    carried = coffea_fm.load(server.url(name_of(bundle)), ship="bytes")
    assert pickle.loads(pickle.dumps(carried)).manifest == served.manifest


def test_events_are_tagged_with_their_jets(event_bundle: Path, jets: ak.Array, tmp_path: Path) -> None:
    coffea_fm.export_triton(event_bundle, tmp_path / "repository")
    local, events = coffea_fm.load(event_bundle), ak.Array({"run": np.arange(len(jets))})
    with KServe(tmp_path / "repository") as running:
        served = coffea_fm.load(running.url(name_of(event_bundle)))
        assert same(served(events, FatJet=jets), local(events, FatJet=jets))
        assert same(served.score(served.embed(jets), jets), local(events, FatJet=jets))


def test_requests_are_no_larger_than_the_server_takes(bundle: Path, jets: ak.Array, tmp_path: Path) -> None:
    coffea_fm.export_triton(bundle, tmp_path / "repository", max_batch=3)
    with KServe(tmp_path / "repository") as running:
        served = coffea_fm.load(running.url(name_of(bundle)))
        assert same(served(jets), coffea_fm.load(bundle)(jets))
        assert max(rows for *_, rows in running.requests) == 3
        assert same(served(jets, outputs=("scores", "embedding")).scores, coffea_fm.load(bundle)(jets))


def test_a_server_that_is_away_is_one_sentence(bundle: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ServerError, match=rf"server 127\.0\.0\.1:{port} did not answer in 3 tries: .*efused"):
        coffea_fm.load(f"triton://127.0.0.1:{port}/{name_of(bundle)}")


def test_a_server_that_dies_during_a_request_and_comes_back_is_not_noticed(
    server: KServe, bundle: Path, jets: ak.Array
) -> None:
    served = coffea_fm.load(server.url(name_of(bundle)))
    expected = coffea_fm.load(bundle)(jets)
    server.faults = ["drop", "503", "drop"]
    assert same(served(jets), expected)
    assert server.faults == []
    server.stop()
    threading.Timer(0.1, server.start).start()
    assert same(served(jets), expected)


def test_a_server_that_stays_away_ends_the_job(
    server: KServe, bundle: Path, jets: ak.Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = coffea_fm.load(server.url(name_of(bundle)), threads=1)
    monkeypatch.setattr(triton_client, "TRIES", 3)
    server.faults = ["503"] * 20
    with pytest.raises(ServerError, match=r"did not answer in 3 tries: .*exceeds queue size"):
        served(jets)
    assert len(server.faults) == 17
    server.faults = ["400"]
    with pytest.raises(ServerError, match=r"refused the request: .*queue size"):
        served(jets)
    assert server.requests == [], "what is refused is not repeated"


def test_another_model_under_the_same_name_is_refused(
    server: KServe, bundle: Path, jets: ak.Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tiny_bundles import backbone_bytes, head_bytes, tiny_manifest

    from coffea_fm.bundle import Provenance, save_bundle

    served = coffea_fm.load(server.url(name_of(bundle)))
    served(jets)
    manifest = tiny_manifest(name_of(bundle)).model_copy(update={"provenance": Provenance(seed=7)})
    save_bundle(bundle, manifest, {"backbone": backbone_bytes(), "head": head_bytes()}, "")
    coffea_fm.export_triton(bundle, server.repository)
    server.stop()
    server.start()
    with pytest.raises(ServerError, match=r"version .* another model, or another version of it: load it again"):
        served(jets)
    monkeypatch.setattr(remote_module, "_served", {})
    with pytest.raises(ServerError, match=f"instead of {served.checksum[:12]}: it has been replaced"):
        pickle.loads(pickle.dumps(served))(jets)
    assert same(coffea_fm.load(server.url(name_of(bundle)))(jets), coffea_fm.load(bundle)(jets))


def test_a_model_that_was_measured_again_is_the_same_model(server: KServe, bundle: Path, jets: ak.Array) -> None:
    served = coffea_fm.load(server.url(name_of(bundle)))
    save_calibration(bundle, Calibration(working_points=(POINT.model_copy(update={"name": "Hbb_new"}),)))
    coffea_fm.export_triton(bundle, server.repository)
    server.stop()
    server.start()
    again = coffea_fm.load(server.url(name_of(bundle)))
    assert again.checksum == served.checksum
    assert ak.all(again.passes(jets, "Hbb_new") == (again.discriminant(served(jets), "Hbb", "QCD") >= POINT.cut))


def test_models_that_coffea_fm_did_not_write_are_refused(server: KServe, bundle: Path) -> None:
    name = name_of(bundle)
    with pytest.raises(ServerError, match="has no manifest of coffea-fm: write the model repository with"):
        coffea_fm.load(server.url(f"{name}.head"))
    with pytest.raises(ServerError, match="refused the request: Request for unknown model: 'absent' is not found"):
        coffea_fm.load(server.url("absent"))
    manifest = server.models[name].config.parameters["coffea_fm_manifest"]
    manifest.string_value = manifest.string_value.replace('"Tbqq"', '"Tbl"')
    with pytest.raises(ServerError, match="was edited or damaged"):
        coffea_fm.load(server.url(name))
    manifest.string_value = "{}"
    with pytest.raises(ServerError, match="a manifest that this version of coffea-fm cannot read"):
        coffea_fm.load(server.url(name))


@pytest.mark.parametrize("url", ["triton://", "triton://host", "triton://host:8000/a/b", "triton:///model"])
def test_an_address_names_a_server_and_a_model(url: str) -> None:
    with pytest.raises(InputError, match="write triton://host:8000/model"):
        coffea_fm.load(url)


def test_providers_are_for_the_server(server: KServe, bundle: Path) -> None:
    with pytest.raises(InputError, match="the server decides where"):
        coffea_fm.load(server.url(name_of(bundle)), providers=["cuda"])


def test_the_command_writes_what_the_server_reads(bundle: Path, tmp_path: Path) -> None:
    other = tmp_path / "repository" / "somebody-elses"
    other.mkdir(parents=True)
    command = ["export-triton", str(bundle), "-o", str(tmp_path / "repository"), "--json"]
    summary = json.loads(CliRunner().invoke(main, command, catch_exceptions=False).stdout)
    name = name_of(bundle)
    assert summary["models"] == [name, f"{name}.backbone", f"{name}.head"]
    assert other.is_dir()
    manifest = load_bundle(bundle).manifest
    for graph in manifest.graphs:
        path = tmp_path / "repository" / f"{name}.{graph.name}" / summary["version"] / "model.onnx"
        assert path.read_bytes() == load_bundle(bundle).graph_bytes(graph.name)
    with pytest.raises(InputError, match="max_batch=0: give at least 1"):
        coffea_fm.export_triton(bundle, tmp_path / "repository", max_batch=0)
    with pytest.raises(BundleError, match="there is no bundle 'absent'"):
        coffea_fm.export_triton("absent", tmp_path / "repository")


def test_an_address_without_a_port_number_is_no_address() -> None:
    for url in ("triton://host:http/model", "triton://[host/model", "triton://host:8000"):
        with pytest.raises(
            InputError, match="is not the address of a model on a Triton server: write triton://host:8000/model"
        ):
            Address.of(url)
