"""Views of jets in which the student does not see some particles, chosen by their share of the pT (arXiv:2601.11719)."""

from __future__ import annotations

from typing import Annotated, NamedTuple, Self

import numpy as np
import torch
from pydantic import Field, PositiveFloat, model_validator
from torch import Tensor, nn

from coffea_fm.config import Config
from coffea_fm.errors import RecipeError
from coffea_fm.methods.parts.patches.relative_eta_phi import PositionVectors, relative_positions
from coffea_fm.methods.parts.views.joint import Groups
from coffea_fm.nn.backbones import Backbone, Replacement
from coffea_fm.nn.inputs import Members, only_member
from coffea_fm.tokens import Level, Packed

Share = Annotated[float, Field(gt=0, lt=1)]


class HiddenByPtConfig(Config):
    """The term of hidden particles (iBOT, arXiv:2111.07832), by default with the masks of jBOT (arXiv:2601.11719).

    Parameters
    ----------
    weight : float
        Weight of the term.
    probability : float
        Probability that particles of a view are hidden at all.
    pt_share : tuple of float
        Smallest and largest share of the pT to hide, drawn for each view.
    """

    weight: PositiveFloat = 1.0
    probability: Annotated[float, Field(gt=0, le=1)] = 0.5
    pt_share: tuple[Share, Share] = (0.1, 0.5)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.pt_share[0] > self.pt_share[1]:
            raise ValueError(f"pt_share {self.pt_share} has its larger share first; give the smaller one first")
        return self

    def __call__(self, packed: Packed, level: Level, random: np.random.Generator) -> Packed:
        """Add the numbers ``hidden`` (1 or 0) and ``position`` to what is known of each particle.

        Particles are taken in random order until their share of the pT is as close as possible to the one drawn; at
        least one, and never all.
        """
        group = only_member(level)
        tokens = packed.members[group.name]
        pt = tokens.things.values[:, group.names.index("pt")].astype(np.float64)
        share = random.uniform(*self.pt_share, len(packed)) * (random.random(len(packed)) < self.probability)
        order = np.lexsort((random.random(len(pt)), tokens.parents))
        starts, jet = tokens.offsets[:-1], tokens.parents
        running = np.concatenate(([0.0], np.cumsum(pt[order])))
        before = running[:-1] - running[starts][jet]
        asked = share * (running[tokens.offsets[1:]] - running[starts])
        # Taking a particle brings the sum closer to what is asked for if half of it is still missing.
        nearer = before + 0.5 * pt[order] <= asked[jet]
        place = np.arange(len(pt)) - starts[jet]
        taken = (nearer | (place == 0)) & (place < tokens.counts[jet] - 1) & (share[jet] > 0)
        hidden = np.empty(len(pt), dtype=np.float32)
        hidden[order] = taken
        known = {"hidden": hidden[:, np.newaxis], "position": relative_positions(packed, level)}
        return packed.with_known((group.name,), known)


def with_nothing_hidden(packed: Packed, level: Level) -> Packed:
    """The same numbers for jets of which every particle is visible."""
    group = only_member(level)
    hidden = np.zeros((len(packed.members[group.name].things), 1), dtype=np.float32)
    known = {"hidden": hidden, "position": relative_positions(packed, level)}
    return packed.with_known((group.name,), known)


class StandIn(nn.Module):
    """Replaces hidden particles by a learned vector plus one that says where they are.

    Without a position, all hidden particles of a jet would get the same prediction.

    Parameters
    ----------
    backbone : Backbone

    Raises
    ------
    RecipeError
        If the backbone uses features of pairs, which reveal the hidden particles.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        if backbone.reveals_replaced:
            raise RecipeError(
                "this backbone reveals the hidden particles in its inputs for others: use a set-transformer without "
                "pair_bias"
            )
        self.vector = nn.Parameter(0.02 * torch.randn(backbone.dim))
        self.position = PositionVectors(backbone.dim)

    def forward(self, tokens: Members) -> Replacement:
        """What replaces the hidden particles."""
        return Replacement(where_hidden(tokens), self.vector + self.position(tokens.known["position"]))


class Seen(NamedTuple):
    """What a network gives for its views.

    Attributes
    ----------
    embeddings : Tensor [views, jets, dim]
    hidden : Tensor [n_hidden, dim]
        Vectors of the particles that are hidden from the student, view by view and jet by jet.
    jets : Tensor, int64 [n_hidden]
        Their jets.
    """

    embeddings: Tensor
    hidden: Tensor
    jets: Tensor


def see(backbone: nn.Module, groups: Groups, n_jets: int, stand_in: StandIn | None = None) -> Seen:
    """Run a network on all of its views; with a `stand_in`, without seeing the hidden particles."""
    embeddings, hidden, owners = [], [], []
    for views, inputs in groups:
        tokens = next(iter(inputs.members.values()))
        output = backbone(inputs, stand_in(tokens)) if stand_in else backbone(inputs)
        where = where_hidden(tokens)
        embeddings.append(output.embedding)
        hidden.append(output.token_vectors[where])
        owners.append(views[where.nonzero()[:, 0]])
    order = torch.cat([views for views, _ in groups]).argsort()
    vectors = torch.cat(embeddings)[order]
    owner = torch.cat(owners)
    by_view = owner.argsort(stable=True)
    return Seen(vectors.view(-1, n_jets, vectors.shape[-1]), torch.cat(hidden)[by_view], owner[by_view] % n_jets)


def where_hidden(tokens: Members) -> Tensor:
    """True for hidden particles, bool [jets, tokens]; for none if nothing is hidden in this training."""
    if "hidden" not in tokens.known:
        return torch.zeros_like(tokens.mask)
    return tokens.known["hidden"].squeeze(-1) > 0
