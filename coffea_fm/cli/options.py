"""Options shared by several commands, declared once and added to the signature that typer reads."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from coffea_fm.errors import RecipeError
from coffea_fm.logs import show_logs
from coffea_fm.running.options import RunOptions

Command = Callable[..., None]
ProcessorOption = Annotated[
    list[str] | None, typer.Option("--option", "-O", help="key=value for the processor's constructor.")
]
_OTHER_FLAGS = {"quiet": ("--quiet", "-q")}
_TYPES: dict[str, Any] = {
    "schema": str,
    "cluster_config": Path | None,
    "workers": int | None,
    "checkpoints": Path | None,
    "performance_report": Path | None,
    "chunksize": str,
    "skip_bad_files": bool,
    "quiet": bool,
}
_ADDED = "__coffea_fm_verbose__"


def with_run_options(**defaults: Any) -> Callable[[Command], Command]:
    """Add the options of a run to a command, which receives them as the mapping `run_options`.

    Parameters
    ----------
    **defaults
        Defaults of the command that differ from those of `RunOptions`.
    """
    shared = fields(RunOptions)

    def decorate(command: Command) -> Command:
        @wraps(command)
        def with_options(**arguments: Any) -> None:
            chosen = {option.name: arguments.pop(option.name) for option in shared}
            chosen["quiet"] |= bool(arguments.get("as_json"))
            command(**arguments, run_options=chosen)

        added = {
            option.name: (
                Annotated[
                    _TYPES.get(option.name, type(option.default)),
                    typer.Option(
                        *_OTHER_FLAGS.get(option.name, [f"--{option.name.replace('_', '-')}"]),
                        help=option.metadata["help"],
                        min=option.metadata["min"],
                    ),
                ],
                defaults.get(option.name, option.default),
            )
            for option in shared
        }
        return _with_parameters(with_options, command, added, instead_of="run_options")

    return decorate


def with_verbose(command: Command) -> Command:
    """Add ``-v`` to a command, so that it may also follow the command's name."""
    if hasattr(command, _ADDED):
        return command

    @wraps(command)
    def with_option(**arguments: Any) -> None:
        if arguments.pop("verbose"):
            show_logs()
        command(**arguments)

    setattr(with_option, _ADDED, True)
    verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log progress.")]
    return _with_parameters(with_option, command, {"verbose": (verbose, False)})


def parse_options(options: Sequence[str] | None) -> dict[str, Any]:
    """``key=value`` pairs, with the values read as YAML: numbers, booleans, lists and strings.

    Raises
    ------
    RecipeError
        If an option has no ``=``, or a value is not valid YAML.
    """
    import yaml

    parsed = {}
    for option in options or []:
        key, equals, value = option.partition("=")
        if not equals:
            raise RecipeError(f"the option {option!r} has no '=': write key=value")
        try:
            parsed[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise RecipeError(f"the value of the option {option!r} is not valid YAML") from error
    return parsed


def numbers_of(text: str, option: str) -> tuple[float, ...]:
    """Numbers separated by commas.

    Raises
    ------
    RecipeError
        If a part is not a number.
    """
    try:
        return tuple(float(part) for part in text.split(",")) if text else ()
    except ValueError as error:
        raise RecipeError(f"{option}={text} is not a list of numbers such as 200,300,500") from error


def _with_parameters(
    function: Command, command: Command, added: dict[str, tuple[Any, Any]], instead_of: str = ""
) -> Command:
    signature = inspect.signature(command, eval_str=True)
    own = [entry for entry in signature.parameters.values() if entry.name != instead_of]
    own = [entry.replace(kind=entry.KEYWORD_ONLY) for entry in own]
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in added.items()
    ]
    # keep --json last in every --help
    own, last = (own[:-1], own[-1:]) if own and own[-1].name == "as_json" else (own, [])
    parameters = [*own, *more, *last]
    function.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    function.__annotations__ = {entry.name: entry.annotation for entry in parameters}
    return function
