"""The training loop: optimizer steps, logging, validation and checkpoints."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric

from coffea_fm.bundle.find import find_checkpoint
from coffea_fm.errors import RecipeError, warn
from coffea_fm.methods.parts.views import augment
from coffea_fm.nn.batches import Examples
from coffea_fm.nn.blocks.low_rank import merged_state
from coffea_fm.nn.checkpoint import save_checkpoint
from coffea_fm.shards import ShardDataset
from coffea_fm.training.data.constants import ShardsWithConstants
from coffea_fm.training.data.datasets import datasets
from coffea_fm.training.data.embeddings import EmbeddedShards, embed_shards
from coffea_fm.training.data.sampling import Step, Stream, batches, generator
from coffea_fm.training.data.weights import Weights
from coffea_fm.training.loop.adaptation import (
    freeze_backbone,
    keeps_embeddings,
    part_of,
    rate_factor,
    start_from,
    starting_point,
)
from coffea_fm.training.loop.collapse import has_collapsed
from coffea_fm.training.loop.ema import averaged_copy, update_average
from coffea_fm.training.loop.evaluation import metrics_of_parts, validation_metrics
from coffea_fm.training.loop.logs import Bar, Logs
from coffea_fm.training.loop.optimizer import build_optimizer, learning_rate
from coffea_fm.training.loop.parallel import add_over_processes, agree, sharing
from coffea_fm.training.loop.state import Progress, restore_state, save_state
from coffea_fm.training.recipe.recipe import Recipe

VALIDATIONS = 20
LOG_STEPS = 10
SAVE_SECONDS = 120.0


class Training:
    """A resumable training run, with all its state.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    folder : Path
        Folder of the run; an interrupted run in it is resumed.
    fabric : Fabric
        The device, and the processes that share the examples of each step.
    """

    def __init__(self, recipe: Recipe, folder: Path, fabric: Fabric) -> None:
        self.recipe, self.folder, self.fabric = recipe, folder, fabric
        self.data, self.validation = datasets(recipe)
        self.weights = Weights(self.data, recipe.data.reweight)
        config = recipe.training
        start = starting_point(recipe)
        self.network = recipe.network(self.data.classes, start and start.jet_head)
        torch.manual_seed(config.seed)
        model = self.network.build()
        start_from(model, recipe, start)
        self.method = recipe.method.build(model).to(fabric.device)
        if recipe.start is not None and recipe.start.checkpoint is not None:
            self.method.start_from(find_checkpoint(recipe.start.checkpoint))
        self.averaged = averaged_copy(self.method)
        part = partial(part_of, model=model, start=recipe.start)
        self.optimizer = build_optimizer(
            self.method, config.lr, config.weight_decay, part, kind=config.optimizer, betas=config.betas
        )
        fresh = Progress(fingerprint=self.data.fingerprint)
        self.progress = restore_state(folder, fresh, self.method, self.averaged, self.optimizer)
        if self.progress.step == 0:
            self.method.prepare(self.data, config.seed)
            agree(fabric, self.method)
            self.averaged.load_state_dict(self.method.state_dict())
        if keeps_embeddings(model, recipe):
            self.data, self.validation = (self.embedded(data) for data in (self.data, self.validation))
        self.data, self.validation = (self.extended(data) for data in (self.data, self.validation))
        self.keep_constants()
        self.logs = Logs(folder, self.method.metrics, self.progress.step) if fabric.is_global_zero else None

    def embedded(self, data: ShardDataset) -> EmbeddedShards:
        """Add the embeddings of a frozen backbone to shards; they are cached for all runs in the same parent folder."""
        with self.fabric.rank_zero_first():
            cache = self.folder.parent / "embeddings"
            vectors = embed_shards(self.method.model, data.whole(), cache=cache, device=self.fabric.device)
        return EmbeddedShards(data, vectors)

    def extended(self, data: ShardDataset) -> ShardDataset:
        """Add the columns that the method computes once."""
        with self.fabric.rank_zero_first():
            columns = self.method.columns(data, self.folder.parent / "columns")
        return data.with_columns(columns) if columns else data

    def keep_constants(self) -> None:
        """Keep the constants of the method with the jets; augmented jets have others in each step."""
        constants = self.method.constants()
        if constants:
            self.validation = ShardsWithConstants(self.validation, constants, self.fabric.device)
            if not self.recipe.training.augmentation.changes:
                self.data = ShardsWithConstants(self.data, constants, self.fabric.device)

    def run(self, stop: threading.Event, bar: Bar) -> None:
        """Train until finished or asked to stop."""
        config, progress = self.recipe.training, self.progress
        every = config.validate_every or max(1, config.seen // VALIDATIONS)
        examples = batches(
            self.data,
            self.weights,
            batch_tokens=config.batch_tokens,
            batch_size=config.batch_size,
            shuffle=self.recipe.data.shuffle,
            seed=config.seed,
            start=progress.position,
            sharing=sharing(self.fabric),
        )
        sums: dict[str, float] = defaultdict(float)
        saved = logged = time.monotonic()
        stopped = False
        while not progress.finished and not stopped:
            step = next(examples)
            progress.position = step.following
            for name, value in self.step(step, stop).items():
                sums[name] += value
            stopped = sums["stop"] > 0
            bar.advance(step.size)
            progress.finished = progress.seen >= config.seen
            due = progress.seen // every > progress.validations or progress.finished
            if due or progress.step % LOG_STEPS == 0:
                now = time.monotonic()
                self.log(self.summary(sums, now - logged), bar)
                sums.clear()
                logged = now
            if due:
                progress.validations = progress.seen // every
                self.validate(bar)
                logged = time.monotonic()
            if due or time.monotonic() - saved > SAVE_SECONDS:
                self.save()
                saved = time.monotonic()
        if stopped:
            self.save()
        if self.logs:
            self.logs.close()

    def step(self, step: Step, stop: threading.Event) -> dict[str, float]:
        """Take one optimizer step; returns sums over the examples of all processes."""
        config, progress, fabric = self.recipe.training, self.progress, self.fabric
        n = step.size
        done = min(1.0, (progress.seen + 0.5 * n) / config.seen)
        rate = learning_rate(done, config.lr, config.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * rate_factor(self.recipe.start, group["part"], done)
        freeze_backbone(self.method.model, self.recipe.start, done)
        random = generator(config.seed, Stream.STEP, progress.step, fabric.global_rank)
        names = [*self.method.metrics, "weight", "seen", "stop"]
        sums = torch.zeros(len(names), device=fabric.device)
        sums[-2], sums[-1] = n / fabric.world_size, float(stop.is_set())
        mine = self.augmented(step.examples, random)
        for part, metrics in metrics_of_parts(self.method, mine, self.data.level, config.micro_tokens, fabric, random):
            fabric.backward((metrics[0] * part.weight).sum() / n)
            sums[:-3] += (metrics.detach() * part.weight).sum(dim=1)
            sums[-3] += part.weight.sum()
        sums = add_over_processes(fabric, self.method, sums)
        norm = torch.nn.utils.clip_grad_norm_(self.method.parameters(), config.clip)
        if not torch.isfinite(norm):
            raise RecipeError(
                f"the training diverged at step {progress.step}: the gradient is not finite; lower training.lr. "
                f"The last good state is in {self.folder / 'last'}"
            )
        self.optimizer.step()
        self.optimizer.zero_grad()
        progress.step += 1
        progress.seen += n
        self.method.finish_step(min(1.0, progress.seen / config.seen))
        # After finish_step, so that the average includes the updated teacher or codebook.
        update_average(self.averaged, self.method, config.ema, progress.step)
        return dict(zip(names, sums.tolist(), strict=True)) | {"gradient_norm": float(norm), "steps": 1}

    def augmented(self, examples: Examples, random: np.random.Generator) -> Examples:
        """Apply the augmentations of the recipe."""
        changes = self.recipe.training.augmentation.changes
        return examples._replace(packed=augment(examples.packed, self.data.level, changes, random))

    def summary(self, sums: dict[str, float], seconds: float) -> dict[str, float]:
        """Means since the last log entry."""
        means = {f"train_{name}": sums[name] / sums["weight"] for name in self.method.metrics}
        return means | {
            "lr": max(group["lr"] for group in self.optimizer.param_groups),
            "gradient_norm": sums["gradient_norm"] / sums["steps"],
            "seen_per_second": sums["seen"] / seconds,
        }

    def validate(self, bar: Bar) -> None:
        """Validate the averaged weights, and save them if they are the best so far."""
        config, progress = self.recipe.training, self.progress
        means = validation_metrics(self.averaged, self.validation, self.weights, config, self.fabric)
        self.log({f"validation_{name}": value for name, value in means.items()}, bar)
        if self.logs and self.collapsed(means):
            warn(
                f"the embeddings of {self.recipe.name} have collapsed: those of different {self.data.level.name}s are nearly "
                "the same (embedding_rank and embedding_spread in log.csv), whatever the loss says. Lower training.lr, slow "
                "down the teacher, or hold the embeddings apart with a term of the method"
            )
        if not progress.best or means["loss"] < progress.best["loss"]:
            progress.best, progress.stale = means, 0
            self.keep("best", means)
        else:
            progress.stale += 1
            progress.finished |= config.patience is not None and progress.stale >= config.patience

    def collapsed(self, metrics: dict[str, float]) -> bool:
        """Whether an encoder that is trained without a head has collapsed; with few classes, a head may want that."""
        return self.method.model.head is None and has_collapsed(metrics)

    def save(self) -> None:
        """Write ``last/``: the state to resume from, and the averaged weights as a checkpoint."""
        self.keep("last", self.progress.best)
        if self.fabric.is_global_zero:
            save_state(self.folder, self.progress, self.method, self.averaged, self.optimizer)

    def keep(self, name: str, metrics: dict[str, float]) -> None:
        """Write the averaged weights as a checkpoint."""
        if not self.fabric.is_global_zero:
            return
        provenance = {
            "recipe": self.recipe.model_dump(mode="json"),
            "data": str(self.recipe.data.train),
            "seed": self.recipe.training.seed,
            "step": self.progress.step,
            "seen": self.progress.seen,
            "metrics": metrics,
        }
        save_checkpoint(self.folder / name, merged_state(self.averaged.model), self.network, provenance)
        self.averaged.describe(self.folder / name)

    def log(self, numbers: dict[str, float], bar: Bar) -> None:
        """Write numbers to all logs."""
        if self.logs:
            progress = self.progress
            self.logs.write(
                progress.step, {"seen": float(progress.seen), "epoch": float(progress.position.epoch)}, numbers
            )
            bar.show({name: value for name, value in numbers.items() if name not in ("lr", "gradient_norm")})
