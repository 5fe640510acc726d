from __future__ import annotations

import logging
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import torch
from coffea.nanoevents import NanoEventsFactory

import coffea_fm
from coffea_fm.errors import InputError, RecipeError
from coffea_fm.export import cases
from coffea_fm.nn.checkpoint import load_checkpoint
from coffea_fm.schemas import JetClassSchema
from coffea_fm.weights.options import WeaverOptions
from coffea_fm.weights.read import read_torch_file
from coffea_fm.weights.weaver import read_weaver
from coffea_fm.weights.weaver_names import unwrapped

SHARED = Path(__file__).parents[3] / "shared"
DATA = SHARED / "data" / "jets"
KIN = SHARED / "models" / "weaver-particlenet-kin" / "ParticleNet_kin.pt"
N_JETS = 24
SIZES = {"conv_params": [(16, (64,) * 3), (16, (128,) * 3), (16, (256,) * 3)], "fc_params": [(256, 0.1)]}
SMALL = {"conv_params": [(16, (24, 24)), (16, (32, 32))], "fc_params": [(48, 0.1)]}

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the shared jets are not here")


def randomised(network):
    """Weaver's network with random statistics and scalings."""
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.3)
            layer.running_var.uniform_(0.5, 2)
        if isinstance(layer, torch.nn.RMSNorm):  # by default, that of the precision: the reference is in double
            layer.eps = torch.finfo(torch.float32).eps
    for name, parameter in network.named_parameters():
        if name.endswith(("c_attn", "w_resid", "norm.weight")):
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
    return network.eval()


@pytest.fixture(autouse=True)
def _fewer_cases(monkeypatch):
    """The check at export has its own tests."""
    monkeypatch.setattr(cases, "BATCHES", (2,))


@pytest.fixture
def weaver():
    package = pytest.importorskip("weaver.nn.model.ParticleNet")
    transformer = pytest.importorskip("weaver.nn.model.ParticleTransformer")
    logging.getLogger("weaver").setLevel(logging.ERROR)
    torch.manual_seed(3)
    return package.ParticleNet, transformer.ParticleTransformer


def events_of(name: str) -> ak.Array:
    file = {str(DATA / f"train_{name}_0.root"): "tree"}
    return NanoEventsFactory.from_root(file, schemaclass=JetClassSchema, entry_stop=N_JETS).events()


def prepared(jets: ak.Array, n_features: int) -> tuple[torch.Tensor, ...]:
    """Points, features, momenta and mask, as weaver makes them for JetClass, in double precision.

    They are computed from the columns of the schema: the files have numbers of 12 bits, whose momenta, energies and
    angles contradict each other.
    """

    def double(column: ak.Array) -> ak.Array:
        return ak.values_astype(column, np.float64)

    part = jets.constituents
    pt, eta, phi, mass = (double(part[name]) for name in ("pt", "eta", "phi", "mass"))
    jet_pt, jet_eta, jet_phi, jet_mass = (double(jets[name]) for name in ("pt", "eta", "phi", "mass"))
    energy = np.sqrt((pt * np.cosh(eta)) ** 2 + mass**2)
    jet_energy = np.sqrt((jet_pt * np.cosh(jet_eta)) ** 2 + jet_mass**2)
    delta_eta = (eta - jet_eta) * np.where(jet_eta < 0, -1.0, 1.0)
    delta_phi = (phi - jet_phi + np.pi) % (2 * np.pi) - np.pi
    variables = [
        (np.log(pt) - 1.7) * 0.7,
        (np.log(energy) - 2.0) * 0.7,
        (np.log(pt / jet_pt) + 4.7) * 0.7,
        (np.log(energy / jet_energy) + 4.7) * 0.7,
        (np.hypot(delta_eta, delta_phi) - 0.2) * 4.0,
    ]
    if n_features > 7:
        codes = abs(part.pdgId)
        variables += [part.charge, *(double(codes == code) for code in (211, 130, 22, 11, 13))]
    if n_features > 13:
        for name in ("d0", "dz"):
            error = double(ak.fill_none(part[f"{name}_error"], 0.0))
            variables += [np.tanh(double(ak.fill_none(part[name], 0.0))), ak.where(error < 1, error, 1.0)]
    points = [delta_eta, delta_phi]

    length = max(32, int(ak.max(ak.num(pt))))

    def padded(columns, least=-np.inf, most=np.inf):
        full = [ak.to_numpy(ak.fill_none(ak.pad_none(column, length), 0.0)) for column in columns]
        return torch.as_tensor(np.clip(np.stack(full, axis=1).astype(np.float64), least, most))

    mask = torch.as_tensor(np.arange(length) < ak.to_numpy(ak.num(pt))[:, np.newaxis]).unsqueeze(1)
    return (
        padded(points),
        padded([*variables, *points], -5, 5),
        padded([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), energy]),
        mask,
    )


def tagged(bundle: Path, name: str) -> np.ndarray:
    """Scores of the tagger for the jets of a file."""
    scores = coffea_fm.load(bundle)(events_of(name).Jet)
    return np.stack([ak.to_numpy(ak.flatten(scores[column])) for column in scores.fields], axis=1)


@torch.no_grad()
def assert_agrees(network, bundle, n_features, *, transformer=False):
    """Torch and the tagger give the scores of weaver's network in double precision."""
    network = network.double()
    for name in ("Hbb", "QCD"):
        points, features, momenta, mask = prepared(ak.flatten(events_of(name).Jet), n_features)
        logits = network(features, momenta, mask) if transformer else network(points, features, mask)
        expected = logits.softmax(dim=1).numpy()
        assert expected.std(axis=0).max() > 1e-3
        np.testing.assert_allclose(tagged(bundle, name), expected, atol=1e-5)


