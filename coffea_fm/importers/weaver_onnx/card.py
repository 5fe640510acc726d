"""The model card of an imported model."""

from __future__ import annotations

from coffea_fm.bundle import Calibration, Manifest
from coffea_fm.bundle.card import front_matter, with_front_matter
from coffea_fm.importers.weaver_onnx.mapping import Mapping


def imported_card(manifest: Manifest, mapping: Mapping, family: str) -> str:
    """Write the card: where the model comes from, what it reads, what its scores are called, how it was checked."""
    data = manifest.provenance.data
    checksums = data.get("sha256")
    sources = checksums.items() if isinstance(checksums, dict) else []
    lines = [
        "",
        f"# {manifest.name}",
        "",
        f"Imported with `coffea-fm import`, mapping `{family}`: {' '.join(mapping.description.split())}",
        "",
        "## Source",
        "",
        f"- {mapping.source or 'not stated: add where the model comes from'}",
        f"- Licence: {mapping.licence}",
        *(f"- `{name}`, SHA-256 `{digest}`" for name, digest in sources),
        "",
        "## Inputs",
        "",
        "| level | field | unit | may be missing |",
        "|---|---|---|---|",
    ]
    for level in manifest.level.walk():
        lines += [
            f"| {level.name} | `{field.name}` | {field.unit} | {'yes' if field.missing else ''} |"
            for field in level.fields
        ]
    lines += ["", "## Outputs", ""]
    for output in manifest.outputs:
        classes = f": {', '.join(f'`{name}`' for name in output.classes)}" if output.classes else ""
        lines.append(f"- `{output.name}`, {output.dim} numbers for each jet{classes}")
    sums = usual_sums(manifest, mapping)
    if sums:
        lines += ["", "## Usual sums of scores", "", "| sum | scores |", "|---|---|"]
        lines += [f"| {name} | {' + '.join(f'`{part}`' for part in parts)} |" for name, parts in sums.items()]
        lines += ["", "`tagger.discriminant(scores, signal, background)` takes lists of scores."]
    check = manifest.check
    if check is not None:
        sentence = (
            "The graph and the original model, with inputs made by an independent implementation, differ by at most "
            "{:.1e} in {} batches of random jets."
        )
        lines += ["", "## Check", "", sentence.format(check.maximal_difference, check.cases)]
    remarks = data.get("remarks")
    for remark in remarks if isinstance(remarks, list) else []:
        lines += ["", str(remark)]
    lines += ["", "## Measured", "", "Not yet: `coffea-fm evaluate`.", ""]
    content = front_matter(manifest, Calibration()) | {"license": mapping.licence}
    content["tags"] = [*content["tags"], "imported"]
    return with_front_matter("\n".join(lines), content)


def usual_sums(manifest: Manifest, mapping: Mapping) -> dict[str, tuple[str, ...]]:
    """The sums of the mapping whose scores the model has."""
    classes = {name for output in manifest.outputs for name in output.classes}
    return {name: parts for name, parts in mapping.sums.items() if set(parts) <= classes}
