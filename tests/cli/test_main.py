from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest
from typer.testing import CliRunner

from coffea_fm.cli import COMMANDS, main
from coffea_fm.errors import InputError


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
    assert "No such command" in result.stderr


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
        "simulate",
        "collect",
        "tokenizer",
        "pretrain",
        "finetune",
        "export",
        "evaluate",
        "fileset",
        "run",
        "limit",
        "info",
    )