@needs_data
@pytest.mark.filterwarnings("ignore::coffea_fm.errors.InputWarning")
@pytest.mark.skipif(not KIN.is_file(), reason="the published weights are not here")
def test_published_particle_net(weaver, tmp_path):
    result = coffea_fm.import_model(KIN, output=tmp_path / "net")
    assert result.classes[:3] == ("QCD", "Hbb", "Hcc")
    assert result.maximal_difference < 1e-4
    network = weaver[0](7, 10, **SIZES, use_fusion=False, trim=False).eval()
    network.load_state_dict(unwrapped(read_torch_file(KIN)))
    assert_agrees(network, tmp_path / "net", 7)
    for name, best in (("QCD", 0), ("Hbb", 1)):
        assert np.mean(tagged(tmp_path / "net", name).argmax(axis=1) == best) > 0.5
    model, checkpoint = load_checkpoint(tmp_path / "net-checkpoint")
    assert checkpoint.network.backbone.features == "jetclass-kin"
    assert checkpoint.provenance["imported"]["file"] == "ParticleNet_kin.pt"
    assert sum(parameter.numel() for parameter in model.parameters()) == 368_216
    assert "ParticleNet_kin.pt" in (tmp_path / "net" / "README.md").read_text()


@needs_data
@pytest.mark.parametrize("n_features", [13, 17])
@pytest.mark.filterwarnings("ignore::coffea_fm.errors.InputWarning")
def test_particle_net_with_random_weights(weaver, tmp_path, n_features):
    network = randomised(weaver[0](n_features, 10, **SMALL, use_fusion=n_features == 13, trim=False))
    network.fc[-1].weight.data.mul_(10.0)  # else all jets have nearly the same scores
    torch.save({f"mod.{name}": tensor for name, tensor in network.state_dict().items()}, tmp_path / "net.pt")
    coffea_fm.import_model(tmp_path / "net.pt", output=tmp_path / "net")
    assert_agrees(network, tmp_path / "net", n_features)


@needs_data
@pytest.mark.parametrize(("version", "pre_activation"), [(1, False), (1, True), (2, True), (3, True)])
@pytest.mark.filterwarnings("ignore::coffea_fm.errors.InputWarning")
def test_particle_transformer(weaver, tmp_path, version, pre_activation):
    sizes = {"embed_dims": (32, 64, 32), "pair_embed_dims": (16, 16), "num_heads": 4, "num_layers": 2}
    network = randomised(
        weaver[1](17, 10, version=version, use_pre_activation_pair=pre_activation, trim=False, **sizes)
    )
    torch.save(network.state_dict(), tmp_path / "part.pt")
    (tmp_path / "options.yaml").write_text(f"pair_activation: {str(not pre_activation).lower()}\n")
    coffea_fm.import_model(tmp_path / "part.pt", output=tmp_path / "part", mapping=tmp_path / "options.yaml")
    assert load_checkpoint(tmp_path / "part-checkpoint")[1].network.backbone.version == version
    assert_agrees(network, tmp_path / "part", 17, transformer=True)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_configuration_is_read_off_the_shapes(weaver, version):
    state = weaver[1](17, 10, version=version).state_dict()
    backbone = read_weaver(dict(state), WeaverOptions())[1].backbone
    assert (backbone.dim, backbone.embed, backbone.layers, backbone.class_layers) == (128, (128, 512), 8, 2)
    assert (backbone.heads, backbone.pair_hidden, backbone.version) == (8, (64, 64, 64), version)
    assert (backbone.dropout, backbone.drop_path) == ((0.0, 0.1) if version == 3 else (0.1, 0.0))


def saved(folder: Path, content: object) -> Path:
    torch.save(content, folder / "net.pt")
    return folder / "net.pt"


class Evil:
    def __reduce__(self):
        return (open, ("owned", "w"))


def test_bad_files_are_refused(weaver, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    state = weaver[0](7, 3, trim=False).state_dict()
    with pytest.raises(InputError, match="cannot read the weights"):
        read_torch_file(saved(tmp_path, Evil()))
    assert not Path("owned").exists()
    (tmp_path / "text.pt").write_text("not weights")
    with pytest.raises(InputError, match="cannot read the weights"):
        read_torch_file(tmp_path / "text.pt")
    with pytest.raises(InputError, match="not a state dict"):
        read_weaver({"epoch": 3}, WeaverOptions())
    with pytest.raises(InputError, match=r"neither 'bn_fts\.weight' nor"):
        read_weaver({"weight": torch.zeros(1)}, WeaverOptions())
    with pytest.raises(InputError, match="3 scores, but there are 0 class names"):
        read_weaver(dict(state), WeaverOptions())
    with pytest.raises(InputError, match="9 inputs per particle"):
        read_weaver(dict(weaver[0](9, 3, trim=False).state_dict()), WeaverOptions())
    with pytest.raises(InputError, match="is missing: give the whole"):
        read_weaver({"bn_fts.weight": state["bn_fts.weight"]}, WeaverOptions())
    with pytest.raises(InputError, match="q_norm"):
        read_weaver(dict(weaver[1](17, 10, version=3.5, num_layers=1).state_dict()), WeaverOptions())
    (tmp_path / "options.yaml").write_text("neighbors: 8\n")
    path = saved(tmp_path, dict(state))
    with pytest.raises(RecipeError, match="did you mean 'neighbours'"):
        coffea_fm.import_model(path, output=tmp_path / "out", mapping=tmp_path / "options.yaml")
    with pytest.raises(InputError, match="leave it out"):
        coffea_fm.import_model(path, tmp_path / "options.yaml", output=tmp_path / "out")
