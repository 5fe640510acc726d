"""Help of a command that runs a processor, including the options of the named processor."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

from coffea_fm.errors import CoffeaFMError


class ProcessorHelp(TyperCommand):
    """``coffea-fm run tag_jets --help`` ends with the options of ``tag_jets``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Remember the command line, because ``--help`` exits before it is parsed."""
        ctx.meta["arguments"] = list(args)
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help of the command, then that of the processor."""
        super().format_help(ctx, formatter)
        values, _, _ = self.make_parser(ctx).parse_args(args=ctx.meta.get("arguments", []))
        if not isinstance(name := values.get("processor"), str):
            return
        from coffea_fm.running.processors import describe_options

        try:
            text = describe_options(name)
        except CoffeaFMError as error:
            text = str(error)
        print(text)
