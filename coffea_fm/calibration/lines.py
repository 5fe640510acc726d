"""Measurements of a model as text."""

from __future__ import annotations

from coffea_fm.bundle import Calibration, ScoreScaling


def calibration_lines(calibration: Calibration) -> list[str]:
    """Describe measurements of a model, one per line: temperature, accuracy, calibration error, working points."""
    lines = []
    if calibration.temperature is not None:
        lines.append(f"calibrated with temperature {calibration.temperature:.3f}, inside its graph")
    if calibration.accuracy is not None:
        lines.append(f"accuracy {calibration.accuracy:.4f} on {calibration.n_jets} jets")
    if calibration.expected_calibration_error is not None:
        lines.append(f"expected calibration error {calibration.expected_calibration_error:.4f}")
    if calibration.scaling is not None:
        lines.append(scaling_line(calibration.scaling))
    for point in calibration.working_points:
        lines.append(
            f"working point {point.name}: {point.formula}, efficiency {point.signal_efficiency:.3f} for "
            f"{' + '.join(point.signal)} and {point.background_efficiency:.2e} for {' + '.join(point.background)}"
        )
    return [*lines, f"measured on {calibration.data}"] if lines and calibration.data else lines


def recorded_lines(calibration: Calibration) -> list[str]:
    """Describe what is recorded beside the figures of an evaluation: the score calibration, and cuts of other kinds."""
    lines = [] if calibration.scaling is None else [scaling_line(calibration.scaling)]
    for point in calibration.working_points:
        if point.bins is not None or point.calibrated:
            lines.append(f"working point {point.name}: {point.formula}, efficiency {point.signal_efficiency:.3f}")
    return lines


def scaling_line(scaling: ScoreScaling) -> str:
    """Which calibration of the scores is best, and by how much."""
    losses = [f"{scaling.loss['none']:.5f} as they are"]
    if "temperature" in scaling.loss:
        losses.append(f"{scaling.loss['temperature']:.5f} with the temperature {scaling.temperature:.3f}")
    if "vector" in scaling.loss:
        losses.append(f"{scaling.loss['vector']:.5f} with a weight and a bias per class")
    best = {
        "none": "the scores need no calibration",
        "temperature": "temperature scaling calibrates the scores best (tagger.calibrated)",
        "vector": "vector scaling calibrates the scores best (tagger.calibrated)",
    }[scaling.chosen]
    return f"{best}: negative log-likelihood per jet {', '.join(losses)}, on {scaling.n_tested} jets not used to fit"
