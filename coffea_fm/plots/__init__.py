"""Figures, all in one style: shapes, stacks, variations, ROC curves, matrices."""
