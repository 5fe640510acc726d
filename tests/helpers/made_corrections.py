"""Correctionlib files in the style of an experiment."""

from __future__ import annotations

from correctionlib import schemav2

from coffea_fm.calibration.correction_set import category


def working_point_factors() -> str:
    """JSON with a correction ``Xbb`` of the working points L and M, by pT, that names no model."""
    shifts = {"nom": 0.0, "up": 0.1, "down": -0.1}
    content = {
        word: category(
            "WorkingPoint",
            [
                (
                    point,
                    {
                        "nodetype": "binning",
                        "input": "pt",
                        "edges": [200, 600, 2000],
                        "flow": "clamp",
                        "content": [level + shift, level + 2 * shift],
                    },
                )
                for point, level in {"L": 0.95, "M": 0.9}.items()
            ],
        )
        for word, shift in shifts.items()
    }
    inputs = {"syst": "string", "WorkingPoint": "string", "pt": "real"}
    correction = schemav2.Correction(
        name="Xbb",
        version=1,
        inputs=[schemav2.Variable(name=name, type=kind) for name, kind in inputs.items()],
        output=schemav2.Variable(name="factor", type="real"),
        data=category("syst", list(content.items())),
    )
    return schemav2.CorrectionSet(schema_version=2, corrections=[correction]).model_dump_json(exclude_unset=True)
