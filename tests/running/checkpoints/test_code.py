from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from coffea_fm.running.checkpoints.store import fingerprint
from coffea_fm.running.processors import load_processor
from coffea_fm.schemas import NanoAODSchema, PFNanoAODSchema

FILES = {
    "main.py": """
        from coffea.processor import ProcessorABC
        from helper import double
        from package.deep import part

        class Main(ProcessorABC):
            def __init__(self, scale=1):
                self.scale = scale

            def process(self, events):
                import late
                return {"events": double(len(events)) + late.NUMBER + part.NUMBER}

            def postprocess(self, accumulator): ...
        """,
    "helper.py": "import second\n\ndef double(number):\n    return second.TWO * number\n",
    "second.py": 'from pathlib import Path\nTWO = 2\nTABLE = Path(__file__).parent / "table.json"\n',
    "table.json": "1",
    "late.py": "NUMBER = 0\n",
    "package/__init__.py": "",
    "package/base.py": "NUMBER = 0\n",
    "package/deep/__init__.py": "",
    "package/deep/part.py": "from ..base import NUMBER\n",
    "unrelated.py": "NUMBER = 0\n",
}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Path]:
    """A processor, what it imports, and what it does not."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        lines = text.splitlines()
        (tmp_path / name).write_text("\n".join(line.removeprefix("        ") for line in lines) + "\n")
    yield tmp_path
    forget()


def forget() -> None:
    """As in a new process."""
    for name in ("helper", "second", "late", "package", "package.base", "package.deep", "package.deep.part"):
        sys.modules.pop(name, None)


def now(own: Path, **options: object) -> str:
    forget()
    return fingerprint(load_processor(str(own / "main.py"), options), PFNanoAODSchema)


@pytest.mark.parametrize("name", [name for name in FILES if name not in ("unrelated.py", "table.json")])
def test_a_changed_module_is_another_run(own: Path, name: str) -> None:
    before = now(own)
    assert now(own) == before
    with (own / name).open("a") as file:
        file.write("\nMORE = 1\n")
    assert now(own) != before


def test_a_file_that_the_code_names_counts_and_one_that_nothing_imports_does_not(own: Path) -> None:
    before = now(own)
    (own / "unrelated.py").write_text("NUMBER = 1\n")
    assert now(own) == before
    (own / "table.json").write_text("2")
    assert now(own) != before


def test_code_that_imports_by_a_computed_name_counts_with_all_beside_it(own: Path) -> None:
    with (own / "helper.py").open("a") as file:
        file.write("\nimport importlib\n\ndef load(name):\n    return importlib.import_module(name)\n")
    before = now(own)
    (own / "unrelated.py").write_text("NUMBER = 1\n")
    assert now(own) != before


def test_what_is_in_memory_counts_when_its_file_has_changed(own: Path) -> None:
    """The results are those of the old code, and must not be taken for those of the new."""
    instance = load_processor(str(own / "main.py"))
    (own / "second.py").write_text(
        (own / "second.py").read_text().replace("2", "33")
    )  # of another size, or Python may take its cached bytecode
    assert fingerprint(instance, PFNanoAODSchema) != now(own)


def test_options_and_schema_are_part_of_it(own: Path) -> None:
    assert now(own, scale=2) != now(own)
    instance = load_processor(str(own / "main.py"))
    assert fingerprint(instance, NanoAODSchema) != fingerprint(instance, PFNanoAODSchema)


def test_versions_are_part_of_it(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = now(own)
    monkeypatch.setattr("coffea_fm.running.checkpoints.code._version", lambda _: "99")
    assert now(own) != before
