"""The code that a processor runs: its modules, and what they import from the user's side, however deep."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from types import FunctionType
from typing import Any

import cloudpickle  # type: ignore[import-untyped]

from coffea_fm.running.checkpoints.canonical import Canonical, content

_ALWAYS = ("coffea", "awkward", "hist", "boost_histogram", "numpy", "uproot", "onnxruntime", "vector")
_DYNAMIC = ("import_module", "__import__", "run_path", "exec", "spec_from_file_location")
_PACKAGE = Path(__file__).parents[2]


def describe_code(modules: Iterable[str]) -> dict[str, str]:
    """What the code is: hashes of source files by module, and versions of installed packages.

    Parameters
    ----------
    modules : iterable of str
        Names of the modules that define the processor and what it holds. Modules that they import are followed, also
        from within functions, as long as they are not installed packages. Files that a string in the code names,
        relative to it, count as code. Where code imports by a computed name, all modules beside it count.

    Returns
    -------
    dict of str to str
        Empty for the standard library.
    """
    found = {"python": sys.version.split()[0], "coffea_fm": _of_package()}
    found |= {name: _version(name) for name in _ALWAYS}
    waiting = [(name, Path.cwd()) for name in {*modules, *cloudpickle.list_registry_pickle_by_value()}]
    seen: set[Path] = set()
    while waiting:
        name, folder = waiting.pop()
        top = name.partition(".")[0]
        if top in ("coffea_fm", *_ALWAYS) or top in sys.stdlib_module_names - {"__main__"}:
            continue
        for module, path in _files(name, folder):
            if _is_installed(path):
                found[top] = _version(top)
            elif path not in seen:
                seen.add(path)
                read = _Module(path, module)
                found[f"module {module}"] = f"{read.digest} {_loaded(module)}"
                waiting += [(imported, path.parent) for imported in read.imports]
    return found


class _Module:
    """A source file of the user's."""

    def __init__(self, path: Path, name: str) -> None:
        source = path.read_bytes()
        digest = hashlib.sha256(source)
        self.imports: set[str] = set()
        if path.suffix == ".py" and (tree := _parsed(source)) is not None:
            package = name if path.name == "__init__.py" else name.rpartition(".")[0]
            self.imports = set(_imports(tree, package))
            for file in sorted(_named_files(tree, path.parent)):
                digest.update(content(file))
            if _is_dynamic(tree):
                for file in sorted(path.parent.rglob("*.py")):
                    digest.update(file.read_bytes())
        self.digest = digest.hexdigest()


def _parsed(source: bytes) -> ast.Module | None:
    """The code; None for what is not Python of this version, and so cannot be imported either."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return None


def _loaded(name: str) -> str:
    """Hash of a module as it is in memory: in a notebook, its file may have changed after the import."""
    canonical = Canonical()
    members = vars(sys.modules[name]) if name in sys.modules else {}
    parts = [
        (key, canonical.digest(_code(value, name), key))
        for key, value in sorted(members.items())
        if not key.startswith("__") and _code(value, name) is not None
    ]
    return canonical.digest(parts, name).hex()


def _code(value: Any, module: str) -> Any:
    """What of a member of a module is code or a plain constant; None for anything that may change while it is used."""
    if isinstance(value, bool | int | float | str | bytes):
        return (type(value).__name__, value.encode() if isinstance(value, str) else value)
    if isinstance(value, staticmethod | classmethod):
        return _code(value.__func__, module)
    if isinstance(value, property):
        return [_code(part, module) for part in (value.fget, value.fset, value.fdel)]
    if isinstance(value, FunctionType) and value.__module__ == module:
        return value.__code__
    if isinstance(value, type) and value.__module__ == module:
        members = sorted(vars(value).items())
        return [(key, _code(part, module)) for key, part in members if key not in ("__doc__", "__module__")]
    return None


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Full names of what is imported anywhere in the code; of ``from a import b`` both ``a`` and ``a.b``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join(filter(None, [*above, base]))
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _is_dynamic(tree: ast.AST) -> bool:
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return not names.isdisjoint(_DYNAMIC)


def _named_files(tree: ast.AST, folder: Path) -> Iterator[Path]:
    """Files beside the code that a string in it names, such as corrections."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and 0 < len(node.value) < 256:
            path = folder / node.value
            try:
                if "." in path.name and path.is_file():
                    yield path
            except (OSError, ValueError):
                continue


def _files(name: str, folder: Path) -> list[tuple[str, Path]]:
    """Modules that importing one runs, with their files: the packages around it, and itself."""
    parts = name.split(".")
    names = [".".join(parts[: end + 1]) for end in range(len(parts))]
    files = [(each, _file(each, folder)) for each in names]
    return [(each, file) for each, file in files if file is not None]


def _file(name: str, folder: Path) -> Path | None:
    loaded = sys.modules.get(name)
    file = getattr(loaded, "__file__", None)
    if file is None and loaded is None:
        file = _origin(name, folder)
    path = Path(file) if file else None
    return path if path is not None and path.is_file() else None


def _origin(name: str, folder: Path) -> str | None:
    """Where a module that is not imported yet would come from."""
    try:
        parent, _, _ = name.rpartition(".")
        if not parent:
            found = PathFinder.find_spec(name, [str(folder), str(Path.cwd()), *sys.path])
        elif (package := _file(parent, folder)) is not None and package.name == "__init__.py":
            found = PathFinder.find_spec(name, [str(package.parent)])
        else:
            found = None
    except (ImportError, ValueError, AttributeError):
        return None
    return found.origin if found is not None and found.has_location else None


def _is_installed(path: Path) -> bool:
    return any(Path(place) in path.parents for place in _installed())


@cache
def _installed() -> tuple[str, ...]:
    import site

    paths = sysconfig.get_paths()
    places = {paths["purelib"], paths["platlib"], paths["stdlib"], site.getusersitepackages(), *site.getsitepackages()}
    return tuple(sorted(places))


@cache
def _of_package() -> str:
    """Hash of coffea-fm itself: between releases, its version does not tell."""
    digest = hashlib.sha256()
    for file in sorted(_PACKAGE.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


@cache
def _version(package: str) -> str:
    with suppress(PackageNotFoundError):
        return version(package)  # the usual case, and ten times as fast
    for name in _distributions().get(package, ()):
        with suppress(PackageNotFoundError):
            return version(name)
    specification = importlib.util.find_spec(package) if package not in sys.modules else None
    return str(specification and specification.origin)


@cache
def _distributions() -> dict[str, list[str]]:
    return {name: list(found) for name, found in packages_distributions().items()}
