"""Evaluate taggers: metrics, working points, plots and the tables of a model card."""
