from __future__ import annotations

import inspect
import logging
import subprocess
import sys
from dataclasses import fields
from importlib import import_module
from types import ModuleType

import pytest
from typer.testing import CliRunner

import coffea_fm
from coffea_fm.cli import COMMANDS, main
from coffea_fm.errors import InputError
from coffea_fm.running.options import RunKeywords, RunOptions


def fake_command(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    module = ModuleType("coffea_fm.cli.info")

    def info() -> None:
        raise error

    module.info = info  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "coffea_fm.cli.info", module)


def test_expected_error_is_one_sentence_and_exit_code_one(monkeypatch):
    fake_command(monkeypatch, InputError("the file has no jets"))
    result = CliRunner().invoke(main, ["info"])
    assert result.exit_code == 1
    assert result.stderr == "coffea-fm: the file has no jets\n"
    assert result.stdout == ""


@pytest.mark.parametrize(("module", "extra"), [("torch", "train"), ("torch.nn", "train"), ("pythia8mc", "simulate")])
def test_missing_extra_says_what_to_install(monkeypatch, module, extra):
    fake_command(monkeypatch, ModuleNotFoundError(f"No module named {module!r}", name=module))
    result = CliRunner().invoke(main, ["info"])
    assert result.exit_code == 1
    assert f"coffea-fm[{extra}]" in result.stderr


def test_a_bug_is_not_hidden(monkeypatch):
    fake_command(monkeypatch, ModuleNotFoundError("No module named 'mistyped'", name="mistyped"))
    assert isinstance(CliRunner().invoke(main, ["info"]).exception, ModuleNotFoundError)


def test_interrupt_exits_with_130(monkeypatch):
    fake_command(monkeypatch, KeyboardInterrupt())
    assert CliRunner().invoke(main, ["info"]).exit_code == 130


def test_unknown_command_is_refused():
    result = CliRunner().invoke(main, ["runn"])
    assert result.exit_code == 2
    assert "No such command 'runn': did you mean 'run'?" in result.stderr


def test_help_lists_the_commands_without_heavy_imports():
    code = (
        "import sys; from typer.testing import CliRunner; from coffea_fm.cli import main\n"
        "print(CliRunner().invoke(main, ['--help']).stdout)\n"
        "print('HEAVY', [m for m in ('torch', 'coffea', 'onnxruntime', 'matplotlib') if m in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "HEAVY []" in output
    assert all(name in output for name in ("run", "evaluate", "info", "demo"))


def test_commands_are_those_of_the_architecture():
    assert COMMANDS == (
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


def test_version():
    result = CliRunner().invoke(main, ["--version"])
    assert (result.exit_code, result.stdout.split()[0]) == (0, "coffea-fm")


def test_completion_is_offered():
    assert "--install-completion" in CliRunner().invoke(main, ["--help"]).stdout


@pytest.mark.parametrize("arguments", [["-v", "info"], ["info", "-v"], ["info"]])
def test_verbose_shows_the_log(monkeypatch, arguments):
    module = ModuleType("coffea_fm.cli.info")

    def info() -> None:
        logging.getLogger("coffea_fm.inference").info("provider CPU")

    module.info = info  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "coffea_fm.cli.info", module)
    logger = logging.getLogger("coffea_fm")
    level, handlers = logger.level, list(logger.handlers)
    logger.setLevel(logging.WARNING)
    try:
        result = CliRunner().invoke(main, arguments)
    finally:
        logger.setLevel(level)
        logger.handlers = handlers
    assert result.exit_code == 0
    assert ("coffea_fm.inference: provider CPU" in result.stderr) == ("-v" in arguments)


def test_the_library_shows_its_surface_and_stays_light():
    code = (
        "import sys, coffea_fm, inspect\n"
        "assert not [m for m in ('torch', 'coffea', 'awkward', 'numpy') if m in sys.modules]\n"
        "print(*dir(coffea_fm))\n"
        "assert inspect.isfunction(coffea_fm.run)\n"
        "import cloudpickle; assert cloudpickle.loads(cloudpickle.dumps(coffea_fm)) is coffea_fm"
    )
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    names = {
        "collect",
        "compare",
        "demo",
        "evaluate",
        "limit",
        "models",
        "export",
        "finetune",
        "load",
        "pretrain",
        "report",
        "run",
        "simulate",
        "RunOptions",
    }
    assert names <= set(output.split())


def test_export_is_a_function_beside_the_package_of_that_name():
    package = import_module("coffea_fm.export")
    assert inspect.isfunction(coffea_fm.export)
    assert coffea_fm.export.__module__.startswith(package.__name__)


@pytest.mark.parametrize("command", ["run", "collect", "evaluate"])
def test_the_options_of_a_run_are_those_of_the_library(command):
    text = CliRunner().invoke(main, [command, "--help"], env={"COLUMNS": "200"}).stdout
    assert [option.name for option in fields(RunOptions)] == list(RunKeywords.__annotations__)
    for option in fields(RunOptions):
        assert f"--{option.name.replace('_', '-')}" in text
        if command != "evaluate":
            assert option.name in inspect.signature(getattr(coffea_fm, command)).parameters
