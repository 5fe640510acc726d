"""What the field claims of these methods, and whether it is seen here."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
from study import Study
from weak_supervision import signal_needed

SELF_SUPERVISED = (
    "mpm-v1", "mpm-v2", "mpm-causal", "joint", "next-token", "omnijet", "ssfm", "jetclr", "moco", "swav", "rino", "dino", "dino-ibot",
    "j-jepa", "p-jepa", "hep-jepa", "jp-jepa",
)  # fmt: skip
RESOLVED = 2.0
"""A difference counts if it exceeds so many standard errors of the mean over the seeds."""


class Difference(NamedTuple):
    """Points of accuracy between two encoders on the same labels."""

    mean: float
    error: float

    def __str__(self) -> str:
        if np.isnan(self.mean):
            return "-"
        return f"{self.mean:+.1f}" + ("" if np.isnan(self.error) else f" ± {self.error:.1f}")

    @property
    def verdict(self) -> str:
        """Whether the first is better."""
        if np.isnan(self.mean):
            return "not measured"
        if np.isnan(self.error):
            return "one seed"
        if abs(self.mean) <= RESOLVED * self.error:
            return "not resolved"
        return "holds" if self.mean > 0 else "the opposite"


class Claim(NamedTuple):
    """One row of the table; `found` gives its text and verdict."""

    text: str
    expected: str
    found: Callable[[pd.DataFrame, Study], tuple[str, str]]


def difference(
    results: pd.DataFrame, better: str, worse: str, way: str, labels: int, sample: str = "test"
) -> Difference:
    """How much better one encoder is than another, paired by the set of labels."""
    rows = results[(results["way"] == way) & (results["labels"] == labels) & (results["sample"] == sample)]
    left, right = (rows[rows["encoder"] == name].set_index("seed")["accuracy"] for name in (better, worse))
    gains = 100 * (left - right).dropna()
    return Difference(float(gains.mean()), float(gains.sem()))


def compared(better: str, worse: str) -> Callable[[pd.DataFrame, Study], tuple[str, str]]:
    """One encoder against another: frozen with 10,000 labels, and fine-tuned with 1,000 where both were."""

    def found(results: pd.DataFrame, _study: Study) -> tuple[str, str]:
        ways = (("linear", 10_000), ("head", 10_000), ("full", 1_000))
        gains = {way: difference(results, better, worse, way, labels) for way, labels in ways}
        measured = {way: gain for way, gain in gains.items() if way != "full" or not np.isnan(gain.mean)}
        return (
            ", ".join(f"{way} {gain}" for way, gain in measured.items()),
            "; ".join(f"{way}: {gain.verdict}" for way, gain in measured.items()),
        )

    return found


def not_better(first: str, second: str) -> Callable[[pd.DataFrame, Study], tuple[str, str]]:
    """A control: what the first encoder has more than the second is to be of no use."""

    def found(results: pd.DataFrame, study: Study) -> tuple[str, str]:
        text, verdict = compared(first, second)(results, study)
        return text, verdict if "not measured" in verdict else "does not hold" if "holds" in verdict else "holds"

    return found


def gains_over_scratch(results: pd.DataFrame, study: Study) -> tuple[str, str]:
    """Every self-supervised method against scratch, by number of labels."""
    texts, verdicts = [], []
    for name in SELF_SUPERVISED:
        gains = [difference(results, name, "scratch", "full", labels) for labels in study.labels]
        if np.isnan(gains[1].mean):
            continue
        texts.append(f"{name} " + ", ".join(map(str, gains)))
        means = [gain.mean for gain in gains[1:] if not np.isnan(gain.mean)]
        shrinks = len(means) > 1 and all(more > fewer for more, fewer in pairwise(means))
        verdicts.append(f"{name}: {gains[1].verdict}" + (", shrinks" if shrinks else ", does not shrink"))
    return "; ".join(texts), "; ".join(verdicts) or "not measured"


def against_random(results: pd.DataFrame, _study: Study) -> tuple[str, str]:
    """Every self-supervised method against the untrained encoder, by linear probe."""
    gains = {name: difference(results, name, "random", "linear", 10_000) for name in SELF_SUPERVISED}
    found = {name: gain for name, gain in gains.items() if not np.isnan(gain.mean)}
    return (
        "; ".join(f"{name} {gain}" for name, gain in found.items()),
        "; ".join(f"{name}: {gain.verdict}" for name, gain in found.items()) or "not measured",
    )


def position_all(results: pd.DataFrame, study: Study) -> tuple[str, str]:
    """Pretext loss and probe with the position among all particles instead of the hidden ones."""
    losses = {name: pretext_loss(study, name) for name in ("mae-position-all", "mae-kmeans-id")}
    if np.isnan(list(losses.values())).any():
        return "", "not measured"
    text, verdict = compared("mae-position-all", "mae-kmeans-id")(results, study)
    lower = losses["mae-position-all"] < losses["mae-kmeans-id"]
    return (
        f"loss {losses['mae-position-all']:.2f} against {losses['mae-kmeans-id']:.2f}; {text}",
        f"loss {'lower' if lower else 'not lower'}; better by {verdict}",
    )


def pretext_loss(study: Study, name: str) -> float:
    """Validation loss at the end of a pretraining; NaN before."""
    path = study.work / "encoders" / name / "log.csv"
    losses = pd.read_csv(path)["validation_loss"].dropna() if path.exists() else []
    return float(losses.iloc[-1]) if len(losses) else float("nan")


def out_of_domain(results: pd.DataFrame, _study: Study) -> tuple[str, str]:
    """RINO against scratch in domain and out of it."""
    texts, verdicts = [], []
    for sample in ("test", "above-1-tev", "other-tune", "other-simulation"):
        gain = difference(results, "rino", "scratch", "full", 1_000, sample)
        texts.append(f"{sample} {gain}")
        verdicts.append(f"{sample}: {gain.verdict}")
    return "; ".join(texts), "; ".join(verdicts)


def occupancy(_results: pd.DataFrame, study: Study) -> tuple[str, str]:
    """Share of the codes that are used without and with what keeps a codebook from collapsing."""
    paths = [study.work / "results" / "tokenizers" / f"{name}.json" for name in ("no-fixes", "all-fixes")]
    if not all(path.exists() for path in paths):
        return "", "not measured"
    without, fixed = (float(json.loads(path.read_text())["occupancy"]) for path in paths)
    return f"{100 * without:.1f}% without, {100 * fixed:.1f}% with all", "holds" if fixed > without else "the opposite"


def weak_supervision(_results: pd.DataFrame, study: Study) -> tuple[str, str]:
    """Signal jets that a weakly supervised search needs on embeddings, and on what no pretraining gives."""
    needed = {}
    for name in ("raw-features", "random", *SELF_SUPERVISED, "supervised"):
        path = study.work / "results" / "searches" / f"{name}.json"
        if path.exists():
            needed[name] = signal_needed(json.loads(path.read_text()))
    if "random" not in needed:
        return "", "not measured"
    fewer = [
        name for name in SELF_SUPERVISED if needed.get(name, np.inf) < min(needed["random"], needed["raw-features"])
    ]
    return (
        "; ".join(f"{name} {number:.0f}" for name, number in needed.items()),
        f"holds for {', '.join(fewer)}" if fewer else "not seen",
    )


CLAIMS = (
    Claim("pretrained + fine-tuned beats scratch, the gap shrinks with labels (100, 1k, 10k, 100k)",
          "Δ(1k) > Δ(10k) > Δ(all) ≥ 0", gains_over_scratch),
    Claim("every method beats a random encoder on the probe", "by more than the error", against_random),
    Claim("MPM ladder: k-means targets beat regression (replaced particles)", "mostly",
          compared("bert-kmeans", "bert-regression")),
    Claim("... VQ-VAE targets as good as k-means", "published: k-means at least", compared("bert-kmeans", "bert-vq")),
    Claim("... + impact parameters among the targets", "≥", compared("bert-kmeans", "bert-kmeans-momenta")),
    Claim("... the same where no particle has a lifetime", "null control, no gain",
          not_better("no-lifetimes-kmeans", "no-lifetimes-kmeans-momenta")),
    Claim("... + id target", "≥", compared("bert-kmeans-id", "bert-kmeans")),
    Claim("... excluded particles and a decoder beat replaced ones, for regression", "≫",
          compared("mae-regression", "bert-regression")),
    Claim("position over all particles instead of the hidden ones", "lower loss, no better probe", position_all),
    Claim("hiding 0.4 beats hiding 0.9", "robust", compared("mae-kmeans-id", "mae-hidden-0.9")),
    Claim("continuous input beats quantised input", "robust", compared("mae-kmeans-id", "mae-quantised")),
    Claim("collapse fixes raise codebook occupancy", "robust", occupancy),
    Claim("JetCLR: soft + collinear beats symmetries only", "robust",
          compared("jetclr-soft-collinear", "jetclr-symmetries")),
    Claim("JetCLR: symmetries beat no change at all", "robust", compared("jetclr-symmetries", "jetclr-none")),
    Claim("RINO against scratch: worse in domain, better out of it", "robust if the shift is strong", out_of_domain),
    Claim("46 fine classes transfer better than 10", "likely", compared("supervised-fine", "supervised")),
    Claim("CWoLa: signal jets among 5,000 needed for SIC > 1 fall with pretraining", "robust", weak_supervision),
)  # fmt: skip


def claims_table(results: pd.DataFrame, study: Study) -> str:
    """Expected, found and verdict of each claim that was tested; differences are points of accuracy."""
    lines = ["| claim | expected | found | verdict |", "|---|---|---|---|"]
    for claim in CLAIMS:
        found, verdict = claim.found(results, study)
        if not all(part.endswith("not measured") for part in verdict.split("; ")):
            lines.append(f"| {claim.text} | {claim.expected} | {found} | {verdict} |")
    return "\n".join(lines) + "\n"
