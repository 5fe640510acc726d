"""Write omnilearned.npz: what the package ``omnilearned`` gives for made-up jets and weights of a rule.

Run once, where the package is installed (it needs h5py, einops, diffusers, torchdiffeq and pytorch-optimizer):
``PYTHONPATH=.:tests/helpers python tests/weights/make_omnilearned_reference.py``
"""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import numpy as np
import omnilearned
import torch
from omnilearned.diffusion import get_logsnr_alpha_sigma, perturb
from omnilearned.network import PET2
from omnilearned.train import get_logs
from omnilearned.utils import get_loss, get_model_parameters
from omnilearned_weights import CLASSES, LENGTHS, draws, weights
from padded_jets import make_inputs
from random_jets import LEVEL

from coffea_fm.nn.features.omnilearned import OmniLearnedFeatures, OmniLearnedOutput

FLAGS = {"published": (8, False), "pairs": (2, True)}
"""Number of layers, and whether features of pairs are used. The second is small, because a test exports it."""


def main() -> None:
    """Write the file beside this script."""
    found = OmniLearnedFeatures(LEVEL, "jetclass")(make_inputs(LENGTHS, LEVEL, multiple=8))
    arrays, shapes = {}, {}
    for name, (layers, pairs) in FLAGS.items():
        network = PET2(
            4,
            use_int=pairs,
            local_int=pairs,
            pid=True,
            add_info=True,
            mode="pretrain",
            num_classes=CLASSES,
            feature_drop=0.1,
            K=10,
            num_coord=2,
            **{**get_model_parameters("small"), "num_transformers": layers},
        ).eval()
        for part, module in parts(network).items():
            shapes[f"{name}/{part}"] = {key: tuple(value.shape) for key, value in module.state_dict().items()}
            module.load_state_dict(weights(shapes[f"{name}/{part}"]))
        with torch.no_grad():
            body = network.body(found.kinematics, None, found.identity, found.track, torch.zeros(len(LENGTHS)))
            arrays[f"{name}/logits"] = network.classifier(body).numpy()
            late = network.body(found.kinematics, None, found.identity, found.track, torch.full((len(LENGTHS),), 0.3))
            arrays[f"{name}/late"] = late[:, 5:].sum(dim=1).numpy()
            arrays |= {f"{name}/{key}": value for key, value in flow(network, found).items()}
        arrays[f"{name}/parameters"] = np.array(
            sum(p.numel() for module in (network.body, network.classifier) for p in module.parameters())
        )
        arrays[f"{name}/generator_parameters"] = np.array(sum(p.numel() for p in network.generator.parameters()))
    about = {"version": omnilearned.__version__, "shapes": shapes}
    np.savez_compressed(Path(__file__).with_name("omnilearned.npz"), about=np.array(json.dumps(about)), **arrays)


def parts(network: PET2) -> dict[str, torch.nn.Module]:
    """The modules of a checkpoint."""
    return {"body": network.body, "classifier_head": network.classifier, "generator_head": network.generator}


def flow(network: PET2, found: OmniLearnedOutput) -> dict[str, np.ndarray]:
    """Velocity, logits and losses at given times and with given noise."""
    x = found.kinematics
    label, time, numbers = draws(x.shape)
    with mock.patch("torch.randn_like", return_value=numbers):
        z, v, weight = perturb(x, time)
    body = network.body(z, None, found.identity, found.track, time)
    outputs = {
        "y_pred": network.classifier(network.body(x, None, found.identity, found.track, torch.zeros_like(time))),
        "y_perturb": network.classifier(body),
        "z_pred": network.generator(body, label),
        "v": v,
        "v_weight": weight,
        "x_body": None,
        "z_body": body,
        "alpha": get_logsnr_alpha_sigma(time)[1] ** 2,
    }
    logs = get_logs("cpu")
    losses = torch.nn.CrossEntropyLoss(reduction="none"), torch.nn.MSELoss(reduction="none")
    total = get_loss(outputs, label, "pretrain", *losses, False, False, None, logs)
    given = {"velocity": outputs["z_pred"], "noised_logits": outputs["y_perturb"], "loss": total}
    return {key: value.numpy() for key, value in given.items()} | {"flow_loss": logs["loss_gen"].numpy()}


if __name__ == "__main__":
    main()
