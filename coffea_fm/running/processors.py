"""Find a processor in a Python file and make it travel to workers that do not have the file."""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import sys
from collections.abc import Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
from coffea.processor import ProcessorABC

from coffea_fm.errors import CoffeaFMError, RecipeError
from coffea_fm.names import nearest
from coffea_fm.shipped import shipped


def as_processor(
    given: str | os.PathLike[str] | ProcessorABC | type[ProcessorABC], options: Mapping[str, Any] | None = None
) -> ProcessorABC:
    """An instance of a processor from whatever stands for one: itself, its class, or where `load_processor` finds it.

    Raises
    ------
    RecipeError
        If it is none of these, or options are given to an instance.
    """
    if isinstance(given, str | os.PathLike):
        return load_processor(os.fspath(given), options)
    if inspect.isclass(given) and issubclass(given, ProcessorABC):
        return _instantiate(given, dict(options or {}), given.__module__)
    if not isinstance(given, ProcessorABC):
        raise RecipeError(f"{given!r} is no processor: give an instance of a ProcessorABC, its class, or its file")
    if options:
        raise RecipeError(f"{type(given).__name__} is an instance already: give its options to its constructor")
    return given


def describe(given: object, processor: ProcessorABC, options: Mapping[str, Any] | None) -> dict[str, Any]:
    """What is recorded of a processor in the account of a run: enough to make it again, if it was found by name."""
    name = {"class": type(processor).__qualname__}
    if not isinstance(given, str | os.PathLike):
        return name
    return {
        **name,
        "source": os.fspath(given),
        "options": {key: _recorded(value) for key, value in (options or {}).items()},
    }


def _recorded(value: Any) -> Any:
    """As JSON takes it."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError):
        return repr(value)


def describe_options(source: str) -> str:
    """The options of a processor, with types and defaults, and what its documentation says of them."""
    processor, where = _find(source)
    lines = [f"Options of {processor.__name__} in {where}, each as --option key=value:"]
    for parameter in inspect.signature(processor).parameters.values():
        declared = parameter.annotation
        text = declared if isinstance(declared, str) else inspect.formatannotation(declared)
        kind = "" if declared is parameter.empty else f": {text}"
        default = "  (required)" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        lines.append(f"  {parameter.name}{kind}{default}")
    documentation = inspect.getdoc(processor)
    return "\n".join([*lines, *(["", documentation] if documentation else [])])


def load_processor(source: str, options: Mapping[str, Any] | None = None) -> ProcessorABC:
    """An instance of the processor class in a file.

    Its module, and the modules beside it that it imports, are pickled by value: workers on other machines, started
    in other folders, need not have them.

    Parameters
    ----------
    source : str
        ``path/to/file.py``, ``path/to/file.py:ClassName``, ``package.module:ClassName``, the folder of a package such as
        ``./hh4b``, or the name of a shipped processor (``tag_jets``), which no file or folder of the same name hides.
    options : mapping, optional
        Keyword arguments of the constructor.

    Raises
    ------
    RecipeError
        If there is no such file or class, or the constructor does not take these options.
    """
    processor, where = _find(source)
    return _instantiate(processor, dict(options or {}), where)


def _find(source: str) -> tuple[type[ProcessorABC], str | Path]:
    module, _, name = source.partition(":")
    if name and all(part.isidentifier() for part in module.split(".")) and not module.endswith(".py"):
        return _from_package(module, name), module
    file, _, name = source.partition(".py:")
    path = _file(f"{file}.py" if name else file)
    return _processor_class(_import(path), name, path), path


def _from_package(module: str, name: str) -> type[ProcessorABC]:
    """The class of an installed package, or of one in the folder that the command runs in."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        found = importlib.import_module(module)
    except CoffeaFMError:
        raise
    except Exception as error:
        raise RecipeError(f"the module {module} cannot be imported: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(here)
    for local in _importable_only_from(Path(here)):
        cloudpickle.register_pickle_by_value(local)
    processors = _processors(found, imported=True)
    if name not in processors:
        raise RecipeError(f"the module {module} has no processor {name!r}: {nearest(name, processors, 'it has')}")
    return processors[name]


def _file(source: str) -> Path:
    """The file of a processor; for a package its ``__init__.py``."""
    path = Path(source)
    if source == path.stem:
        folder = shipped("processors")
        path = next((each for each in (folder / f"{source}.py", folder / source) if each.exists()), path)
    if path.is_dir():
        path /= "__init__.py"
    if not path.is_file():
        if source == path.stem:
            shipped("processors", f"{source}.py")
        raise RecipeError(f"there is no processor file {path}")
    return path


def _import(path: Path) -> ModuleType:
    path = path.resolve()
    package = path.parent if path.name == "__init__.py" else None
    folder = (package or path).parent
    name = f"coffea_fm_processor_{(package or path).stem}"
    for stale in [loaded for loaded in sys.modules if loaded.startswith(f"{name}.")]:
        del sys.modules[stale]
    places = [str(package)] if package else None
    specification = importlib.util.spec_from_file_location(name, path, submodule_search_locations=places)
    if specification is None or specification.loader is None:
        raise RecipeError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    sys.path.insert(0, str(folder))
    try:
        specification.loader.exec_module(module)
    except CoffeaFMError:
        raise
    except Exception as error:
        raise RecipeError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(folder))
    cloudpickle.register_pickle_by_value(module)
    for beside in _importable_only_from(folder):
        cloudpickle.register_pickle_by_value(beside)
    return module


