"""A first model card, from what the export knows."""

from __future__ import annotations

from coffea_fm.bundle.manifest import Manifest


def draft_card(manifest: Manifest) -> str:
    """Name, inputs, outputs, numerical check and provenance in Markdown; what was measured is left to be filled in."""
    lines = [f"# {manifest.name}", "", "## Inputs", "", "| group | field | unit | trained on |", "|---|---|---|---|"]
    named = [(group.name, group.fields) for group in manifest.inputs.groups] + [("jet", manifest.inputs.jet)]
    named += [(f"{jets.name}, as given", jets.fields) for jets in manifest.collections]
    for group, fields in named:
        for field in fields:
            trained = f"{field.trained[0]:g} to {field.trained[1]:g}" if field.trained else ""
            lines.append(f"| {group} | `{field.name}` | {field.unit} | {trained} |")
    lines += ["", "## Outputs", ""]
    scores = any(output.name == "scores" for output in manifest.outputs)
    for output in manifest.outputs:
        classes = f": {', '.join(output.classes)}" if output.classes else ""
        what = {"pair": "a pair of tokens", "event": "an event"}.get(output.level, f"a {output.level}")
        lines.append(f"- `{output.name}`, {output.dim} numbers {what}{classes}")
    if check := manifest.check:
        sentence = "onnxruntime and torch differ by at most {:.1e} in the {} batches of the check at export."
        lines += ["", sentence.format(check.maximal_difference, check.cases)]
    lines += [
        "",
        "A jet without constituents, or with an input that is not finite, scores NaN.",
        *(
            f"An event is read from its first {jets.maximum} jets of {jets.name} by {jets.order}; with fewer than "
            f"{jets.minimum}, or with one that scores NaN, it scores NaN."
            for jets in manifest.collections
        ),
        "",
        "## Trained on",
        "",
        *(f"- {name}: {value}" for name, value in manifest.provenance.data.items()),
        "",
        "## Measured",
        "",
        "Not yet: `coffea-fm evaluate`." if scores else "Not yet.",
        "",
    ]
    return "\n".join(lines)
