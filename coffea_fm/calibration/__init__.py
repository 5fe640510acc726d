"""Calibration of scores as probabilities, working points, and their record in a bundle."""
