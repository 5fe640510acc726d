"""All methods: those of coffea-fm, one per line, and those of other packages.

Another package adds a method with an entry point in the group ``coffea_fm.methods`` that points to its configuration.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from coffea_fm.errors import warn
from coffea_fm.methods.contrastive.jetclr import JetCLRConfig
from coffea_fm.methods.contrastive.moco import MoCoConfig
from coffea_fm.methods.contrastive.rs3l import RS3LConfig
from coffea_fm.methods.contrastive.swav import SwAVConfig
from coffea_fm.methods.distillation.dino import DINOConfig
from coffea_fm.methods.distillation.dino_ibot import DINOiBOTConfig
from coffea_fm.methods.distillation.rino import RINOConfig
from coffea_fm.methods.flow.jets import JetFlowConfig
from coffea_fm.methods.flow.omnilearn import OmniLearnConfig
from coffea_fm.methods.flow.ssfm import SSFMConfig
from coffea_fm.methods.generative.joint import JointConfig
from coffea_fm.methods.generative.mpm_causal import MPMCausalConfig
from coffea_fm.methods.generative.next_token import NextTokenConfig
from coffea_fm.methods.generative.omnijet import OmniJetConfig
from coffea_fm.methods.generative.vq_vae import VQVAEConfig
from coffea_fm.methods.joint_embedding.jepa import JEPAConfig
from coffea_fm.methods.masked.particles import MaskedConfig
from coffea_fm.methods.method import MethodConfig
from coffea_fm.methods.supervised.classification import SupervisedConfig
from coffea_fm.methods.supervised.cwola import CwolaConfig
from coffea_fm.methods.supervised.distillation import DistillationConfig
from coffea_fm.methods.supervised.domain_adversarial import DomainAdversarialConfig
from coffea_fm.methods.supervised.multi_task import MultiTaskConfig
from coffea_fm.methods.supervised.pairs import PairClassificationConfig
from coffea_fm.methods.supervised.regression import RegressionConfig
from coffea_fm.methods.supervised.tokens import TokenClassificationConfig

GROUP = "coffea_fm.methods"

METHODS: tuple[type[MethodConfig], ...] = (
    CwolaConfig,
    DINOConfig,
    DistillationConfig,
    DINOiBOTConfig,
    DomainAdversarialConfig,
    JEPAConfig,
    JetCLRConfig,
    JetFlowConfig,
    JointConfig,
    MaskedConfig,
    MultiTaskConfig,
    MoCoConfig,
    MPMCausalConfig,
    NextTokenConfig,
    OmniJetConfig,
    OmniLearnConfig,
    PairClassificationConfig,
    RegressionConfig,
    RINOConfig,
    RS3LConfig,
    SSFMConfig,
    SupervisedConfig,
    SwAVConfig,
    TokenClassificationConfig,
    VQVAEConfig,
)


def kind_of(config: type[MethodConfig]) -> str:
    """Name of a method in recipes."""
    return str(config.model_fields["kind"].default)


def _all_methods() -> dict[str, type[MethodConfig]]:
    """Methods by name, including those of other packages; those that cannot be loaded are skipped with a warning."""
    known = {kind_of(config): config for config in METHODS}
    for entry in entry_points(group=GROUP):
        try:
            config = entry.load()
            kind = kind_of(config)
            if kind in known:
                raise ValueError(f"a method {kind!r} already exists")
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
    """Configuration class of the method with this name in recipes; None if there is no such method."""
    return _BY_KIND.get(str(kind))
