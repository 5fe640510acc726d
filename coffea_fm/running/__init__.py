"""Run any coffea processor over a fileset, locally or on a dask cluster, and write its output."""
