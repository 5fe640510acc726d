"""Whether a worker of a cluster has what a run needs: `coffea_fm.doctor`."""
