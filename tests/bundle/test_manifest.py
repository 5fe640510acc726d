from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from coffea_fm.bundle import Graph, Manifest, Output, load_bundle, save_bundle
from coffea_fm.errors import BundleError
from coffea_fm.shipped import shipped
from coffea_fm.tokens import jet_level, token_level

CONSTITUENTS = token_level("constituents", ("pt",), minimum=1)


def test_json_gives_the_same_manifest_back(manifest: Manifest) -> None:
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest


def test_content_hash_follows_every_part_but_itself(manifest: Manifest) -> None:
    content = manifest.content_hash()
    assert manifest.model_copy(update={"checksum": "x"}).content_hash() == content
    changed = Graph(name="head", file="head.onnx", inputs=("embedding",), outputs=("scores",), sha256="1")
    assert manifest.model_copy(update={"graphs": (manifest.graphs[0], changed)}).content_hash() != content
    assert manifest.model_copy(update={"name": "other"}).content_hash() != content


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"level": jet_level((CONSTITUENTS,), ("pt",))},
            "reads 'constituents_missing', which no earlier graph provides",
        ),
        (
            {"level": jet_level((CONSTITUENTS,), ("pt",), name="fatjet")},
            "'backbone' has the level 'jet', which is not one of",
        ),
        ({"outputs": (Output(name="mass", dim=1),)}, "no graph provides the output 'mass'"),
        ({"graphs": [{"name": "g", "file": "../g.onnx", "inputs": [], "outputs": ["scores"]}]}, "graphs.0.file"),
        ({"calibraton": None}, "calibraton"),
    ],
)
def test_a_manifest_that_does_not_fit_together_is_refused(
    manifest: Manifest, change: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        changed(manifest, **change)


def changed(manifest: Manifest, **change: object) -> Manifest:
    return Manifest.model_validate({name: getattr(manifest, name) for name in Manifest.model_fields} | change)


def test_classes_are_as_many_as_columns() -> None:
    with pytest.raises(ValidationError, match="3 columns and 2 class names"):
        Output(name="scores", dim=3, classes=("QCD", "Hbb"))


def test_a_model_of_events_is_given_back_as_it_was_saved(event_manifest: Manifest, tmp_path: Path) -> None:
    save_bundle(tmp_path / "events", event_manifest, {"backbone": b"\x12\x01a", "event-head": b"\x12\x01b"}, "")
    found = load_bundle(tmp_path / "events").manifest
    assert found.level == event_manifest.level
    assert [(graph.name, graph.level) for graph in found.graphs] == [("backbone", "FatJet"), ("event-head", "event")]
    text = (tmp_path / "events" / "manifest.json").read_text()
    assert all(f'"{name}"' in text for name in ("minimum", "maximum", "order", "FatJet"))


@pytest.mark.parametrize("folder", sorted(shipped("exports").iterdir()), ids=lambda folder: folder.name)
def test_shipped_bundles_are_read(folder: Path) -> None:
    bundle = load_bundle(folder)
    assert bundle.manifest.schema_version == 3
    assert bundle.calibration.model == bundle.checksum


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"outputs": (Output(name="scores", dim=2),)},
            "'scores' has the level 'jet', which is not one of event, FatJet",
        ),
        (
            {"outputs": (Output(name="scores", dim=2, level="constituents"),)},
            "'scores' has the level 'constituents', but its graph runs at the level 'event'",
        ),
        (
            {"outputs": (Output(name="embedding", dim=2, level="event"),)},
            "'embedding' has the level 'event', but its graph runs at the level 'FatJet'",
        ),
    ],
)
def test_outputs_are_of_the_level_of_their_graph(
    event_manifest: Manifest, change: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        changed(event_manifest, **change)


def test_outputs_of_members_are_of_their_level(manifest: Manifest) -> None:
    backbone = manifest.graphs[0].model_copy(update={"outputs": ("embedding", "origins")})
    origins = Output(name="origins", dim=3, level="constituents")
    changed(manifest, graphs=(backbone, manifest.graphs[1]), outputs=(*manifest.outputs, origins))


def test_a_head_reads_what_graphs_of_its_members_give(event_manifest: Manifest) -> None:
    backbone, head = event_manifest.graphs
    vectors = backbone.model_copy(update={"outputs": ("vectors",)})
    with pytest.raises(ValidationError, match="'event-head' reads 'FatJet_embedding', which no earlier graph provides"):
        changed(event_manifest, graphs=(vectors, head), outputs=event_manifest.outputs[:1])
    with pytest.raises(ValidationError, match="'event-head' reads 'FatJet_embedding', which no earlier graph provides"):
        changed(event_manifest, graphs=(head, backbone))
    bare = head.model_copy(update={"inputs": ("embedding",)})
    with pytest.raises(ValidationError, match="'event-head' reads 'embedding', which no earlier graph provides"):
        changed(event_manifest, graphs=(backbone, bare))


def test_the_first_output_is_the_scores_where_there_are_some(manifest: Manifest) -> None:
    assert manifest.first_output == "scores"
    assert changed(manifest, outputs=manifest.outputs[::-1]).first_output == "scores"
    assert changed(manifest, outputs=manifest.outputs[1:]).first_output == "embedding"
    with pytest.raises(BundleError, match="'small' has no output mass: choose from scores, embedding"):
        manifest.output("mass")
