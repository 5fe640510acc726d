"""The training loop."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.loggers.tensorboard import TensorBoardLogger

from coffea_fm.errors import InputError, RecipeError
from coffea_fm.shards import ShardDataset
from coffea_fm.training.augmentation import augment
from coffea_fm.training.batches import Examples, padded_batches
from coffea_fm.training.checkpoint import CheckpointConfig, save_checkpoint
from coffea_fm.training.ema import averaged_copy, update_average
from coffea_fm.training.interrupt import stop_requested
from coffea_fm.training.logs import Bar, CSVLog, progress_bar
from coffea_fm.training.methods import build_objective
from coffea_fm.training.optimizer import build_optimizer, learning_rate
from coffea_fm.training.precision import Precision, choose_precision, remember_shapes
from coffea_fm.training.recipe import Recipe
from coffea_fm.training.run import Progress, open_run, restore_state, save_state
from coffea_fm.training.sampling import Stream, batches, generator
from coffea_fm.training.weights import Weights

VALIDATIONS = 20
LOG_STEPS = 10
SAVE_SECONDS = 120.0

_FABRIC_PRECISION: dict[Precision, Literal["32-true", "bf16-mixed"]] = {"fp32": "32-true", "bf16": "bf16-mixed"}


@dataclass(frozen=True)
class TrainingResult:
    """What a training came to.

    Parameters
    ----------
    folder : Path
        Holds ``best/``, ``last/``, ``log.csv`` and ``tensorboard/``.
    finished : bool
        False if it was interrupted: the same call goes on.
    seen_jets : int
        Jets trained on, repetitions counted.
    best : dict of str to float
        Validation metrics of the best checkpoint.
    """

    folder: Path
    finished: bool
    seen_jets: int
    best: dict[str, float]


def train(recipe: Recipe, runs: str | os.PathLike[str] = "runs", *, show_progress: bool = True) -> TrainingResult:
    """Train as a recipe says, from the start or from where the run of that name was interrupted.

    Parameters
    ----------
    recipe : Recipe
        What to do.
    runs : path-like
        The run goes to ``runs/NAME``.
    show_progress : bool
        Draw a progress bar.

    Raises
    ------
    InputError
        If the shards do not hold what the recipe reads.
    RecipeError
        If the folder holds a run of another recipe, or the training diverges.
    """
    folder = Path(runs) / recipe.name
    training = Training(recipe, folder)
    with (
        stop_requested() as stop,
        progress_bar(recipe.name, recipe.training.seen_jets, training.progress.seen_jets, visible=show_progress) as bar,
    ):
        training.run(stop, bar)
    progress = training.progress
    return TrainingResult(folder, progress.finished, progress.seen_jets, progress.best)


class Training:
    """A training that can go on: all state, and one method for each thing that happens.

    Parameters
    ----------
    recipe : Recipe
        What to do.
    folder : Path
        Where everything goes; a run that was interrupted there is taken up.
    """

    def __init__(self, recipe: Recipe, folder: Path) -> None:
        spec = recipe.inputs.spec()
        self.recipe, self.folder, self.spec = recipe, folder, spec
        self.data = ShardDataset(recipe.data.train, spec)
        self.validation = ShardDataset(recipe.data.validation, spec)
        if self.validation.classes != self.data.classes:
            raise InputError(f"{self.validation.folder} has other classes than {self.data.folder}: collect them again")
        self.weights = Weights(self.data, recipe.data.reweight)
        open_run(folder, recipe)

        config = recipe.training
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.fabric = Fabric(
            accelerator=device.type,
            devices=1,
            precision=_FABRIC_PRECISION[choose_precision(config.precision, device)],
        )
        remember_shapes()
        torch.manual_seed(config.seed)
        objective = build_objective(recipe, spec, self.data.classes)
        optimizer = build_optimizer(objective, config.lr, config.weight_decay)
        self.objective, self.optimizer = self.fabric.setup(objective, optimizer)
        self.module = self.objective.module
        self.averaged = averaged_copy(self.module)
        fresh = Progress(fingerprint=self.data.fingerprint)
        self.progress = restore_state(folder, fresh, self.module, self.averaged, optimizer)

        numbers = [f"{stage}_{name}" for stage in ("train", "validation") for name in self.module.metrics]
        log_names = ["seen_jets", "epoch", "lr", "gradient_norm", "jets_per_second", *numbers]
        self.csv = CSVLog(folder / "log.csv", log_names, self.progress.step)
        self.tensorboard = TensorBoardLogger(folder, "tensorboard", "", purge_step=self.progress.step + 1)

    def run(self, stop: threading.Event, bar: Bar) -> None:
        """Train until the end, or until asked to stop."""
        config, progress = self.recipe.training, self.progress
        every = config.validate_every or max(1, config.seen_jets // VALIDATIONS)
        examples = batches(
            self.data,
            self.weights,
            batch_tokens=config.batch_tokens,
            shuffle_jets=self.recipe.data.shuffle_jets,
            seed=config.seed,
            start=progress.position,
        )
        sums: dict[str, float] = defaultdict(float)
        saved = logged = time.monotonic()
        while not progress.finished and not stop.is_set():
            progress.position, batch = next(examples)
            for name, value in self.step(batch).items():
                sums[name] += value
            sums["jets"] += len(batch.packed)
            bar.advance(len(batch.packed))
            progress.finished = progress.seen_jets >= config.seen_jets
            due = progress.seen_jets // every > progress.validations or progress.finished
            if due or progress.step % LOG_STEPS == 0:
                now = time.monotonic()
                self.log(self.summary(sums, now - logged), bar)
                sums.clear()
                logged = now
            if due:
                progress.validations = progress.seen_jets // every
                self.validate(bar)
                logged = time.monotonic()
            if due or time.monotonic() - saved > SAVE_SECONDS:
                self.save()
                saved = time.monotonic()
        if stop.is_set():
            self.save()
        self.tensorboard.finalize("success")

    def step(self, examples: Examples) -> dict[str, float]:
        """One step of the optimizer; gives the sums of the metrics over the jets."""
        config, progress = self.recipe.training, self.progress
        n_jets = len(examples.packed)
        done = min(1.0, (progress.seen_jets + 0.5 * n_jets) / config.seen_jets)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(done, config.lr, config.warmup)
        random = generator(config.seed, Stream.AUGMENTATION, progress.step)
        changed = examples._replace(packed=augment(examples.packed, self.spec, config.augmentation, random))
        sums: dict[str, torch.Tensor] = {}
        for batch in padded_batches(changed, self.spec, config.micro_tokens, self.fabric.device, random):
            metrics = self.objective(batch)
            self.fabric.backward((metrics["loss"] * batch.weight).sum() / n_jets)
            for name, values in metrics.items():
                sums[name] = sums.get(name, 0.0) + (values.detach() * batch.weight).sum()
        norm = self.fabric.clip_gradients(
            self.objective, self.optimizer, max_norm=config.clip, error_if_nonfinite=False
        )
        if norm is None or not torch.isfinite(norm):
            raise RecipeError(
                f"the training diverged at step {progress.step}: its gradient is not finite; lower training.lr. "
                f"The last good state is in {self.folder / 'last'}"
            )
        self.optimizer.step()
        self.optimizer.zero_grad()
        progress.step += 1
        progress.seen_jets += n_jets
        update_average(self.averaged, self.module, config.ema, progress.step)
        return {name: float(value) for name, value in sums.items()} | {
            "weight": float(examples.weight.sum()),
            "gradient_norm": float(norm),
            "steps": 1,
        }

    def summary(self, sums: dict[str, float], seconds: float) -> dict[str, float]:
        """Means since the last row of the log."""
        means = {f"train_{name}": sums[name] / sums["weight"] for name in self.module.metrics}
        return means | {
            "lr": self.optimizer.param_groups[0]["lr"],
            "gradient_norm": sums["gradient_norm"] / sums["steps"],
            "jets_per_second": sums["jets"] / seconds,
        }

    @torch.no_grad()
    def validate(self, bar: Bar) -> None:
        """Measure the averaged weights, and keep them if they are the best so far."""
        sums: dict[str, float] = defaultdict(float)
        for packed, columns in self.validation:
            examples = Examples.of(packed, columns, self.weights)
            for batch in padded_batches(examples, self.spec, self.recipe.training.micro_tokens, self.fabric.device):
                with self.fabric.autocast():
                    metrics = self.averaged(batch)
                for name, values in metrics.items():
                    sums[name] += float((values * batch.weight).sum())
                sums["weight"] += float(batch.weight.sum())
        means = {name: sums[name] / sums["weight"] for name in self.module.metrics}
        self.log({f"validation_{name}": value for name, value in means.items()}, bar)
        progress = self.progress
        if not progress.best or means["loss"] < progress.best["loss"]:
            progress.best, progress.stale = means, 0
            self.keep("best", means)
        else:
            progress.stale += 1
            patience = self.recipe.training.patience
            progress.finished |= patience is not None and progress.stale >= patience

    def save(self) -> None:
        """Write ``last/``: what to go on from, and the averaged weights as a checkpoint."""
        self.keep("last", self.progress.best)
        save_state(self.folder, self.progress, self.module, self.averaged, self.optimizer.optimizer)

    def keep(self, name: str, metrics: dict[str, float]) -> None:
        """Write the averaged weights as a checkpoint."""
        config = CheckpointConfig(
            recipe=self.recipe,
            spec=self.spec,
            classes=self.data.classes,
            step=self.progress.step,
            seen_jets=self.progress.seen_jets,
            metrics=metrics,
        )
        save_checkpoint(self.folder / name, self.averaged.model.state_dict(), config)

    def log(self, numbers: dict[str, float], bar: Bar) -> None:
        """Write numbers to every log."""
        progress = self.progress
        place = {"seen_jets": float(progress.seen_jets), "epoch": float(progress.position.epoch)}
        self.csv.write(progress.step, place | numbers)
        self.tensorboard.log_metrics(numbers, progress.step)
        bar.show({name: value for name, value in numbers.items() if name not in ("lr", "gradient_norm")})
