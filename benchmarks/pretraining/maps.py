"""Maps of embeddings: the two main components, and t-SNE."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from encoders import encoder
from figures_of_merit import target_of
from matplotlib import pyplot as plt
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.preprocessing import StandardScaler
from study import Study
from vectors import embed

from coffea_fm.classes import JET_CLASSES

JETS = 3000


def draw_maps(study: Study, names: Sequence[str], path: Path) -> None:
    """One column an encoder: jets of the test sample in its principal components (above) and by t-SNE (below)."""
    mpl.use("Agg")
    target = target_of(study, "test")
    chosen = np.random.default_rng(0).permutation(len(target))[:JETS]
    figure, axes = plt.subplots(2, len(names), figsize=(4.2 * len(names), 8), squeeze=False)
    for column, name in enumerate(names):
        vectors = StandardScaler().fit_transform(embed(study, encoder(study, name), "test")[chosen])
        places = (PCA(2).fit_transform(vectors), TSNE(random_state=0, init="pca").fit_transform(vectors))
        for axis, place, way in zip(axes[:, column], places, ("PCA", "t-SNE"), strict=True):
            axis.scatter(*place.T, c=target[chosen], cmap="tab10", s=3, vmin=-0.5, vmax=9.5)
            axis.set(title=f"{name}: {way}", xticks=[], yticks=[])
    handles = [plt.Line2D([], [], marker="o", ls="", color=plt.get_cmap("tab10")(index)) for index in range(10)]
    figure.legend(handles, JET_CLASSES, loc="lower center", ncols=10, fontsize=8)
    figure.tight_layout(rect=(0, 0.03, 1, 1))
    figure.savefig(path, dpi=65)
    plt.close(figure)
