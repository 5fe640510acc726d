"""Clusters that a run can use: one file a kind, one line each in `table`."""
