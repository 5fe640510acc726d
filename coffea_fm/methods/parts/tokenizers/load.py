"""Read a trained tokenizer, whatever its kind."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from coffea_fm.errors import RecipeError
from coffea_fm.methods.parts.tokenizers.kmeans import KMeansConfig, KMeansTokenizer
from coffea_fm.methods.parts.tokenizers.vq import VQTokenizer, VQVAEConfig
from coffea_fm.tokens import InputSpec

Tokenizer = KMeansTokenizer | VQTokenizer
KMEANS = "k-means.json"


class KMeansDescription(BaseModel):
    """What the centres of a stored k-means tokenizer do not say.

    Parameters
    ----------
    tokenizer : KMeansConfig
    spec : InputSpec
        What it reads.
    """

    model_config = ConfigDict(frozen=True)

    tokenizer: KMeansConfig
    spec: InputSpec


def load_tokenizer(folder: str | os.PathLike[str], spec: InputSpec | None = None) -> Tokenizer:
    """The tokenizer in a folder such as ``runs/NAME/best``, in evaluation mode.

    Parameters
    ----------
    folder : path-like
        Written by ``coffea-fm tokenizer``.
    spec : InputSpec, optional
        What it has to read.

    Raises
    ------
    RecipeError
        If there is none, or it reads other inputs than `spec`.
    """
    from coffea_fm.nn.checkpoint import CONFIG, WEIGHTS, CheckpointConfig, build_from, load_tensors

    path = Path(folder)
    tokenizer: Tokenizer
    try:
        if (path / KMEANS).exists():
            description = KMeansDescription.model_validate_json((path / KMEANS).read_text(encoding="utf-8"))
            tokenizer = KMeansTokenizer(description.tokenizer, description.spec)
        else:
            config = CheckpointConfig.model_validate_json((path / CONFIG).read_text(encoding="utf-8"))
            if not isinstance(config.recipe.method, VQVAEConfig):
                raise RecipeError(f"{path} is no tokenizer but a model of the method {config.recipe.method.kind}")
            tokenizer = VQTokenizer(config.recipe.method, build_from(config.recipe, config.spec, config.classes))
        tokenizer.load_state_dict(load_tensors(path / WEIGHTS)[0])
    except OSError as error:
        raise RecipeError(
            f"there is no tokenizer in {path} ({error.strerror}): make it with 'coffea-fm tokenizer'"
        ) from error
    except (ValidationError, RuntimeError) as error:
        raise RecipeError(f"the tokenizer {path} does not fit this coffea-fm: {error}") from error
    if spec is not None and tokenizer.spec != spec:
        raise RecipeError(f"the tokenizer {path} reads other inputs than this recipe: give both the same 'inputs'")
    return tokenizer.eval()
