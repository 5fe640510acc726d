"""The sections of a recipe that say how long and how to train, and where the shards are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from coffea_fm.config import Config
from coffea_fm.methods.parts.views import Change, Changes
from coffea_fm.methods.parts.views.dropping import Dropping
from coffea_fm.methods.parts.views.reflection import Reflection
from coffea_fm.methods.parts.views.rotation import Rotation
from coffea_fm.methods.parts.views.smearing import Smearing

Probability = Annotated[float, Field(ge=0, lt=1)]


class AugmentationConfig(Config):
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


class TrainingConfig(Config):
    """How long and how to train.

    Parameters
    ----------
    seen : int
        Length of the training: jets, or events in a recipe of events, that pass through the network, repetitions
        counted.
    batch_tokens : int
        Tokens of an optimizer step, without padding.
    batch_size : int, optional
        Jets or events of an optimizer step, however many tokens they have; 256 by default in a recipe of events, while
        in others `batch_tokens` counts.
    micro_tokens : int
        Padded tokens that pass through the network at once: the jets of a step are grouped by length into parts of
        this size, and their gradients added. What fits the processor's cache is fastest.
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
        Jets or events between two validations; a twentieth of the training by default.
    patience : int, optional
        Stop after as many validations without a better loss; never by default.
    augmentation : AugmentationConfig
        Random changes of the training jets.
    seed : int
        Of weights, order of the data, augmentation and dropout.
    """

    seen: PositiveInt
    batch_tokens: PositiveInt = 16384
    batch_size: PositiveInt | None = None
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


class ReweightConfig(Config):
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


class SplitConfig(Config):
    """Which rows of one folder to train on, and which to validate with; by the stored column ``event``.

    Jets of one event stay together. Smaller numbers of examples are parts of larger ones.

    Parameters
    ----------
    leave_out : int, optional
        The fold (column ``fold``) that is in neither: what the model is to be applied to.
    validation : float
        Fraction of the rest to validate with.
    examples : int, optional
        How many rows to use at most, for training and validation together; all by default.
    draw : int
        Which of them: another number draws others, and another validation part.
    """

    leave_out: int | None = None
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.2
    examples: PositiveInt | None = None
    draw: int = 0


class DataConfig(Config):
    """Where the shards are.

    Parameters
    ----------
    train, validation : Path
        Folders of shards.
    shuffle : int
        Jets or events held in memory and shuffled together.
    reweight : ReweightConfig, optional
        Weights from the distribution of the training jets. In a recipe of events the sums of weights of the classes
        are made equal unless this is null.
    split : SplitConfig, optional
        Take both from the folder `train`; `validation` is left out then.
    """

    train: Path
    validation: Path
    shuffle: PositiveInt = 65536
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
