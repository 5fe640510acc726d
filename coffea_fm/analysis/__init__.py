"""Tools shared by analyses: samples and weights, region histograms, inputs of the fit, folds, filesets."""

from __future__ import annotations
