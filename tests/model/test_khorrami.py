from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mavfer.model.khorrami import FrameFeatures, KhorramiCNN, KhorramiCNNRNN
from mavfer.model.network import CHANNELS, Network
from mavfer.model.training.losses import mse
from mavfer.model.training.recipe import network_options, new_network

TINY: dict[str, Any] = {"width": 0.125, "size_px": 32, "n_frames": 8}
BOTH = ("cnn", "cnn-rnn")


def drawn(model: str, **changes: Any) -> Network:
    torch.manual_seed(0)
    return new_network(model, network_options(model, {**TINY, **changes}))


def random_inputs(network: Network, *, batch: int = 2) -> dict[str, Tensor]:
    o, generator = network.options, torch.Generator().manual_seed(0)
    return {
        name: torch.randn(batch, o.n_frames, CHANNELS[name], o.size_px, o.size_px, generator=generator)
        for name in o.modalities
    }


def test_the_full_size_has_the_layers_that_the_file_names() -> None:
    network = new_network("cnn-rnn", network_options("cnn-rnn", {"n_outputs": 1}))
    assert isinstance(network, KhorramiCNNRNN)
    shapes = {name: tuple(p.shape) for name, p in network.named_parameters() if "bias" not in name}
    assert shapes == {
        "frame.conv1.weight": (64, 3, 5, 5),
        "frame.conv2.weight": (128, 64, 5, 5),
        "frame.conv3.weight": (256, 128, 5, 5),
        "frame.fc.weight": (300, 4 * 256),
        "recurrence.weight_ih_l0": (100, 300),
        "recurrence.weight_hh_l0": (100, 100),
        "head.weight": (1, 100),
    }


@pytest.mark.parametrize("model", BOTH)
@pytest.mark.parametrize("modalities", [("color",), ("thermal",), ("color", "depth", "thermal")])
def test_every_frame_has_a_score_and_every_clip_its_classes(model: str, modalities: tuple[str, ...]) -> None:
    network = drawn(model, modalities=modalities)
    assert network.per_frame
    assert network(random_inputs(network)).shape == (2, 8, 2)
    network = drawn(model, modalities=modalities, output="classes", n_outputs=5)
    assert not network.per_frame
    logits = network(random_inputs(network))
    assert logits.shape == (2, 5)
    loss = network.training_loss(random_inputs(network), torch.tensor([1, 4]), functional.cross_entropy)
    loss.backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize(("model", "wanted"), [("cnn", [3]), ("cnn-rnn", [3, 4, 5, 6, 7])])
def test_a_frame_is_heard_by_itself_and_with_recurrence_by_those_after_it(
    model: str, wanted: list[int]
) -> None:
    network = drawn(model).eval()
    inputs = random_inputs(network)
    changed = inputs["color"].clone()
    changed[:, 3] += 1
    difference = (network(inputs) - network({"color": changed})).abs().amax((0, 2))
    assert (difference > 1e-6).nonzero().flatten().tolist() == wanted


def test_each_quadrant_is_pooled_by_itself() -> None:
    """A mark of 6 px in a corner is seen up to 17 px from it, which is no farther than its quadrant."""
    network = drawn("cnn", size_px=64).eval()
    assert isinstance(network, KhorramiCNN)
    assert isinstance(network.frame, FrameFeatures)
    frames = torch.zeros(1, 3, 64, 64)
    frames[..., :6, :6] = 5.0
    seen: list[Tensor] = []
    network.frame.fc.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    network.frame(torch.zeros(1, 3, 64, 64))
    network.frame(frames)
    network.frame(frames.flip(-1))
    empty, left, right = (x.unflatten(1, (-1, 2, 2)) for x in seen)
    assert not torch.allclose(left[..., 0, 0], empty[..., 0, 0])
    torch.testing.assert_close(left[..., 1, 1], empty[..., 1, 1])
    assert not torch.allclose(right[..., 0, 1], empty[..., 0, 1])


@pytest.mark.parametrize("model", BOTH)
@pytest.mark.parametrize("bf16", [False, True])
def test_it_learns_a_frame_by_frame_label(model: str, bf16: bool) -> None:
    network = drawn(model, dropout=0.0, n_outputs=1)
    inputs = random_inputs(network, batch=4)
    level = torch.linspace(-0.8, 0.8, 32)[torch.randperm(32, generator=torch.Generator().manual_seed(1))]
    targets = level.view(4, 8, 1)
    inputs["color"] = 0.1 * inputs["color"] + targets[..., None, None]
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3, fused=True)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = network.training_loss(inputs, targets, mse)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.1 * losses[0]


@pytest.mark.parametrize("nonlinearity", ["relu", "tanh"])
def test_the_recurrence_keeps_its_size_over_long_clips(nonlinearity: str) -> None:
    network = drawn("cnn-rnn", n_frames=64, n_layers=3, nonlinearity=nonlinearity, output="linear").eval()
    y = network(random_inputs(network, batch=1))
    assert y.isfinite().all()
    assert y.abs().max() < 100
