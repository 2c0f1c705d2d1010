"""Whether a map says what a network goes by: cells of the crop are blanked in its order, and in others.

Deletion and insertion scores of Petsiuk 2018 (RISE, BMVC), for scores in place of class probabilities: how
far the prediction moves as the places of the highest weight go, and how soon it is back as they come first.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..data.source import ClipIndex, ClipSource
from ..network import Network
from .attention import Maps
from .intervals import Figure, figure, ratio
from .saliency import clip_scores

GRID = 12
"""Cells along a side: 8 px of a 96 px crop."""
N_STEPS = 8
N_DRAWS = 3
"""Of the orders that are drawn; their mean is what counts."""
DRAWN = ("random", "shifted")
ORDERS = ("map", "center", *DRAWN)


@dataclass(frozen=True, slots=True)
class Deletion:
    """How far predictions move as cells are blanked, (n_clips, N_STEPS + 1) float64 by order.

    Distances are those from the prediction of the untouched clip, the mean over outputs of |difference|.
    "map" blanks the highest weight first; "center" what is nearest to the middle of the crop; "random" draws
    cells; "shifted" moves the map by a random way around the crop, so that its blanked places hang together
    in space and time as the map's do, and lie elsewhere.

    Attributes
    ----------
    subjects : one per clip
    deletion : from untouched to all blank
    insertion : from all blank to untouched
    """

    subjects: tuple[str, ...]
    deletion: Mapping[str, NDArray[np.float64]]
    insertion: Mapping[str, NDArray[np.float64]]

    def areas(self, kind: str, order: str) -> NDArray[np.float64]:
        """Return the mean distance over the curve per clip (n_clips,): trapezoids over the share blanked.

        A better map has more by deletion, and less by insertion.
        """
        curve = (self.deletion if kind == "deletion" else self.insertion)[order]
        return np.asarray(np.trapezoid(curve, dx=1 / (curve.shape[1] - 1), axis=1))


def area_of(found: Deletion, kind: str, order: str) -> Figure:
    """Return the mean area of one order, with its interval over subjects."""
    return _over_subjects(found, found.areas(kind, order))


def better_by(found: Deletion, kind: str, order: str) -> Figure:
    """Return by how much the map beats an order: more area by deletion, less by insertion; paired by clip."""
    gain = found.areas(kind, "map") - found.areas(kind, order)
    return _over_subjects(found, gain if kind == "deletion" else -gain)


def delete(
    network: Network,
    maps: Maps,
    source: ClipSource,
    clips: Sequence[ClipIndex],
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
    on_progress: Callable[[int, int], None] | None = None,
) -> Deletion:
    """Return how the prediction of every clip moves as cells are blanked in several orders.

    A blank cell is 0 in all streams at once, which is each stream's neutral value: the session's mean face
    in color. Costs about 150 passes forward per clip.
    """
    rng = np.random.default_rng(seed)
    deletion: dict[str, list[NDArray]] = {order: [] for order in ORDERS}
    insertion: dict[str, list[NDArray]] = {order: [] for order in ORDERS}
    for done, clip in enumerate(clips, start=1):
        inputs = source.inputs([clip], device)
        weights = functional.adaptive_avg_pool2d(maps(inputs).float(), GRID)[0].cpu()  # (T, GRID, GRID)
        for order in ORDERS:
            curves = [
                _curves(network, inputs, ranks_of(_ordered(weights, order, rng)))
                for _ in range(N_DRAWS if order in DRAWN else 1)
            ]
            gone, back = np.mean(curves, axis=0)
            deletion[order].append(gone)
            insertion[order].append(back)
        if on_progress is not None:
            on_progress(done, len(clips))
    return Deletion(
        subjects=tuple(source.sessions[clip.session].subject for clip in clips),
        deletion={order: np.stack(curves) for order, curves in deletion.items()},
        insertion={order: np.stack(curves) for order, curves in insertion.items()},
    )


def ranks_of(weights: Tensor) -> Tensor:
    """Return the place of every cell in its frame's order, the highest weight first: (T, G, G) int64."""
    order = weights.flatten(1).argsort(dim=1, descending=True, stable=True)
    return order.argsort(dim=1).view_as(weights)


def blanked(inputs: Mapping[str, Tensor], kept: Tensor) -> dict[str, Tensor]:
    """Return one clip N times, with 0 in its streams wherever a cell is not kept.

    Parameters
    ----------
    inputs : {stream: (1, T, C, S, S)}; what has another shape, such as landmarks, stays as it is
    kept : (N, T, G, G) bool
    """
    found = {}
    for name, x in inputs.items():
        if x.ndim != 5:
            found[name] = x.expand(len(kept), *x.shape[1:])
            continue
        cells = functional.interpolate(kept.to(x), size=x.shape[-2:], mode="nearest")
        found[name] = x * cells[:, :, None]
    return found


def _over_subjects(found: Deletion, values: NDArray[np.float64]) -> Figure:
    names = sorted(set(found.subjects))
    own = np.array([[one == name for one in found.subjects] for name in names], np.float64)
    return figure(np.stack([own @ values, own.sum(1)], axis=1), ratio)


def _ordered(weights: Tensor, order: str, rng: np.random.Generator) -> Tensor:
    """Return weights (T, G, G) whose order is the one that `order` names."""
    side = weights.shape[-1]
    if order == "map":
        return weights
    if order == "center":
        place = torch.arange(side) - (side - 1) / 2
        return -(place[:, None] ** 2 + place**2).expand_as(weights)
    if order == "random":
        return torch.from_numpy(rng.random((side, side))).expand_as(weights)
    way = int(rng.integers(1, side * side))
    return weights.roll((way // side, way % side), dims=(1, 2))


def _curves(network: Network, inputs: Mapping[str, Tensor], ranks: Tensor) -> NDArray[np.float64]:
    """Return the deletion and the insertion curve of one clip, (2, N_STEPS + 1)."""
    edges = torch.linspace(0, ranks.shape[-1] ** 2, N_STEPS + 1).round()[:, None, None, None]
    kept = torch.cat([ranks >= edges, ranks < edges])  # deletion, then insertion
    scores = clip_scores(network, blanked(inputs, kept.to(next(iter(inputs.values())).device)))
    moved = (scores - scores[0]).abs().mean(-1)  # the first one is untouched
    return moved.double().cpu().numpy().reshape(2, -1)
