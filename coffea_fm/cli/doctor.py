"""``coffea-fm doctor``: whether the workers of a cluster have what a run needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coffea_fm.cli.output import Json, show


def doctor(
    given: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[BUNDLE] [FILE]...", help="A bundle to run there, and files or filesets to open there."
        ),
    ] = None,
    cluster: Annotated[
        str, typer.Option(help="local, slurm, htcondor, gateway, or the address of a dask scheduler.")
    ] = "local",
    cluster_config: Annotated[
        Path | None, typer.Option(help="YAML file: memory, wall time, partition, ... of --cluster.")
    ] = None,
    treename: Annotated[str, typer.Option(help="Name of the tree if the fileset has none.")] = "Events",
    as_json: Json = False,
) -> None:
    """Run a bundle and open files on one worker of a cluster, and name what is missing or different there.

    Exits with 1 if a run would fail.
    """
    import coffea_fm
    from coffea_fm.bundle.find import is_bundle

    files = given or []
    bundle, files = (files[0], files[1:]) if files and is_bundle(files[0]) else (None, files)
    found = coffea_fm.doctor(bundle, files, cluster=cluster, cluster_config=cluster_config, treename=treename)
    show(found.summary(), str(found), as_json=as_json)
    if not found.ok:
        raise typer.Exit(1)
