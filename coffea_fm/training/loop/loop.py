"""The training loop: what happens in each step, and when it is logged, validated and saved."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.loggers.tensorboard import TensorBoardLogger

from coffea_fm.errors import RecipeError
from coffea_fm.methods.parts.views import augment
from coffea_fm.methods.table import build_method
from coffea_fm.nn.batches import Examples, set_lengths
from coffea_fm.nn.checkpoint import CheckpointConfig, build_from, save_checkpoint
from coffea_fm.nn.heads.event import EventHeadConfig
from coffea_fm.nn.low_rank import merged_state
from coffea_fm.shards import EventDataset, ShardDataset
from coffea_fm.tokens.events import nest, unnest
from coffea_fm.training.data.datasets import datasets
from coffea_fm.training.data.embeddings import EmbeddedEvents, EmbeddedShards, embed_shards
from coffea_fm.training.data.sampling import Stream, batches, generator
from coffea_fm.training.data.weights import Weights
from coffea_fm.training.loop.adaptation import (
    freeze_backbone,
    keeps_embeddings,
    part_of,
    rate_factor,
    start_from,
    starting_point,
)
from coffea_fm.training.loop.ema import averaged_copy, update_average
from coffea_fm.training.loop.evaluation import metrics_of_parts, validation_metrics
from coffea_fm.training.loop.logs import Bar, CSVLog
from coffea_fm.training.loop.optimizer import build_optimizer, learning_rate
from coffea_fm.training.loop.parallel import add_over_processes
from coffea_fm.training.loop.state import Progress, restore_state, save_state
from coffea_fm.training.recipe.recipe import Recipe

VALIDATIONS = 20
LOG_STEPS = 10
SAVE_SECONDS = 120.0


class Training:
    """A training that can go on: all state, and one method for each thing that happens.

    Parameters
    ----------
    recipe : Recipe
        What to do.
    folder : Path
        Where everything goes; a run that was interrupted there is taken up.
    fabric : Fabric
        The device, and the processes that share the jets of each step.
    """

    def __init__(self, recipe: Recipe, folder: Path, fabric: Fabric) -> None:
        self.recipe, self.folder, self.fabric = recipe, folder, fabric
        self.data, self.validation = datasets(recipe)
        self.spec = self.data.spec
        self.weights = Weights(self.data, recipe.data.reweight)
        config = recipe.training
        start = starting_point(recipe)
        reads_scores = isinstance(recipe.head, EventHeadConfig) and "scores" in recipe.head.reads
        self.jet_head = start.jet_head if start is not None and reads_scores else None
        torch.manual_seed(config.seed)
        model = build_from(recipe, recipe.inputs.spec(), self.data.classes, self.jet_head)
        start_from(model, recipe, start)
        self.method = build_method(recipe.method, model).to(fabric.device)
        self.averaged = averaged_copy(self.method)
        self.optimizer = build_optimizer(self.method, config.lr, config.weight_decay, partial(part_of, recipe=recipe))
        fresh = Progress(fingerprint=self.data.fingerprint)
        self.progress = restore_state(folder, fresh, self.method, self.averaged, self.optimizer)
        if self.progress.step == 0:
            self.method.prepare(self.data, config.seed)
            self.averaged.load_state_dict(self.method.state_dict())
        if keeps_embeddings(recipe):
            self.data, self.validation = (self.embedded(data) for data in (self.data, self.validation))
        if fabric.is_global_zero:
            numbers = [f"{stage}_{name}" for stage in ("train", "validation") for name in self.method.metrics]
            numbers += ["validation_embedding_rank", "validation_embedding_spread"]
            names = ["seen_jets", "epoch", "lr", "gradient_norm", "jets_per_second", *numbers]
            self.csv = CSVLog(folder / "log.csv", names, self.progress.step)
            self.tensorboard = TensorBoardLogger(folder, "tensorboard", "", purge_step=self.progress.step + 1)

    def embedded(self, data: ShardDataset) -> ShardDataset:
        """Shards with the embeddings of a backbone that stays as it is, kept for all runs of the folder."""
        with self.fabric.rank_zero_first():
            cache = self.folder.parent / "embeddings"
            vectors = embed_shards(self.method.model, data.whole(), cache=cache, device=self.fabric.device)
        return EmbeddedEvents(data, vectors) if isinstance(data, EventDataset) else EmbeddedShards(data, vectors)

    def run(self, stop: threading.Event, bar: Bar) -> None:
        """Train until the end, or until asked to stop."""
        config, progress = self.recipe.training, self.progress
        every = config.validate_every or max(1, config.seen_jets // VALIDATIONS)
        examples = batches(
            self.data,
            self.weights,
            batch_tokens=config.batch_tokens,
            batch_events=None if self.recipe.event is None else config.batch_events,
            shuffle_jets=self.recipe.data.shuffle_jets,
            seed=config.seed,
            start=progress.position,
        )
        sums: dict[str, float] = defaultdict(float)
        saved = logged = time.monotonic()
        stopped = False
        while not progress.finished and not stopped:
            progress.position, batch = next(examples)
            for name, value in self.step(batch, stop).items():
                sums[name] += value
            stopped = sums["stop"] > 0
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
        if stopped:
            self.save()
        if self.fabric.is_global_zero:
            self.tensorboard.finalize("success")

    def step(self, examples: Examples, stop: threading.Event) -> dict[str, float]:
        """One step of the optimizer; gives sums over the jets of all processes."""
        config, progress, fabric = self.recipe.training, self.progress, self.fabric
        n_jets = len(examples.packed)
        done = min(1.0, (progress.seen_jets + 0.5 * n_jets) / config.seen_jets)
        rate = learning_rate(done, config.lr, config.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * rate_factor(self.recipe.start, group["part"], done)
        freeze_backbone(self.method.model, self.recipe.start, done)
        random = generator(config.seed, Stream.STEP, progress.step, fabric.global_rank)
        names = [*self.method.metrics, "weight", "jets", "stop"]
        sums = torch.zeros(len(names), device=fabric.device)
        sums[-2], sums[-1] = n_jets / fabric.world_size, float(stop.is_set())
        mine = self.augmented(self.share(examples), random)
        for part, metrics in metrics_of_parts(self.method, mine, self.spec, config.micro_tokens, fabric, random):
            fabric.backward((metrics[0] * part.weight).sum() / n_jets)
            sums[:-3] += (metrics.detach() * part.weight).sum(dim=1)
            sums[-3] += part.weight.sum()
        sums = add_over_processes(fabric, self.method, sums)
        norm = torch.nn.utils.clip_grad_norm_(self.method.parameters(), config.clip)
        if not torch.isfinite(norm):
            raise RecipeError(
                f"the training diverged at step {progress.step}: its gradient is not finite; lower training.lr. "
                f"The last good state is in {self.folder / 'last'}"
            )
        self.optimizer.step()
        self.optimizer.zero_grad()
        progress.step += 1
        progress.seen_jets += n_jets
        self.method.finish_step(min(1.0, progress.seen_jets / config.seen_jets))
        update_average(self.averaged, self.method, config.ema, progress.step)
        return dict(zip(names, sums.tolist(), strict=True)) | {"gradient_norm": float(norm), "steps": 1}

    def augmented(self, examples: Examples, random: np.random.Generator) -> Examples:
        """The same with changed jets, as the recipe says."""
        changes, data = self.recipe.training.augmentation.changes, self.data
        if not isinstance(data, EventDataset):
            return examples._replace(packed=augment(examples.packed, self.spec, changes, random))
        if not changes:
            return examples
        events = unnest(examples.packed, data.jets, data.collection)
        events = events._replace(jets=augment(events.jets, data.jets, changes, random))
        return examples._replace(packed=nest(events, data.jets, data.collection))

    def share(self, examples: Examples) -> Examples:
        """The jets of a step that this process takes: as many, and as long ones, as each other one."""
        if self.fabric.world_size == 1:
            return examples
        by_length = np.argsort(-set_lengths(examples.packed), kind="stable")
        return examples.take(by_length[self.fabric.global_rank :: self.fabric.world_size])

    def summary(self, sums: dict[str, float], seconds: float) -> dict[str, float]:
        """Means since the last row of the log."""
        means = {f"train_{name}": sums[name] / sums["weight"] for name in self.method.metrics}
        return means | {
            "lr": max(group["lr"] for group in self.optimizer.param_groups),
            "gradient_norm": sums["gradient_norm"] / sums["steps"],
            "jets_per_second": sums["jets"] / seconds,
        }

    def validate(self, bar: Bar) -> None:
        """Measure the averaged weights, and keep them if they are the best so far."""
        config, progress = self.recipe.training, self.progress
        means = validation_metrics(self.averaged, self.validation, self.weights, config, self.fabric)
        self.log({f"validation_{name}": value for name, value in means.items()}, bar)
        if not progress.best or means["loss"] < progress.best["loss"]:
            progress.best, progress.stale = means, 0
            self.keep("best", means)
        else:
            progress.stale += 1
            progress.finished |= config.patience is not None and progress.stale >= config.patience

    def save(self) -> None:
        """Write ``last/``: what to go on from, and the averaged weights as a checkpoint."""
        self.keep("last", self.progress.best)
        if self.fabric.is_global_zero:
            save_state(self.folder, self.progress, self.method, self.averaged, self.optimizer)

    def keep(self, name: str, metrics: dict[str, float]) -> None:
        """Write the averaged weights as a checkpoint."""
        if not self.fabric.is_global_zero:
            return
        config = CheckpointConfig(
            recipe=self.recipe,
            spec=self.recipe.inputs.spec(),
            classes=self.data.classes,
            step=self.progress.step,
            seen_jets=self.progress.seen_jets,
            metrics=metrics,
            jet_head=self.jet_head,
        )
        save_checkpoint(self.folder / name, merged_state(self.averaged.model), config)

    def log(self, numbers: dict[str, float], bar: Bar) -> None:
        """Write numbers to every log."""
        if not self.fabric.is_global_zero:
            return
        progress = self.progress
        place = {"seen_jets": float(progress.seen_jets), "epoch": float(progress.position.epoch)}
        self.csv.write(progress.step, place | numbers)
        self.tensorboard.log_metrics(numbers, progress.step)
        bar.show({name: value for name, value in numbers.items() if name not in ("lr", "gradient_norm")})
