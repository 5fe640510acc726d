"""Working points as a correctionlib file: their cuts and efficiencies."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import correctionlib
from correctionlib import schemav2

from coffea_fm.bundle import Calibration, WorkingPoint
from coffea_fm.errors import BundleError
from coffea_fm.files import atomic
from coffea_fm.inference.base import BaseTagger
from coffea_fm.inference.corrections.file import name_of

_SYSTEMATICS = ("nominal", "up", "down")


def write_corrections(tagger: BaseTagger, path: str | os.PathLike[str]) -> schemav2.CorrectionSet:
    """Write the working points of a tagger as a correctionlib file (schema version 2).

    The names end in the first twelve digits of the model's checksum:

    - ``cut_CHECKSUM(working_point, pt)`` is the smallest discriminant that passes,
    - ``efficiency_CHECKSUM(systematic, working_point, true_class, pt)`` is the fraction of jets of a true class that
      passes; ``up`` and ``down`` are the ends of its 68% Clopper-Pearson interval.

    Without bins of pT there is no input ``pt``.

    Parameters
    ----------
    tagger : Tagger
        With working points, see ``coffea-fm evaluate --record``.
    path : path-like
        The JSON file.

    Returns
    -------
    correctionlib.schemav2.CorrectionSet
        Its content.

    Raises
    ------
    BundleError
        If the tagger has no working points.
    """
    return write_correction_set(path, tagger.name, tagger.checksum, tagger.calibration)


def write_correction_set(
    path: str | os.PathLike[str], name: str, checksum: str, calibration: Calibration
) -> schemav2.CorrectionSet:
    """Write the working points of a model that are not, or not yet, in its bundle; see `write_corrections`."""
    content = correction_set(name, checksum, calibration)
    with atomic(Path(path)) as temporary:
        temporary.write_text(content.model_dump_json(indent=1, exclude_unset=True) + "\n", encoding="utf-8")
    return content


def correction_set(name: str, checksum: str, calibration: Calibration) -> schemav2.CorrectionSet:
    """Cuts and efficiencies of the working points of a model; see `write_corrections`.

    Raises
    ------
    BundleError
        If there are no working points.
    """
    points = calibration.working_points
    if not points or not all(point.efficiencies for point in points):
        raise BundleError(
            f"the bundle {name!r} has no working points with efficiencies: measure them with 'coffea-fm evaluate --record'"
        )
    of = f"working points of the bundle {name} ({checksum})"
    scores = "calibrated scores" if points[0].calibrated else "the scores of the model"
    cut = _correction(
        name_of("cut", checksum),
        f"Smallest discriminant that passes the {of}: signal / (signal + background) of {scores}",
        ["working_point", *_fields(points)],
        "discriminant",
        category("working_point", [(point.name, _binned(point, _cuts(point))) for point in points]),
    )
    efficiency = _correction(
        name_of("efficiency", checksum),
        f"Fraction of jets of a true class that passes the {of}",
        ["systematic", "working_point", "true_class", *_fields(points)],
        "efficiency",
        category("systematic", [(each, _by_point(points, each)) for each in _SYSTEMATICS]),
    )
    described = schemav2.CorrectionSet(
        schema_version=2,
        description=f"Measured on {calibration.n_jets} jets of {calibration.data}",
        corrections=[cut, efficiency],
    )
    correctionlib.CorrectionSet.from_string(described.model_dump_json(exclude_unset=True))  # it can be evaluated
    return described


def _by_point(points: Sequence[WorkingPoint], systematic: str) -> schemav2.Category:
    column: Callable[[Any], Sequence[float]] = {
        "nominal": lambda measured: measured.efficiency,
        "up": lambda measured: measured.high,
        "down": lambda measured: measured.low,
    }[systematic]
    items = []
    for point in points:
        classes = [(name, _binned(point, column(each))) for name, each in point.efficiencies.items()]
        items.append((point.name, category("true_class", classes)))
    return category("working_point", items)


def _cuts(point: WorkingPoint) -> Sequence[float]:
    return [point.cut] if point.bins is None else point.bins.cuts


def _fields(points: Sequence[WorkingPoint]) -> list[str]:
    return sorted({point.bins.field for point in points if point.bins is not None})


def _binned(point: WorkingPoint, values: Sequence[float]) -> Any:
    if point.bins is None:
        return float(values[0])
    return schemav2.Binning(
        nodetype="binning", input=point.bins.field, edges=list(point.bins.edges), content=list(values), flow="clamp"
    )


def category(name: str, items: Sequence[tuple[str, Any]]) -> schemav2.Category:
    """A node that chooses by the word of an input."""
    content = [schemav2.CategoryItem(key=key, value=value) for key, value in items]
    return schemav2.Category(nodetype="category", input=name, content=content)


def _correction(name: str, text: str, inputs: Sequence[str], output: str, data: Any) -> schemav2.Correction:
    texts = ("systematic", "working_point", "true_class")
    variables = [schemav2.Variable(name=each, type="string" if each in texts else "real") for each in inputs]
    return schemav2.Correction(
        name=name,
        description=text,
        version=1,
        inputs=variables,
        output=schemav2.Variable(name=output, type="real"),
        data=data,
    )
