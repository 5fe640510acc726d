"""Weights of weaver to a network of ours, whose configuration is read off their shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor

from coffea_fm.classes import JET_CLASSES
from coffea_fm.errors import InputError
from coffea_fm.nn.backbones import AnyBackboneConfig
from coffea_fm.nn.backbones.particle_net import ParticleNetConfig
from coffea_fm.nn.backbones.particle_transformer import ParticleTransformerConfig
from coffea_fm.nn.checkpoint import NetworkConfig
from coffea_fm.nn.features.group import FeatureKind
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.nn.model import Model
from coffea_fm.tokens import jet_level, token_level
from coffea_fm.weights.options import WeaverOptions
from coffea_fm.weights.weaver_names import Converted, from_weaver_particle_net, from_weaver_state, unwrapped

_MOMENTUM = ("pt", "eta", "phi", "mass")
_TYPE = ("charge", "pdgId")
_TRACK = ("d0", "d0_error", "dz", "dz_error")
_FEATURES: Final[dict[int, tuple[FeatureKind, tuple[str, ...]]]] = {
    7: ("jetclass-kin", _MOMENTUM),
    13: ("jetclass-kinpid", _MOMENTUM + _TYPE),
    17: ("jetclass", _MOMENTUM + _TYPE + _TRACK),
}
"""Weaver's inputs for JetClass by their number, and the fields that they are computed from."""


def read_weaver(content: Mapping[str, Any], options: WeaverOptions) -> tuple[Model, NetworkConfig]:
    """Build the network and load the weights.

    Raises
    ------
    InputError
        If these are not the weights of a ParticleNet or Particle Transformer of weaver for the inputs of JetClass, or the
        number of classes is another.
    """
    if not all(isinstance(part, Tensor) for part in content.values()):
        raise InputError("the file is not a state dict of tensors: save it with torch.save(network.state_dict(), ...)")
    state = unwrapped(content)
    backbone: AnyBackboneConfig
    try:
        if "bn_fts.weight" in state:
            backbone, converted = _particle_net(state, options), from_weaver_particle_net(state)
        elif "embed.input_bn.weight" in state:
            backbone, converted = _particle_transformer(state, options), from_weaver_state(state)
        else:
            raise InputError(
                "these are not the weights of weaver's ParticleNet or ParticleTransformer: "
                "they have neither 'bn_fts.weight' nor 'embed.input_bn.weight'"
            )
    except KeyError as error:
        raise InputError(f"the weight {error} is missing: give the whole state dict of the network") from error
    _, fields = _FEATURES[_n_features(state)]
    tokens = token_level("constituents", fields, minimum=1, maximum=options.max_tokens)
    network = NetworkConfig(
        level=jet_level((tokens,), ("pt_raw", "eta", "phi", "mass_raw")),
        backbone=backbone,
        head=ClassificationHeadConfig(dropout=0.1 if isinstance(backbone, ParticleNetConfig) else 0.0),
        classes=_classes(converted, options),
    )
    model = network.build()
    try:
        model.backbone.load_state_dict(converted.backbone)
        model.get_submodule("head").load_state_dict(converted.head)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"the weights do not fit a network that can be imported: {reason}") from error
    return model.eval(), network


def _particle_net(state: dict[str, Tensor], options: WeaverOptions) -> ParticleNetConfig:
    convolutions: list[tuple[int, ...]] = []
    while f"edge_convs.{len(convolutions)}.convs.0.weight" in state:
        convolutions.append(_widths(state, f"edge_convs.{len(convolutions)}.convs.{{}}.weight"))
    return ParticleNetConfig(
        convolutions=tuple(convolutions),
        neighbours=options.neighbours,
        fusion="fusion_block.0.weight" in state,
        hidden=_widths(state, "fc.{}.0.weight"),
        features=_FEATURES[_n_features(state)][0],
    )


def _particle_transformer(state: dict[str, Tensor], options: WeaverOptions) -> ParticleTransformerConfig:
    gated = "blocks.0.fc1_g.weight" in state
    pairs = _widths(state, "pair_embed.embed.{}.weight", first=1, step=3)
    embed = _widths(state, "embed.embed.{}.weight", first=1, step=3)
    return ParticleTransformerConfig.model_validate(
        {
            "dim": embed[-1],
            "embed": embed[:-1],
            "pair_hidden": pairs[:-1],
            "heads": pairs[-1],
            "layers": len(_widths(state, "blocks.{}.fc1.weight")),
            "class_layers": len(_widths(state, "cls_blocks.{}.fc1.weight")),
            "features": _FEATURES[_n_features(state)][0],
            "version": (2 if "blocks.0.fc1.bias" in state else 3) if gated else 1,
            "pair_activation": options.pair_activation,
        }
    )


def _widths(state: dict[str, Tensor], name: str, first: int = 0, step: int = 1) -> tuple[int, ...]:
    """Output widths of a row of layers that are numbered from `first` in steps."""
    widths: list[int] = []
    while (found := state.get(name.format(first + step * len(widths)))) is not None:
        widths.append(len(found))
    if not widths:
        raise KeyError(name.format(first))
    return tuple(widths)


def _n_features(state: dict[str, Tensor]) -> int:
    n_features = len(state.get("bn_fts.weight", state.get("embed.input_bn.weight", torch.empty(0))))
    if n_features not in _FEATURES:
        raise InputError(
            f"the network has {n_features} inputs per particle, which are not those of JetClass "
            f"({', '.join(map(str, _FEATURES))}): export it to ONNX with weaver, and import that with its preprocess.json"
        )
    return n_features


def _classes(converted: Converted, options: WeaverOptions) -> tuple[str, ...]:
    if "layers.1.weight" not in converted.head:
        raise InputError("the last layer of the network ('fc') is missing: give the whole state dict of a classifier")
    count = len(converted.head["layers.1.weight"])
    names = options.classes or (JET_CLASSES if count == len(JET_CLASSES) else ())
    if len(names) != count:
        raise InputError(
            f"the network has {count} scores, but there are {len(names)} class names: list all under 'classes' in a YAML file, "
            "and give it with --mapping"
        )
    return names
