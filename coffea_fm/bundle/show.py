"""Display of a model in a notebook."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from coffea_fm.bundle.calibration import Calibration
from coffea_fm.bundle.manifest import Manifest
from coffea_fm.tokens import Field, Level


def bundle_html(manifest: Manifest, calibration: Calibration | None = None) -> str:
    """Classes, inputs with units and ranges, working points and provenance, as HTML.

    Parameters
    ----------
    manifest : Manifest
    calibration : Calibration, optional
        Measurements of the model.
    """
    templates = Environment(
        loader=PackageLoader("coffea_fm.bundle", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return templates.get_template("bundle.html.jinja").render(
        manifest=manifest,
        calibration=calibration or Calibration(),
        inputs=[row for level in manifest.level.walk() for row in _rows(level)],
        trained_on={
            key: value for key, value in manifest.provenance.data.items() if not isinstance(value, dict | list)
        },
    )


def _rows(level: Level) -> list[dict[str, Any]]:
    name = f"{level.name} (at most {level.maximum})" if level.maximum else level.name
    return [{"level": name, "field": field.name, **_described(field)} for field in level.fields]


def _described(field: Field) -> dict[str, str]:
    trained = "" if field.trained is None else f"{field.trained[0]:g} to {field.trained[1]:g}"
    return {"unit": "" if field.unit == "1" else field.unit, "trained": trained}
