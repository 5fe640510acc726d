"""All methods: those of coffea-fm, one a line, and those of other packages.

Another package adds its own by an entry point in the group ``coffea_fm.methods`` that names the configuration.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from coffea_fm.errors import warn
from coffea_fm.methods.contrastive.jetclr import JetCLRConfig
from coffea_fm.methods.distillation.dino import DINOConfig
from coffea_fm.methods.distillation.rino import RINOConfig
from coffea_fm.methods.generative.vq_vae import VQVAEConfig
from coffea_fm.methods.masked.particles import MaskedConfig
from coffea_fm.methods.method import MethodConfig
from coffea_fm.methods.supervised.classification import SupervisedConfig
from coffea_fm.methods.supervised.cwola import CwolaConfig
from coffea_fm.methods.supervised.pairs import PairClassificationConfig
from coffea_fm.methods.supervised.regression import RegressionConfig
from coffea_fm.methods.supervised.tokens import TokenClassificationConfig

GROUP = "coffea_fm.methods"

METHODS: tuple[type[MethodConfig], ...] = (
    CwolaConfig,
    DINOConfig,
    JetCLRConfig,
    MaskedConfig,
    PairClassificationConfig,
    RegressionConfig,
    RINOConfig,
    SupervisedConfig,
    TokenClassificationConfig,
    VQVAEConfig,
)


def kind_of(config: type[MethodConfig]) -> str:
    """What a recipe calls a method."""
    return str(config.model_fields["kind"].default)


def _all_methods() -> dict[str, type[MethodConfig]]:
    """Those above and those of other packages; one that cannot be loaded is warned of and left out."""
    known = {kind_of(config): config for config in METHODS}
    for entry in entry_points(group=GROUP):
        try:
            config = entry.load()
            kind = kind_of(config)
            if kind in known:
                raise ValueError(f"there is a method {kind!r} already")
            known[kind] = config
        except Exception as error:  # noqa: BLE001 -- a broken package must not stop every training
            package = entry.dist.name if entry.dist else "another package"
            warn(f"the method {entry.name!r} of {package} ({entry.value}) is left out: {error}")
    return known


_BY_KIND = _all_methods()

if TYPE_CHECKING:
    AnyMethodConfig = MethodConfig
else:
    AnyMethodConfig = Annotated[Union[tuple(_BY_KIND.values())], Field(discriminator="kind")]  # noqa: UP007


def method_named(kind: object) -> type[MethodConfig] | None:
    """The configuration of a method by what a recipe calls it, if there is such a method."""
    return _BY_KIND.get(str(kind))
