"""The ten jet classes of JetClass (arXiv:2202.03772), in the order of every label and score."""

from __future__ import annotations

JET_CLASSES = ("QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl")
