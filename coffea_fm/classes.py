"""The ten jet classes of JetClass (arXiv:2202.03772), in the order of every label and score, and finer ones."""

from __future__ import annotations

JET_CLASSES = ("QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl")

FINE_SPLIT: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "QCD": (("unmatched", "light", "gluon", "c", "cc", "b", "bb"), ()),
    "Hbb": ((), ()),
    "Hcc": ((), ()),
    "Hgg": (("light", "c", "b"), ()),
    "H4q": (("0c", "1c", "2c"), (2, 3, 4)),
    "Hqql": (("e0c", "e1c", "mu0c", "mu1c"), (2, 3)),
    "Zqq": (("d", "u", "s", "c", "b"), ()),
    "Wqq": (("0c", "1c"), (1, 2)),
    "Tbqq": (("0c", "1c"), (2, 3)),
    "Tbl": (("e", "mu"), (1, 2)),
}
"""Flavours and numbers of prongs that subdivide each class."""

FINE_CLASSES = tuple(
    "_".join(part for part in (name, flavour, f"{prong}prong" if prong else "") if part)
    for name in JET_CLASSES
    for flavour in FINE_SPLIT[name][0] or ("",)
    for prong in FINE_SPLIT[name][1] or (0,)
)
"""Names such as ``H4q_1c_3prong``: decay, charm quarks or flavour, prongs."""

CLASSES_OF_LABEL = {"label": JET_CLASSES, "fineLabel": FINE_CLASSES}
"""Classes of the labels of simulated jets, by field name."""
