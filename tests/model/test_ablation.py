from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from mavfer.errors import ModelError
from mavfer.model.ablation import AttentionConvolution
from mavfer.model.network import CHANNELS, Network, NetworkOptions
from mavfer.model.training.config import TrainConfig
from mavfer.model.training.recipe import network_options, new_network, recipe_of

TINY: dict[str, Any] = {"width": 0.125, "size_px": 32, "n_frames": 8}
ROWS = ("mran-2d", "mran-3d", "mran-se")


def random_inputs(options: NetworkOptions, *, batch: int = 2) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    shape = (options.size_px, options.size_px)
    return {
        name: torch.randn(batch, options.n_frames, CHANNELS[name], *shape, generator=generator)
        for name in options.modalities
    }


def drawn(model: str, **changes: Any) -> Network:
    torch.manual_seed(0)
    return new_network(model, network_options(model, {**TINY, **changes})).eval()


@pytest.mark.parametrize("model", ROWS)
@pytest.mark.parametrize(("output", "n_outputs"), [("tanh", 1), ("linear", 2), ("classes", 5)])
def test_every_row_gives_one_score_per_clip(model: str, output: str, n_outputs: int) -> None:
    network = drawn(model, output=output, n_outputs=n_outputs)
    y = network(random_inputs(network.options))
    assert y.shape == (2, n_outputs)
    assert not network.per_frame
    y.sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []


def order_matters(model: str) -> bool:
    network = drawn(model)
    inputs = random_inputs(network.options)
    turned = {name: frames.flip(1) for name, frames in inputs.items()}
    return not torch.allclose(network(inputs), network(turned), atol=1e-6)


def test_only_what_convolves_over_time_knows_the_order_of_frames() -> None:
    assert [order_matters(model) for model in ROWS] == [False, True, True]


def test_the_2d_row_has_the_fully_connected_layers_of_table_one() -> None:
    network = new_network("mran-2d", network_options("mran-2d", {"n_outputs": 1}))
    assert network.get_parameter("fc1.weight").shape == (1024, 9216)
    assert network.get_parameter("fc2.weight").shape == (1, 1024)


def test_without_recurrence_attention_of_a_frame_knows_that_frame_alone() -> None:
    network = drawn("mran-se")
    inputs = random_inputs(network.options)
    changed = {name: frames.clone() for name, frames in inputs.items()}
    changed["thermal"][:, 3] += 1
    attention = network.get_submodule("").attention  # type: ignore[attr-defined]
    difference = (attention(inputs) - attention(changed)).abs().amax((0, 2, 3))
    assert difference[3] > 0
    assert (difference[[0, 1, 2, 4, 5, 6, 7]] == 0).all()


def test_a_convolution_in_the_place_of_an_lstm_keeps_its_range_and_hears_its_guides() -> None:
    torch.manual_seed(0)
    layer = AttentionConvolution(2, 3, n_guides=1)
    x, guide = torch.randn(4, 1, 2, 5, 5), torch.randn(4, 1, 3, 5, 5)
    assert layer(100 * x, [guide]).abs().max() <= 1
    assert not torch.equal(layer(x, [guide]), layer(x, [guide + 1]))


def test_each_row_of_table_six_adds_parameters_to_the_one_above() -> None:
    sizes = []
    for model in (*ROWS, "mran"):
        network = new_network(model, network_options(model, {"n_outputs": 1, "width": 0.25}))
        sizes.append(sum(p.numel() for p in network.parameters()))
    assert all(a < b for a, b in pairwise(sizes))


def test_rows_without_attention_see_one_stream_whichever_it_is() -> None:
    for model in ("mran-2d", "mran-3d"):
        assert recipe_of(TrainConfig(model=model)).inputs.modalities == ("color",)
        network = drawn(model, modalities=("thermal",))
        assert network(random_inputs(network.options)).shape == (2, 2)
        with pytest.raises(ModelError, match="nothing for a second stream to guide"):
            recipe_of(TrainConfig(model=model, modalities=("color", "thermal")))


def test_the_row_of_the_spatial_encoder_sees_what_mran_sees() -> None:
    assert recipe_of(TrainConfig(model="mran-se")).inputs.modalities == ("color", "depth", "thermal")
    uran_like = recipe_of(TrainConfig(model="mran-se", modalities=("color",), preset="faithful"))
    assert uran_like.options.model_dump()["attention_scale"] == "none"
