"""Find a processor in a Python file and make it travel to workers that do not have the file."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
from coffea.processor import ProcessorABC

from coffea_fm.errors import CoffeaFMError, RecipeError
from coffea_fm.shipped import shipped


def load_processor(source: str, options: Mapping[str, Any] | None = None) -> ProcessorABC:
    """An instance of the processor class in a file.

    Its module, and the modules beside it that it imports, are pickled by value: workers on other machines, started
    in other folders, need not have them.

    Parameters
    ----------
    source : str
        ``path/to/file.py``, ``path/to/file.py:ClassName``, the folder of a package such as ``./hh4b``, or the name of a
        shipped processor (``tag_jets``), which a file or folder of the same name does not hide.
    options : mapping, optional
        Keyword arguments of the constructor.

    Raises
    ------
    RecipeError
        If there is no such file or class, or the constructor does not take these options.
    """
    file, _, name = source.partition(".py:")
    path = _find(f"{file}.py" if name else file)
    return _instantiate(_processor_class(_import(path), name, path), dict(options or {}), path)


def _find(source: str) -> Path:
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
    classes = {
        key: value
        for key, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, ProcessorABC)
        and value.__module__.partition(".")[0] == module.__name__
    }
    if name:
        if name not in classes:
            raise RecipeError(f"{path} has no processor {name!r}: it has {', '.join(classes) or 'none'}")
        return classes[name]
    if len(classes) != 1:
        choice = f"choose one with {path}:NAME, of {', '.join(classes)}" if classes else "derive one from ProcessorABC"
        raise RecipeError(f"{path} has {len(classes)} processors instead of one: {choice}")
    return next(iter(classes.values()))


def _instantiate(processor: type[ProcessorABC], options: dict[str, Any], path: Path) -> ProcessorABC:
    parameters = inspect.signature(processor).parameters
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    for option in options:
        if option not in parameters and not open_ended:
            nearest = get_close_matches(option, parameters, n=1)
            hint = f"did you mean {nearest[0]!r}?" if nearest else f"it takes {', '.join(parameters) or 'none'}"
            raise RecipeError(f"{processor.__name__} in {path} has no option {option!r}: {hint}")
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
