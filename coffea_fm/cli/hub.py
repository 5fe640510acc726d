"""``coffea-fm hub``: push bundles to a model hub, or pull them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coffea_fm.cli.output import Json, show

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Push bundles to a model hub, or pull them from it.",
    epilog="The server is HF_ENDPOINT, by default https://huggingface.co. Log in with 'hf auth login' or HF_TOKEN.",
)
Repository = Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The repository on the hub.")]


@app.command()
def push(
    bundle: Annotated[str, typer.Argument(help="Name, folder or .zip of a bundle.")],
    repository: Repository,
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
    revision: Annotated[str | None, typer.Option(help="Branch; by default the main branch.")] = None,
    message: Annotated[str | None, typer.Option(help="Commit message.")] = None,
    as_json: Json = False,
) -> None:
    """Verify a bundle and push its files in one commit. The repository is created if it does not exist."""
    from coffea_fm.bundle import hub

    commit = hub.push(bundle, repository, private=private, revision=revision, message=message)
    text = f"pushed {bundle}: {commit}\nload it with coffea_fm.load('hf://{repository}')"
    show({"repository": repository, "commit": commit}, text, as_json=as_json)


@app.command()
def pull(
    repository: Repository,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the bundle; by default NAME in the working directory."),
    ] = None,
    revision: Annotated[str | None, typer.Option(help="A branch, a tag or a commit.")] = None,
    as_json: Json = False,
) -> None:
    """Pull a bundle and verify it. Only the graphs, manifest, calibration and card are downloaded."""
    from coffea_fm.bundle import hub

    folder, bundle = hub.pull(repository, output, revision=revision)
    account = {"folder": str(folder), "checksum": bundle.checksum, "bundle_checksum": bundle.bundle_checksum}
    show(account, f"wrote {folder} (model {bundle.checksum[:12]}); next: coffea-fm info {folder}", as_json=as_json)
