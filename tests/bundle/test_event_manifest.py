from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from coffea_fm.bundle import Graph, Manifest, Output, load_bundle, save_bundle
from coffea_fm.errors import BundleError
from coffea_fm.shipped import shipped
from coffea_fm.tokens import Collection, event_collection

JETS = event_collection("FatJet", minimum=2, maximum=4)


@pytest.fixture
def event_manifest(manifest: Manifest) -> Manifest:
    return Manifest(
        schema_version=2,
        name="events",
        inputs=manifest.inputs,
        collections=(JETS,),
        outputs=(
            Output(name="scores", dim=2, classes=("background", "signal"), level="event"),
            Output(name="embedding", dim=4),
        ),
        graphs=(
            manifest.graphs[0],
            Graph(name="event-head", file="event-head.onnx", inputs=JETS.inputs, outputs=("scores",)),
        ),
    )


def changed(manifest: Manifest, **change: object) -> Manifest:
    return Manifest.model_validate({name: getattr(manifest, name) for name in Manifest.model_fields} | change)


def test_a_model_of_events_is_given_back_as_it_was_saved(event_manifest: Manifest, tmp_path: Path) -> None:
    save_bundle(tmp_path / "events", event_manifest, {"backbone": b"a", "event-head": b"b"}, "")
    found = load_bundle(tmp_path / "events").manifest
    assert found.schema_version == 2
    assert found.collections == (JETS,)
    assert isinstance(found.collection, Collection)
    text = (tmp_path / "events" / "manifest.json").read_text()
    assert all(f'"{name}"' in text for name in ("minimum", "maximum", "order", "FatJet"))


def test_what_only_knows_models_of_jets_refuses_one_of_events(
    event_manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_bundle(tmp_path / "events", event_manifest, {"backbone": b"a", "event-head": b"b"}, "")
    monkeypatch.setattr("coffea_fm.bundle.load.SCHEMA_VERSIONS", (1,))
    with pytest.raises(BundleError, match="has schema_version 2, and this coffea-fm reads 1: upgrade coffea-fm"):
        load_bundle(tmp_path / "events")


def test_a_manifest_of_jets_is_written_as_before(manifest: Manifest) -> None:
    """Without the new key: checksums of the bundles that there are stay right, and older versions read new ones."""
    assert manifest.schema_version == 1
    assert "collections" not in manifest.model_dump(mode="json")


@pytest.mark.parametrize("folder", sorted(shipped("exports").iterdir()), ids=lambda folder: folder.name)
def test_shipped_bundles_are_read(folder: Path) -> None:
    assert load_bundle(folder).manifest.schema_version in (1, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 1}, "schema_version 1 does not fit a model of events"),
        ({"collections": (), "outputs": (Output(name="embedding", dim=4),)}, "schema_version 2 does not fit"),
        ({"collections": (JETS, JETS)}, "collections"),
        ({"collections": (event_collection("Jet"),)}, "reads 'FatJet_embedding', which nothing before it gives"),
    ],
)
def test_manifests_of_events_that_do_not_fit_together(
    event_manifest: Manifest, change: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        changed(event_manifest, **change)


def test_events_need_an_embedding(event_manifest: Manifest) -> None:
    backbone = event_manifest.graphs[0].model_copy(update={"outputs": ("vectors",)})
    outputs = (event_manifest.outputs[0],)
    with pytest.raises(ValidationError, match="no graph gives the output 'embedding'"):
        changed(event_manifest, graphs=(backbone, event_manifest.graphs[1]), outputs=outputs)
