"""``coffea-fm info``: describe a bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from coffea_fm.cli.output import Json, show

if TYPE_CHECKING:
    from coffea_fm.bundle import Bundle
    from coffea_fm.tokens import Field, Level


def info(
    bundle: Annotated[str, typer.Argument(help="Name, folder, .zip or URL of a bundle.")],
    as_json: Json = False,
) -> None:
    """Verify a bundle and describe it: inputs with units, outputs, graphs, checks, working points."""
    from coffea_fm.bundle.load import load_bundle

    loaded = load_bundle(bundle)
    content = {
        "manifest": loaded.manifest.model_dump(mode="json"),
        "calibration": loaded.calibration.model_dump(mode="json"),
    }
    show(content | {"bundle_checksum": loaded.bundle_checksum}, _describe(loaded), as_json=as_json)


def _describe(bundle: Bundle) -> str:
    from coffea_fm.calibration.lines import calibration_lines

    manifest = bundle.manifest
    lines = [f"{manifest.name}  (schema {manifest.schema_version}, model {manifest.checksum[:12]}, verified)"]
    lines += _levels(manifest.level, "each ")
    for output in manifest.outputs:
        what = ", ".join(output.classes) if output.classes else f"vector of {output.dim}"
        lines.append(f"gives {output.name} of each {'pair of ' if output.pairs else ''}{output.level}: {what}")
    for graph in manifest.graphs:
        lines.append(f"graph {graph.file}: {', '.join(graph.inputs)} -> {', '.join(graph.outputs)}")
    if manifest.check is not None:
        check = manifest.check
        original = "torch" if "torch" in check.versions else "the original model"
        lines.append(
            f"onnxruntime agrees with {original} to {check.maximal_difference:.1e} in {check.cases} cases "
            f"(tolerance {check.tolerance:.0e})"
        )
    return "\n".join([*lines, *calibration_lines(bundle.calibration)])


def _levels(level: Level, of: str) -> list[str]:
    """Describe what is read, level by level."""
    lines = [f"reads of {of}{level.name}:", f"  {_fields(level.fields)}"] if level.fields else []
    for member in level.members:
        number = f"at most {member.maximum}" if member.maximum else "all"
        number += f", at least {member.minimum}" if member.minimum else ""
        order = "as stored" if member.order == "stored" else f"ordered by {member.order}"
        lines.append(f"reads {member.name} of each {level.name}: {number}, {order}")
        lines += _levels(member, "each of the ") if member in level.collections else [f"  {_fields(member.fields)}"]
    return lines


def _fields(fields: tuple[Field, ...]) -> str:
    return ", ".join(
        f"{field.name}{'' if field.unit == '1' else f' [{field.unit}]'}{' (may be missing)' if field.missing else ''}"
        for field in fields
    )
