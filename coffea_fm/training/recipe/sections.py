"""The sections of a recipe that say what is read, how long and how to train, and where the shards are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from coffea_fm.methods.parts.views import Change, Changes
from coffea_fm.methods.parts.views.dropping import Dropping
from coffea_fm.methods.parts.views.reflection import Reflection
from coffea_fm.methods.parts.views.rotation import Rotation
from coffea_fm.methods.parts.views.smearing import Smearing
from coffea_fm.tokens import InputSpec, jet_fields, token_group
from coffea_fm.training.recipe.inputs import SplitConfig

Probability = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    """A part of a recipe: immutable, and it refuses keys that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class InputsConfig(Section):
    """Which raw fields the model reads.

    Parameters
    ----------
    level : {"jet"}
        What a set is.
    tokens : str
        The group of tokens of each set.
    fields : tuple of str
        Canonical fields of the tokens.
    jet : tuple of str
        Canonical fields of the jet itself.
    max_tokens : int
        Sets are truncated to that many tokens.
    order : str
        The field that tokens are sorted by, descending.
    momentum : {"uncorrected", "corrected"}
        Which of the jet's momenta is meant.
    """

    level: Literal["jet"] = "jet"
    tokens: str = "constituents"
    fields: tuple[str, ...]
    jet: tuple[str, ...] = ("pt", "eta", "phi", "mass")
    max_tokens: PositiveInt = 128
    order: str = "pt"
    momentum: Literal["uncorrected", "corrected"] = "uncorrected"

    def spec(self) -> InputSpec:
        """The specification that these names mean.

        Raises
        ------
        RecipeError
            If a name is not a canonical one.
        """
        group = token_group(self.tokens, self.fields, max_tokens=self.max_tokens, order=self.order)
        return InputSpec((group,), jet_fields(self.jet), self.momentum)


class AugmentationConfig(Section):
    """Changes of training jets that leave their class as it is; none by default.

    Parameters
    ----------
    rotate : bool
        Turn each jet about its axis in the (eta, phi) plane by a random angle.
    reflect : bool
        Mirror half of the jets in eta and half in phi, with the signs of dz and d0.
    smear : float
        Displace each constituent in eta and phi by a normal of width ``smear / pt`` (pt in GeV, at least 0.1).
    drop : float
        Remove soft constituents: with this probability at pT 0, falling as exp(-pT / 2 GeV). The hardest one stays.
    """

    rotate: bool = False
    reflect: bool = False
    smear: NonNegativeFloat = 0.0
    drop: Probability = 0.0

    @property
    def changes(self) -> Changes:
        """What these keys stand for, in the order in which it is done."""
        changes: list[Change] = []
        if self.drop:
            changes.append(Dropping(probability=self.drop))
        if self.reflect:
            changes.append(Reflection())
        if self.rotate:
            changes.append(Rotation())
        if self.smear:
            changes.append(Smearing(strength=self.smear))
        return tuple(changes)


class TrainingConfig(Section):
    """How long and how to train.

    Parameters
    ----------
    seen_jets : int
        Length of the training: jets that pass through the network, repetitions counted. In a recipe of events these
        are counted instead, here and in all that is reported, and the key may be called ``seen_events``.
    batch_tokens : int
        Tokens of an optimizer step, without padding.
    batch_events : int
        Events of an optimizer step, in a recipe of events.
    micro_tokens : int
        Padded tokens that pass through the network at once: jets of a step are grouped by length into parts of this
        size, and their gradients added. What fits the processor's cache is fastest.
    lr : float
        Highest learning rate of AdamW.
    warmup : float
        Fraction of the training in which the learning rate rises; then it falls to 0 along a cosine.
    weight_decay : float
        Of weight matrices; biases, norms and learned tokens have none.
    clip : float
        Largest norm of the gradient of a step.
    ema : float
        Decay of the running average of the weights per step; the average is what is validated and kept. 0: none.
    precision : {"auto", "fp32", "bf16"}
        ``auto``: bf16 where the device has it.
    validate_every : int, optional
        Jets between two validations; a twentieth of the training by default.
    patience : int, optional
        Stop after as many validations without a better loss; never by default.
    augmentation : AugmentationConfig
        Random changes of the training jets.
    seed : int
        Of weights, order of jets, augmentation and dropout.
    """

    seen_jets: Annotated[PositiveInt, Field(validation_alias=AliasChoices("seen_jets", "seen_events"))]
    batch_tokens: PositiveInt = 16384
    batch_events: PositiveInt = 256
    micro_tokens: PositiveInt = 4096
    lr: PositiveFloat = 1e-3
    warmup: Probability = 0.05
    weight_decay: NonNegativeFloat = 0.01
    clip: PositiveFloat = 1.0
    ema: Probability = 0.999
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    validate_every: PositiveInt | None = None
    patience: PositiveInt | None = None
    augmentation: AugmentationConfig = AugmentationConfig()
    seed: int = 0


class ReweightConfig(Section):
    """Weights that make classes equal, and their spectra flat.

    Parameters
    ----------
    flatten : dict of str to tuple of float
        Bin edges of jet fields, e.g. ``{pt: [500, 600, 800, 1000], mass: [0, 50, 100, 200]}``: each class is weighted
        to the same number of jets in every bin. Without it, only the sums of weights of the classes are made equal.
    largest : float
        No jet has more than this times the mean weight of its class.
    """

    flatten: dict[str, Annotated[tuple[float, ...], Field(min_length=2)]] = {}
    largest: PositiveFloat = 10.0


class DataConfig(Section):
    """Where the shards are.

    Parameters
    ----------
    train, validation : Path
        Folders of shards.
    shuffle_jets : int
        Jets held in memory and shuffled together.
    reweight : ReweightConfig, optional
        Weights from the distribution of the training jets. In a recipe of events the sums of weights of the classes
        are made equal unless this is null.
    split : SplitConfig, optional
        Take both from the folder `train`; `validation` is left out then.
    """

    train: Path
    validation: Path
    shuffle_jets: PositiveInt = 65536
    reweight: ReweightConfig | None = None
    split: SplitConfig | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_folder_to_split(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("split") is None:
            return given
        if given.get("validation", given.get("train")) != given.get("train"):
            raise ValueError("split takes both parts from the folder train: leave validation out")
        return given | {"validation": given.get("train")}
