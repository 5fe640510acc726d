"""Prediction targets for hidden particles, one file each."""
