"""How alike the parts of a split are, and a search for the split whose parts are most alike.

A part is a set of whole people, so nothing here can put one person into two. Parts are compared by the
earth mover's distance of their labels to those of all, in units of the label: 0.1 says that the labels of
one would have to be moved by 0.1 on average to lie as those of the other (Rubner et al., IJCV 40(2), 2000;
in one dimension the area between the two cumulative distributions).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .people import BIN_WIDTH, N_BINS, People

Assignment = NDArray[np.int64]
"""(n,), the number of the part that each person is in."""

N_DRAWS = 256
N_STEPS = 200
MOST_NUMBERS = 2_000_000
"""So many are worked on at once: 16 MB."""
FRAMES_WEIGHT = 0.25
"""A part with 10 % more frames than it should have counts like one whose labels are off by 0.025."""
WITHOUT_LABELS = 2.0
"""The distance of a part that has no label at all: as far as labels can lie apart."""
LEAST_GAIN = 1e-12


def label_distances(people: People, parts: NDArray[np.int64], n_parts: int) -> NDArray[np.float64]:
    """Return (M, n_parts, D), how far the labels of each part of M assignments lie from those of all.

    Parameters
    ----------
    parts : (M, n) int64, in 0 .. n_parts - 1
    """
    inside = parts[:, None, :] == np.arange(n_parts)[:, None]  # (M, n_parts, n)
    flat = people.histograms.reshape(len(people.names), -1).astype(np.float64)  # sums are exact
    counts = (inside.astype(np.float64) @ flat).reshape(len(parts), n_parts, -1, N_BINS)
    below = counts.cumsum(axis=-1)
    n_labels = below[..., -1:]
    of_all = people.histograms.sum(axis=0).cumsum(axis=-1)
    share = below / np.maximum(n_labels, 1) - of_all / np.maximum(of_all[..., -1:], 1)
    distance = np.abs(share).sum(axis=-1) * BIN_WIDTH
    return np.where(n_labels[..., 0] > 0, distance, WITHOUT_LABELS)


def unlikeness(people: People, parts: NDArray[np.int64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (M,), how unlike the parts of M assignments are: 0 where all lie as the whole does.

    The mean over parts and dimensions of `label_distances`, and FRAMES_WEIGHT times the mean over parts of
    how far their number of frames is off, as a share of what it should be.

    Parameters
    ----------
    parts : (M, n) int64
    shares : (n_parts,), wanted shares of the frames, sum 1
    """
    inside = parts[:, None, :] == np.arange(len(shares))[:, None]
    n_frames = (inside * people.n_frames).sum(axis=-1)
    off = np.abs(n_frames / (max(1, int(people.n_frames.sum())) * shares) - 1).mean(axis=-1)
    if not people.dimensions:
        return FRAMES_WEIGHT * off
    return label_distances(people, parts, len(shares)).mean(axis=(1, 2)) + FRAMES_WEIGHT * off


def most_alike(
    people: People, start: Assignment, shares: NDArray[np.float64], *, seed: int, may_move: bool
) -> Assignment:
    """Return an assignment whose parts are as alike as exchanges make them; never worse than `start`.

    `start` and N_DRAWS shuffles of it are compared; from the best, the exchange of two people that helps
    most is made until none helps. Where there are too many to try, as many as MOST_NUMBERS allows are
    drawn. The same people, start and seed give the same assignment.

    Parameters
    ----------
    may_move : whether a person may also go over to another part alone, unless it is the last one of theirs
    """
    chance = np.random.default_rng([seed, len(people.names)])
    at_once = max(1, MOST_NUMBERS // (len(shares) * N_BINS * max(1, len(people.dimensions))))
    shuffled = np.stack([start, *(chance.permutation(start) for _ in range(N_DRAWS))])
    costs = np.concatenate([unlikeness(people, few, shares) for few in _chunks(shuffled, at_once)])
    best = int(np.argmin(costs))
    parts, cost = shuffled[best], float(costs[best])
    for _ in range(N_STEPS):
        near = _exchanged(parts, len(shares), chance=chance, at_most=at_once, may_move=may_move)
        if not len(near):
            break
        costs = unlikeness(people, near, shares)
        best = int(np.argmin(costs))
        if costs[best] >= cost - LEAST_GAIN:
            break
        parts, cost = near[best], float(costs[best])
    return parts


def _exchanged(
    parts: Assignment, n_parts: int, *, chance: np.random.Generator, at_most: int, may_move: bool
) -> NDArray[np.int64]:
    """Return (M, n), the assignments one exchange, or one move, away; a sample where they are many."""
    n = len(parts)
    first, second = np.triu_indices(n, 1)
    differ = parts[first] != parts[second]
    first, second = first[differ], second[differ]
    steps = np.stack([first, second, np.full(len(first), -1)], axis=1)
    if may_move:
        spare = np.flatnonzero(np.bincount(parts, minlength=n_parts)[parts] > 1)
        who, where = (grid.ravel() for grid in np.meshgrid(spare, np.arange(n_parts), indexing="ij"))
        other = parts[who] != where
        moves = np.stack([who[other], who[other], where[other]], axis=1)
        steps = np.concatenate([steps, moves])
    if len(steps) > at_most:
        steps = steps[np.sort(chance.choice(len(steps), at_most, replace=False))]
    near = np.repeat(parts[None], len(steps), axis=0)
    row = np.arange(len(steps))
    near[row, steps[:, 0]] = np.where(steps[:, 2] < 0, parts[steps[:, 1]], steps[:, 2])
    near[row, steps[:, 1]] = np.where(steps[:, 2] < 0, parts[steps[:, 0]], steps[:, 2])
    return near


def _chunks(rows: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
