"""The command ``coffea-fm``: one thin module a command, imported when it is asked for.

The module ``coffea_fm.cli.NAME`` (``NAME_`` if that is a keyword of Python) holds either a function of that name or, where the command has commands of its own, a
`typer.Typer` called ``app``. Its heavy imports stay inside the function, so that ``--help`` is instant.
"""

from __future__ import annotations

import sys
from importlib import import_module
from keyword import iskeyword
from typing import Annotated, Any

import typer
import typer.core

from coffea_fm.cli.options import with_verbose
from coffea_fm.errors import CoffeaFMError
from coffea_fm.logs import show_logs
from coffea_fm.names import nearest

COMMANDS = (
    "demo",
    "models",
    "simulate",
    "collect",
    "tokenizer",
    "pretrain",
    "finetune",
    "generate",
    "export",
    "fast",
    "import",
    "export-triton",
    "evaluate",
    "fileset",
    "doctor",
    "run",
    "skim",
    "merge",
    "checkpoints",
    "limit",
    "info",
    "hub",
)
EXTRAS = {
    "torch": "train",
    "lightning_fabric": "train",
    "safetensors": "train",
    "onnx": "import",
    "sklearn": "train",
    "tensorboard": "train",
    "pythia8mc": "simulate",
    "fastjet": "simulate",
    "onnxruntime": "cpu",
    "cabinetry": "limit",
    "pyhf": "limit",
    "iminuit": "limit",
    "huggingface_hub": "hub",
    "tritonclient": "triton",
    "dask_jobqueue": "jobqueue",
    "dask_gateway": "gateway",
}


class Commands(typer.core.TyperGroup):
    """The group of commands: finds each by name and turns expected errors into one sentence."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Names of the commands, in the order of the workflow."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> typer.core.TyperCommand | None:  # noqa: ARG002
        """The command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        stem = cmd_name.replace("-", "_") + "_" * iskeyword(cmd_name)
        module = import_module(f"{__name__}.{stem}")
        app = getattr(module, "app", None)
        if app is None:
            app = typer.Typer(add_completion=False)
            app.command(cmd_name)(getattr(module, stem))
        for registered in app.registered_commands:
            if registered.callback is not None:
                registered.callback = with_verbose(registered.callback)
        command = typer.main.get_command(app)
        command.name = cmd_name
        return command  # type: ignore[return-value]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is asked for; a typing error is answered with the nearest one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}: {nearest(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> object:
        """Run the command; an error that a user can act on ends it with one sentence and exit code 1."""
        try:
            return super().invoke(ctx)
        except CoffeaFMError as error:
            print(f"coffea-fm: {error}", file=sys.stderr)
            raise typer.Exit(1) from error
        except ModuleNotFoundError as error:
            extra = EXTRAS.get((error.name or "").partition(".")[0])
            if extra is None:
                raise
            print(f"coffea-fm: {error.name} is not installed: pip install 'coffea-fm[{extra}]'", file=sys.stderr)
            raise typer.Exit(1) from error
        except KeyboardInterrupt as error:
            print("coffea-fm: stopped; files written so far are complete", file=sys.stderr)
            raise typer.Exit(130) from error


main = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False)


def _version(asked: bool) -> None:
    if asked:
        from coffea_fm._version import version

        print(f"coffea-fm {version}")
        raise typer.Exit


@main.callback()
def _group(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log each step.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback prints it
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Foundation models in coffea analyses: train in torch, export to ONNX, call on awkward arrays."""
    if verbose:
        show_logs()