def _importable_only_from(folder: Path) -> list[ModuleType]:
    elsewhere = [entry for entry in sys.path if Path(entry).resolve() != folder]
    return [
        module
        for name, module in list(sys.modules.items())
        if folder in Path(getattr(module, "__file__", None) or "/").parents
        and name != "__main__"
        and PathFinder.find_spec(name.partition(".")[0], elsewhere) is None
    ]


def _processor_class(module: ModuleType, name: str, path: Path) -> type[ProcessorABC]:
    classes = _processors(module)
    if name:
        if name not in classes:
            raise RecipeError(f"{path} has no processor {name!r}: {nearest(name, classes, 'it has')}")
        return classes[name]
    if len(classes) != 1:
        choice = f"choose one with {path}:NAME, of {', '.join(classes)}" if classes else "derive one from ProcessorABC"
        raise RecipeError(f"{path} has {len(classes)} processors instead of one: {choice}")
    return next(iter(classes.values()))


def _processors(module: ModuleType, *, imported: bool = False) -> dict[str, type[ProcessorABC]]:
    return {
        key: value
        for key, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, ProcessorABC)
        and value is not ProcessorABC
        and (imported or value.__module__.partition(".")[0] == module.__name__)
    }


def _instantiate(processor: type[ProcessorABC], options: dict[str, Any], path: str | Path) -> ProcessorABC:
    parameters = inspect.signature(processor).parameters
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    for option, given in options.items():
        if option not in parameters and not open_ended:
            hint = nearest(option, parameters, "it takes")
            raise RecipeError(f"{processor.__name__} in {path} has no option {option!r}: {hint}")
        default = parameters[option].default if option in parameters else None
        if isinstance(default, (int, float)) and isinstance(given, str):
            kind = "true or false" if isinstance(default, bool) else f"a number, such as {default}"
            raise RecipeError(f"{processor.__name__} in {path}: the option {option!r} must be {kind}, not {given!r}")
    for parameter in parameters.values():
        required = parameter.default is parameter.empty and parameter.kind not in (
            parameter.VAR_KEYWORD,
            parameter.VAR_POSITIONAL,
        )
        if required and parameter.name not in options:
            raise RecipeError(
                f"{processor.__name__} in {path} needs the option {parameter.name!r}: give --option {parameter.name}=..."
            )
    return processor(**options)
