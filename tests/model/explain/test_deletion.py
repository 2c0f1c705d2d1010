from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mavfer.model.data.inputs import InputOptions
from mavfer.model.data.source import ClipIndex, ClipSource
from mavfer.model.explain.deletion import ORDERS, area_of, better_by, blanked, delete, ranks_of
from mavfer.model.explain.saliency import clip_scores, saliency_of
from mavfer.model.network import Network, NetworkOptions
from mavfer.preprocess.dataset.clips import open_dataset


class Patch(Network):
    """Goes by one corner of one stream alone, or by nothing."""

    def __init__(self, weight: float = 1.0, *, output: str = "linear", stream: str = "thermal") -> None:
        super().__init__(NetworkOptions(n_frames=8, size_px=48, output=output))  # pyright: ignore[reportArgumentType]
        self.weight = torch.nn.Parameter(torch.tensor(weight))
        self.stream = stream

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        seen = inputs[self.stream][..., 24:36, 16:32].mean((1, 2, 3, 4))
        return torch.stack([self.weight * seen, -2 * self.weight * seen], dim=1)


@pytest.fixture
def source(faces: Path) -> ClipSource:
    options = InputOptions(n_frames=8, size_px=48)
    return ClipSource(open_dataset(faces).split("test"), options=options, dimensions=("valence",))


CLIPS = [ClipIndex(number, start) for number in range(5) for start in (0, 12)]


def test_the_gradient_of_a_linear_network_is_its_weight_times_the_input(source: ClipSource) -> None:
    inputs = source.inputs(CLIPS[:2])
    maps = saliency_of(Patch(3.0))(inputs)
    wanted = torch.zeros(2, 8, 48, 48)
    n_seen = 8 * 12 * 16
    patch = inputs["thermal"][:, :, 0, 24:36, 16:32].abs()
    wanted[..., 24:36, 16:32] = (3 + 6) / n_seen * patch  # of both outputs
    torch.testing.assert_close(maps, wanted)


def test_the_order_by_gradient_beats_all_others_on_a_network_that_goes_by_one_patch(
    source: ClipSource,
) -> None:
    network = Patch()
    found = delete(network, saliency_of(network), source, CLIPS)
    for order in ORDERS[1:]:
        for kind in ("deletion", "insertion"):
            better = better_by(found, kind, order)
            assert better.value > 0
            assert better.low > 0


def test_a_map_of_the_wrong_place_is_worse_than_random_cells(source: ClipSource) -> None:
    wrong = torch.zeros(1, 8, 48, 48)
    wrong[..., :12, :] = torch.linspace(2, 1, 48)
    found = delete(Patch(), lambda _: wrong, source, CLIPS)
    assert better_by(found, "deletion", "random").value < 0
    assert better_by(found, "insertion", "random").value < 0


def test_nothing_moves_a_constant_network(source: ClipSource) -> None:
    network = Patch(0.0)
    found = delete(network, lambda _: torch.rand(1, 8, 48, 48), source, CLIPS[:2])
    assert all((found.deletion[order] == 0).all() for order in ORDERS)


def test_curves_begin_and_end_where_all_is_there_or_nothing_is(source: ClipSource) -> None:
    network = Patch()
    found = delete(network, saliency_of(network), source, CLIPS[:3])
    for order in ORDERS:
        deletion, insertion = found.deletion[order], found.insertion[order]
        np.testing.assert_allclose(deletion[:, 0], 0, atol=1e-7)
        np.testing.assert_allclose(insertion[:, -1], 0, atol=1e-6)
        np.testing.assert_allclose(deletion[:, -1], insertion[:, 0], atol=1e-6)


def test_one_seed_gives_one_result(source: ClipSource) -> None:
    network = Patch()
    first, again = (delete(network, saliency_of(network), source, CLIPS[:2], seed=3) for _ in range(2))
    for order in ORDERS:
        np.testing.assert_array_equal(first.deletion[order], again.deletion[order])
    assert str(area_of(first, "deletion", "map")) == str(area_of(again, "deletion", "map"))


def test_ranks_are_each_place_once_and_the_highest_weight_is_first() -> None:
    weights = torch.rand(3, 12, 12, generator=torch.Generator().manual_seed(0))
    ranks = ranks_of(weights)
    assert (ranks.flatten(1).sort(1).values == torch.arange(144)).all()
    assert (ranks.flatten(1).argmin(1) == weights.flatten(1).argmax(1)).all()


def test_blanking_keeps_what_is_kept_and_leaves_landmarks_alone() -> None:
    inputs = {"color": torch.rand(1, 4, 3, 24, 24), "landmarks": torch.rand(1, 4, 68, 2)}
    kept = torch.ones(2, 4, 12, 12, dtype=torch.bool)
    kept[1] = False
    found = blanked(inputs, kept)
    torch.testing.assert_close(found["color"][0], inputs["color"][0])
    assert (found["color"][1] == 0).all()
    torch.testing.assert_close(found["landmarks"][1], inputs["landmarks"][0])


def test_of_classes_the_probabilities_are_what_moves(source: ClipSource) -> None:
    scores = clip_scores(Patch(output="classes"), source.inputs(CLIPS[:2]))
    torch.testing.assert_close(scores.sum(-1), torch.ones(2))
