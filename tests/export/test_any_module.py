from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import torch
from random_jets import LEVEL, random_jets
from torch import nn

import coffea_fm
from coffea_fm.bundle import load_bundle
from coffea_fm.errors import InputError, InputWarning
from coffea_fm.export import ExportError, cases
from coffea_fm.tokens import jet_level, token_level

SMALL = jet_level((token_level("constituents", ("pt", "eta", "phi"), minimum=1, maximum=20),), ("pt", "eta"))


class DeepSet(nn.Module):
    """A sum over constituents."""

    def __init__(self, weighted=False):
        super().__init__()
        self.each, self.out, self.weighted = nn.Linear(3, 8), nn.Linear(10, 2), weighted

    def forward(self, jet, constituents, constituents_mask):
        vectors = torch.tanh(self.each(constituents)) * constituents_mask.unsqueeze(-1)
        if self.weighted:
            vectors = vectors / torch.arange(1, vectors.shape[1] + 1).unsqueeze(-1)
        pooled = torch.cat((vectors.sum(dim=1), torch.log(jet[:, :1].clamp(1.0, 1e7)), torch.tanh(jet[:, 1:])), dim=1)
        return {"scores": self.out(pooled).softmax(dim=1), "embedding": pooled}


class Mean(DeepSet):
    """Depends on the number of empty slots."""

    def forward(self, constituents):
        return {"scores": self.out(nn.functional.pad(self.each(constituents).mean(dim=1), (0, 2))).tanh()}


class Fixed(nn.Module):
    """The length of the example is a constant in its graph."""

    def forward(self, constituents, constituents_mask):
        factor = torch.tensor(1.0 / len(constituents_mask[0].tolist()))
        return torch.tanh(constituents[:, :, 0].sum(dim=1, keepdim=True) * factor)


class Neighbour(nn.Module):
    """Mixes the jets of a batch."""

    def forward(self, constituents, jet):
        return torch.tanh(jet[:, 1:] - jet[:, 1:].mean(dim=0, keepdim=True) + 0 * constituents[:, 0, :1])


@pytest.fixture(autouse=True)
def _fewer_cases(monkeypatch):
    monkeypatch.setattr(cases, "BATCHES", (1, 7))
    torch.manual_seed(0)


OUTPUTS = {"scores": ("narrow", "wide"), "embedding": 10}


def described():
    packed, _ = random_jets(60)
    fields = {name: packed.values[:, index] for index, name in enumerate(("pt", "eta", "phi", "mass"))}
    tokens = packed.members["constituents"]
    constituents = {name: tokens.things.values[:, index] for index, name in enumerate(("pt", "eta", "phi"))}
    lists = ak.unflatten(ak.zip(constituents), tokens.counts)
    return ak.zip({**fields, "constituents": lists}, depth_limit=1)


@torch.no_grad()
def test_a_module_becomes_a_tagger(tmp_path):
    module, jets = DeepSet(), described()
    module.train()
    result = coffea_fm.export(module, tmp_path / "mine", level=SMALL, outputs=OUTPUTS, jets=jets)
    assert module.training
    assert 0 < result.maximal_difference < 1e-4
    assert result.cases > 15
    tagged = coffea_fm.load(tmp_path / "mine")(jets, outputs=("scores", "embedding"))
    for index in (0, 7, 33):
        first = jets.constituents[index][ak.argsort(jets.constituents[index].pt, ascending=False)][:20]
        constituents = torch.tensor(np.stack([first[name].to_numpy() for name in ("pt", "eta", "phi")], axis=1))
        jet = torch.tensor([[jets.pt[index], jets.eta[index]]])
        mask = torch.ones(1, len(first), dtype=torch.bool)
        expected = module(jet, constituents.unsqueeze(0), mask)
        assert tagged.scores["wide"][index] == pytest.approx(expected["scores"][0, 1].item(), abs=1e-5)
        np.testing.assert_allclose(tagged.embedding[index], expected["embedding"][0], rtol=1e-5, atol=1e-5)
    manifest = load_bundle(tmp_path / "mine").manifest
    assert manifest.provenance.recipe["module"] == "DeepSet"
    assert manifest.level.fields[0].trained is not None
    assert "narrow, wide" in (tmp_path / "mine" / "README.md").read_text()


