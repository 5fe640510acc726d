"""The sections of a recipe that are about events: which jets, and which events to train on."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from coffea_fm.tokens import Collection, event_collection
from coffea_fm.tokens.events import EVENT_FIELDS


class EventConfig(BaseModel):
    """The jets of an event that a model reads together.

    Parameters
    ----------
    collection : str
        Their name: the tagger is called with it, ``tagger(events, FatJet=jets)``.
    fields : tuple of str
        Canonical fields of the jets as they are given, for the head.
    order : str
        The field that jets are sorted by, descending; ``stored`` for the order in which they are given.
    minimum, maximum : int
        Events with fewer jets have no score; of more, the first are read.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    collection: str = "FatJet"
    fields: tuple[str, ...] = EVENT_FIELDS
    order: str = "pt"
    minimum: PositiveInt = 1
    maximum: PositiveInt = 5

    def spec(self) -> Collection:
        """The collection that these names mean.

        Raises
        ------
        RecipeError
            If a name is not a canonical one, or the numbers contradict.
        """
        return event_collection(
            self.collection, self.fields, order=self.order, minimum=self.minimum, maximum=self.maximum
        )


class SplitConfig(BaseModel):
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

    model_config = ConfigDict(extra="forbid", frozen=True)

    leave_out: int | None = None
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.2
    examples: PositiveInt | None = None
    draw: int = 0
