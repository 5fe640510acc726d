"""The recipe sections ``training`` and ``data``."""

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
Betas = tuple[Probability, Probability]
OptimizerName = Literal["adamw", "lion"]


class AugmentationConfig(Config):
    """Augmentations of training jets that preserve their class; none by default.

    Parameters
    ----------
    rotate : bool
        Rotate each jet about its axis in the (eta, phi) plane by a random angle.
    reflect : bool
        Reflect half of the jets in eta and half in phi, including the signs of dz and d0.
    smear : float
        Smear eta and phi of each constituent by a Gaussian of width ``smear / pt`` (pt in GeV, at least 0.1).
    drop : float
        Probability of removing a constituent with pT = 0; it falls as exp(-pT / 2 GeV). The hardest one is always kept.
    """

    rotate: bool = False
    reflect: bool = False
    smear: NonNegativeFloat = 0.0
    drop: Probability = 0.0

    @property
    def changes(self) -> Changes:
        """The augmentations in the order in which they are applied."""
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
    """Length and hyperparameters of a training.

    Parameters
    ----------
    seen : int
        Length of the training: the number of jets (or events, for an event model) seen, including repetitions.
    batch_tokens : int
        Number of tokens per optimizer step, without padding.
    batch_size : int, optional
        Number of jets or events per optimizer step, regardless of their tokens. The default is 256 for event models;
        otherwise `batch_tokens` is used.
    micro_tokens : int
        Number of padded tokens per forward pass. The jets of a step are grouped by length into parts of this size, and
        their gradients are accumulated. Training is fastest if a part fits into the cache of the processor.
    optimizer : {"adamw", "lion"}
        AdamW, or Lion (arXiv:2302.06675), which needs the extra ``lion``, and about a third to a tenth of the learning
        rate.
    betas : tuple of float, optional
        Decay rates of its averages of the gradient; (0.9, 0.999) for AdamW and (0.9, 0.99) for Lion by default.
    lr : float
        Peak learning rate.
    warmup : float
        Fraction of the training with linear warm-up of the learning rate, followed by cosine decay to 0.
    weight_decay : float
        Weight decay of weight matrices; biases, norms and learned tokens have none.
    clip : float
        Maximum gradient norm.
    ema : float
        Decay per step of the moving average of the weights, which is validated and saved; 0 to disable.
    precision : {"auto", "fp32", "bf16"}
        ``auto``: bf16 if the device supports it.
    validate_every : int, optional
        Number of jets or events between validations; a twentieth of the training by default.
    patience : int, optional
        Stop after this many validations without improvement; never by default.
    augmentation : AugmentationConfig
        Random augmentations of the training jets.
    seed : int
        Seed for the weights, the order of the data, augmentation and dropout.
    """

    seen: PositiveInt
    batch_tokens: PositiveInt = 16384
    batch_size: PositiveInt | None = None
    micro_tokens: PositiveInt = 4096
    optimizer: OptimizerName = "adamw"
    betas: Betas | None = None
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
    """Weights that balance the classes and flatten their spectra.

    Parameters
    ----------
    flatten : dict of str to tuple of float
        Bin edges of jet fields, e.g. ``{pt: [500, 600, 800, 1000], mass: [0, 50, 100, 200]}``: each class is weighted
        to the same number of jets in every bin. Without it, only the sums of weights of the classes are equalised.
    largest : float
        Upper limit of the weight of a jet, in units of the mean weight of its class.
    """

    flatten: dict[str, Annotated[tuple[float, ...], Field(min_length=2)]] = {}
    largest: PositiveFloat = 10.0


class SplitConfig(Config):
    """Split the rows of one folder into training and validation, by the stored column ``event``.

    Jets of the same event stay together. A smaller number of examples is always a subset of a larger one.

    Parameters
    ----------
    leave_out : int, optional
        The fold (column ``fold``) to exclude from both, because the model will be applied to it.
    validation : float
        Fraction of the remaining rows used for validation.
    examples : int, optional
        Maximum number of rows for training and validation together; all by default.
    draw : int
        Seed of the selection of the examples and of the validation part.
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
        Number of jets or events held in memory and shuffled together.
    reweight : ReweightConfig, optional
        Weights from the distribution of the training jets. For event models, the sums of weights of the classes are
        equalised unless this is null.
    split : SplitConfig, optional
        Split the folder `train` into both parts; omit `validation` in this case.
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
            raise ValueError("split takes both parts from the folder train: remove validation")
        return given | {"validation": given.get("train")}
