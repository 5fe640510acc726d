"""What analyses share: samples and their weights, region histograms, what a run hands to the fit, folds, filesets."""

from __future__ import annotations
