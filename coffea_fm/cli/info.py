"""``coffea-fm info``: what is in a bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from coffea_fm.cli.output import Json, show

if TYPE_CHECKING:
    from coffea_fm.bundle.manifest import Manifest
    from coffea_fm.tokens.fields import Field


def info(
    bundle: Annotated[str, typer.Argument(help="Folder, .zip or URL of a bundle.")],
    as_json: Json = False,
) -> None:
    """Verify a bundle and tell what is in it: inputs with units, outputs, graphs, checks, working points."""
    from coffea_fm.bundle.load import load_bundle

    manifest = load_bundle(bundle).manifest
    show(manifest.model_dump(mode="json"), _describe(manifest), as_json=as_json)


def _describe(manifest: Manifest) -> str:
    lines = [f"{manifest.name}  (schema {manifest.schema_version}, checksum {manifest.checksum[:12]}, verified)"]
    for group in manifest.inputs.groups:
        lines.append(f"reads jets.{group.name}: at most {group.max_tokens}, ordered by {group.order}")
        lines.append(f"  {_fields(group.fields)}")
    if manifest.inputs.jet:
        lines.append(f"reads of the jet ({manifest.inputs.momentum} momentum):")
        lines.append(f"  {_fields(manifest.inputs.jet)}")
    for collection in manifest.collections:
        lines.append(
            f"reads of each event {collection.minimum} to {collection.maximum} {collection.name}, "
            f"{'as stored' if collection.order == 'stored' else f'ordered by {collection.order}'}:"
        )
        lines.append(f"  {_fields(collection.fields)}")
    for output in manifest.outputs:
        what = ", ".join(output.classes) if output.classes else f"vector of {output.dim}"
        lines.append(f"gives {output.name}{'' if output.level == 'jet' else f' of each {output.level}'}: {what}")
    for graph in manifest.graphs:
        lines.append(f"graph {graph.file}: {', '.join(graph.inputs)} -> {', '.join(graph.outputs)}")
    if manifest.check is not None:
        check = manifest.check
        lines.append(
            f"onnxruntime agrees with torch to {check.maximal_difference:.1e} in {check.cases} cases "
            f"(tolerance {check.tolerance:.0e})"
        )
    if manifest.calibration is not None:
        lines.append(f"calibrated with temperature {manifest.calibration.temperature:.3f}")
    for point in manifest.working_points:
        lines.append(
            f"working point {point.name}: cut {point.cut:.4f}, signal {point.signal_efficiency:.3f}, "
            f"background {point.background_efficiency:.2e}"
        )
    return "\n".join(lines)


def _fields(fields: tuple[Field, ...]) -> str:
    return ", ".join(
        f"{field.name}{'' if field.unit == '1' else f' [{field.unit}]'}{' (may be missing)' if field.missing else ''}"
        for field in fields
    )
