"""Load what generates jets from a checkpoint."""

from __future__ import annotations

import os

from coffea_fm.bundle.find import find_checkpoint
from coffea_fm.errors import InputError, RecipeError
from coffea_fm.methods.parts.generation.base import GENERATOR, JetGenerator, JetGeneratorConfig
from coffea_fm.methods.parts.generation.code_generator import TOKENIZER, CodeGeneratorConfig
from coffea_fm.methods.table import method_named
from coffea_fm.nn.checkpoint import MOST_JSON, load_checkpoint, load_tensors
from coffea_fm.untrusted.json_text import parse_json
from coffea_fm.untrusted.local_files import read_file


def load_generator(checkpoint: str | os.PathLike[str]) -> tuple[JetGenerator, tuple[str, ...]]:
    """Load a method that can generate jets, in evaluation mode, and the classes of its training data.

    Parameters
    ----------
    checkpoint : path-like
        Folder such as ``runs/NAME/best``.

    Raises
    ------
    InputError
        If it was not trained by a method that can generate, or its files do not fit each other.
    """
    folder = find_checkpoint(checkpoint)
    model, described = load_checkpoint(folder)
    if not (folder / f"{GENERATOR}.json").is_file():
        raise InputError(
            f"{folder} cannot generate jets, as its method is no generator: use omnijet, next-token, joint, omnilearn or "
            "jet-flow"
        )
    try:
        content = parse_json(read_file(folder / f"{GENERATOR}.json", MOST_JSON))
        kind = method_named(content.get("kind") if isinstance(content, dict) else None)
        if kind is None or not issubclass(kind, JetGeneratorConfig):
            raise ValueError(f"its {GENERATOR}.json names no method that generates jets")
        config = kind.model_validate(content)
        if isinstance(config, CodeGeneratorConfig):
            config = config.model_copy(update={"tokenizer": folder / TOKENIZER})
        method = config.build(model)
        if not isinstance(method, JetGenerator):
            raise TypeError(f"the method {config.kind} generates no jets")
        weights, _ = load_tensors(folder / f"{GENERATOR}.safetensors")
        kept = {name: part for name, part in method.state_dict().items() if name.startswith(method.elsewhere)}
        method.load_state_dict(kept | weights)
    except (ValueError, TypeError, RuntimeError, OSError, RecipeError) as error:
        raise InputError(f"the generator in {folder} does not fit this coffea-fm: {error}") from error
    return method.eval(), described.network.classes
