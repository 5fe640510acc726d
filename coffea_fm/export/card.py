"""Draft of a model card."""

from __future__ import annotations

from coffea_fm.bundle import Calibration, Manifest
from coffea_fm.bundle.card import front_matter, with_front_matter


def draft_card(manifest: Manifest) -> str:
    """Write name, inputs, outputs, numerical check and provenance in Markdown, with front matter for model hubs.

    The measured performance and the licence are left for the author of the model to fill in.
    """
    lines = [
        "",
        f"# {manifest.name}",
        "",
        "## Inputs",
        "",
        "| level | field | unit | trained on |",
        "|---|---|---|---|",
    ]
    for level in manifest.level.walk():
        for field in level.fields:
            trained = f"{field.trained[0]:g} to {field.trained[1]:g}" if field.trained else ""
            lines.append(f"| {level.name} | `{field.name}` | {field.unit} | {trained} |")
    lines += ["", "## Outputs", ""]
    for output in manifest.outputs:
        classes = f": {', '.join(output.classes)}" if output.classes else ""
        each = f"for each pair of {output.level}" if output.pairs else f"for each of {output.level}"
        lines.append(f"- `{output.name}`, {output.dim} numbers {each}{classes}")
    if check := manifest.check:
        sentence = "onnxruntime and torch differ by at most {:.1e} in the {} batches of the check at export."
        lines += ["", sentence.format(check.maximal_difference, check.cases)]
    lines += ["", *_conventions(manifest), "", "## Trained on", ""]
    lines += [f"- {name}: {value}" for name, value in manifest.provenance.data.items()]
    scores = any(output.name == "scores" for output in manifest.outputs)
    lines += ["", "## Measured", "", "Not yet: `coffea-fm evaluate`." if scores else "Not yet.", ""]
    return with_front_matter("\n".join(lines), front_matter(manifest, Calibration()))


def _conventions(manifest: Manifest) -> list[str]:
    """State how many members are read, and when the output is NaN."""
    lines = []
    for level in manifest.level.walk():
        for member in level.members:
            kept = f"The first {member.maximum} {member.name} by {member.order} are read of each {level.name}"
            few = f"; with fewer than {member.minimum}, it scores NaN" if member.minimum else ""
            lines.append(f"{kept if member.maximum else f'All {member.name} of each {level.name} are read'}{few}.")
    return [*lines, f"Where a number that it reads is not finite, a {manifest.level.name} scores NaN."]