def test_order_matters_only_where_that_is_said(tmp_path):
    module, jets = DeepSet(weighted=True), described()
    with pytest.raises(ExportError, match="differs from torch"):
        coffea_fm.export(module, tmp_path / "mine", level=SMALL, outputs=OUTPUTS, jets=jets)
    assert not (tmp_path / "mine").exists()
    ordered = {"permutation_invariant": False}
    coffea_fm.export(module, tmp_path / "mine", level=SMALL, outputs=OUTPUTS, jets=jets, **ordered)


@pytest.mark.parametrize("module", [Mean(), Fixed(), Neighbour()], ids=lambda module: type(module).__name__)
@pytest.mark.parametrize("invariant", [True, False])
def test_results_that_depend_on_the_batch_are_found(tmp_path, module, invariant):
    outputs = {"scores": ("a", "b") if isinstance(module, Mean) else ("a",)}
    with pytest.raises(
        ExportError, match=r"differs from torch|nan in each field of jet is not finite where all inputs"
    ):
        coffea_fm.export(
            module,
            tmp_path / "mine",
            level=SMALL,
            outputs=outputs,
            jets=described(),
            permutation_invariant=invariant,
        )


class Returns(nn.Module):
    def __init__(self, result):
        super().__init__()
        self.result = result

    def forward(self, jet):
        return self.result(jet)


@pytest.mark.parametrize(
    ("result", "outputs", "message"),
    [
        (lambda jet: jet, {"scores": ("a", "b", "c")}, r"shape \[2, 2\], not \[2, 3\]"),
        (lambda jet: jet[:, 0], {"scores": ("a",)}, r"scores of shape \[2\]"),
        (lambda jet: jet[:1], {"scores": 2}, r"shape \[1, 2\]"),
        (lambda jet: (jet, jet), {"scores": 2, "embedding": 2}, "returns a tuple: return a dict of scores, embedding"),
        (lambda jet: {"score": jet}, {"scores": 2}, "returns score, but outputs= names scores"),
        (lambda jet: jet, {"scores": 2, "embedding": 2}, "returns a Tensor: return a dict"),
    ],
)
def test_outputs_that_do_not_match_are_told(tmp_path, result, outputs, message):
    with pytest.raises(InputError, match=message):
        coffea_fm.export(Returns(result), tmp_path / "mine", level=SMALL, outputs=outputs, jets=described())


class Misspelt(nn.Module):
    def forward(self, constituent):
        return constituent


def test_other_mistakes_are_told(tmp_path):
    given = {"level": SMALL, "outputs": OUTPUTS, "jets": described()}
    with pytest.raises(InputError, match=r"'constituent', which is not an array.*'constituents'"):
        coffea_fm.export(Misspelt(), tmp_path / "mine", **given)
    with pytest.raises(InputError, match="needs level=, outputs= and jets="):
        coffea_fm.export(DeepSet(), tmp_path / "mine", level=SMALL)
    with pytest.raises(InputError, match="belong to a checkpoint"):
        coffea_fm.export(DeepSet(), tmp_path / "mine", **given, temperature=2.0)
    with pytest.raises(InputError, match="describe a module"):
        coffea_fm.export(Path("runs/x"), tmp_path / "mine", **given)
    with pytest.raises(InputError, match="have no constituents"):
        coffea_fm.export(DeepSet(), tmp_path / "mine", **(given | {"jets": described()[:0]}))
    with pytest.raises(InputError, match="must have members"):
        coffea_fm.export(DeepSet(), tmp_path / "mine", **(given | {"level": LEVEL.members[0]}))


@pytest.mark.parametrize(
    ("module", "outputs", "said"),
    [
        (DeepSet, {"scores": ("a", "b")}, "cannot export the class DeepSet: give a torch.nn.Module"),
        (DeepSet(), {}, "outputs is empty"),
        (DeepSet(), {"scores": "a"}, "needs the names of its columns"),
        (DeepSet(), {"scores": ("a", "a")}, "has a column's name twice: a, a"),
    ],
)
def test_what_is_not_a_module_or_not_an_output_is_named(tmp_path, module, outputs, said):
    with pytest.raises(InputError, match=said):
        coffea_fm.export(module, tmp_path / "mine", level=SMALL, outputs=outputs, jets=described())


def test_scores_that_are_no_probabilities_are_pointed_out(tmp_path):
    class Logits(DeepSet):
        def forward(self, jet, constituents, constituents_mask):
            return DeepSet.forward(self, jet, constituents, constituents_mask)["scores"].log()

    with pytest.warns(InputWarning, match=r"scores of a, b lie between .* no probabilities"):
        coffea_fm.export(Logits(), tmp_path / "mine", level=SMALL, outputs={"scores": ("a", "b")}, jets=described())
