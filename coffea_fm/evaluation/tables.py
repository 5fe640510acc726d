"""The tables of a model card."""

from __future__ import annotations

from coffea_fm.evaluation.classification import Metrics
from coffea_fm.evaluation.discrimination import Rejection


def metrics_table(metrics: Metrics) -> str:
    """Accuracy in a sentence, then AUC and rejection of each class against the background, in Markdown."""
    lines = [
        f"Accuracy on {metrics.jets} jets of {len(metrics.classes)} classes: "
        f"{metrics.accuracy:.4f} ± {metrics.accuracy_error:.4f}"
        + (f" ({metrics.unscored} more have no score)" if metrics.unscored else "")
        + f"; expected calibration error {metrics.reliability.expected_error:.4f}.",
        "",
        f"| class | jets | AUC vs {metrics.background} | {metrics.background} rejection at {metrics.efficiency:.0%} efficiency |",
        "|---|---:|---:|---:|",
    ]
    for name, separation in metrics.against_background.items():
        lines.append(f"| {name} | {separation.jets} | {separation.auc:.4f} | {_rejection(separation.rejection)} |")
    return "\n".join(lines)


def confusion_table(metrics: Metrics) -> str:
    """Fraction of each true class predicted as each class, in Markdown."""
    lines = [
        f"| true \\ predicted | {' | '.join(metrics.classes)} |",
        f"|---|{'---:|' * len(metrics.classes)}",
    ]
    for name, row in zip(metrics.classes, metrics.confusion, strict=True):
        lines.append(f"| {name} | {' | '.join(f'{fraction:.3f}' for fraction in row)} |")
    return "\n".join(lines)


def _rejection(rejection: Rejection) -> str:
    if rejection.value is None or rejection.error is None:
        return f"> {rejection.lower_limit:.0f} (95% CL)"
    digits = 0 if rejection.error >= 10 else 1
    return f"{rejection.value:.{digits}f} ± {rejection.error:.{digits}f}"
