"""The front matter of a model card: the YAML at its top, which model hubs read."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

from coffea_fm.bundle.calibration import Calibration
from coffea_fm.bundle.manifest import Manifest
from coffea_fm.errors import BundleError
from coffea_fm.untrusted.refused import Refused
from coffea_fm.untrusted.yaml_text import parse_yaml

CARD: Final = "README.md"
_FENCE = "---"
_FRONT_MATTER = re.compile(r"\A---\r?\n(.*?)^---[ \t]*\r?\n", re.MULTILINE | re.DOTALL)
_TASK = "other"  # hubs have no task for jets


def front_matter(manifest: Manifest, calibration: Calibration) -> dict[str, Any]:
    """Metadata under which a hub lists a model.

    Parameters
    ----------
    manifest : Manifest
    calibration : Calibration
        Measurements, if any; shown as results by the hub.

    Returns
    -------
    dict of str to Any
        Keys as in https://huggingface.co/docs/hub/model-cards. The licence of the weights is not known here,
        so it is ``"unknown"`` until the author states it.
    """
    scores = any(output.name == "scores" for output in manifest.outputs)
    purpose = f"{manifest.level.name}-{'tagging' if scores else 'embedding'}"
    content: dict[str, Any] = {
        "license": "unknown",
        "library_name": "coffea-fm",
        "tags": ["high-energy-physics", "coffea", "onnx", purpose],
    }
    return content | _results(manifest, calibration)


def with_front_matter(text: str, content: dict[str, Any]) -> str:
    """Replace the front matter of a card, or add it if there is none."""
    dumped = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
    return f"{_FENCE}\n{dumped}{_FENCE}\n{_FRONT_MATTER.sub('', text)}"


def with_results(text: str, manifest: Manifest, calibration: Calibration) -> str:
    """Write the results of `calibration` into the front matter of a card. A card without front matter is unchanged.

    Raises
    ------
    BundleError
        If the front matter is not a YAML mapping.
    """
    content = read_front_matter(text)
    return with_front_matter(text, content | _results(manifest, calibration)) if content else text


def read_front_matter(text: str) -> dict[str, Any]:
    """Read the front matter of a card; empty if it has none.

    Raises
    ------
    BundleError
        If it is not a YAML mapping.
    """
    found = _FRONT_MATTER.match(text)
    if found is None:
        return {}
    damaged = f"the front matter of the model card, between the lines {_FENCE} at its top, is not a YAML mapping"
    try:
        content = parse_yaml(found[1])
    except Refused as error:
        raise BundleError(f"{damaged}: {error}") from error
    if not isinstance(content, dict):
        raise BundleError(damaged)
    return content


def _results(manifest: Manifest, calibration: Calibration) -> dict[str, Any]:
    if calibration.accuracy is None:
        return {}
    metrics = [{"type": "accuracy", "name": "Accuracy", "value": round(calibration.accuracy, 4)}]
    if calibration.expected_calibration_error is not None:
        error = round(calibration.expected_calibration_error, 4)
        metrics.append({"type": "expected_calibration_error", "name": "Expected calibration error", "value": error})
    result = {
        "task": {"type": _TASK, "name": f"Classification of {manifest.level.name}s"},
        "dataset": {"type": "custom", "name": _data(calibration)},
        "metrics": metrics,
    }
    return {"metrics": ["accuracy"], "model-index": [{"name": manifest.name, "results": [result]}]}


def _data(calibration: Calibration) -> str:
    """What it was measured on, in one line. A list of files is replaced by their number."""
    files = calibration.data.split(", ")
    place = files[0] if len(files) == 1 else f"{len(files)} files such as {files[0]}"
    return f"{calibration.n_jets} from {place}" if calibration.n_jets else place
