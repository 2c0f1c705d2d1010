"""Laws of the deeply supervised attention network."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mavfer.errors import ModelError
from mavfer.model.dsan import DSAN, AttentionBlock
from mavfer.model.training.losses import mse
from mavfer.model.training.recipe import network_options
from mavfer.model.weights import load_weights

VGG_LAYERS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
"""Numbers of the convolutions in torchvision's vgg16.features."""
SMALL = {"width": 0.1, "size_px": 32, "n_frames": 4, "dropout": 0.0}


def _network(**options: Any) -> DSAN:
    torch.manual_seed(0)
    return DSAN(network_options("dsan", {**SMALL, **options}))


def _inputs(n: int = 2, *, seed: int = 0) -> dict[str, Tensor]:
    return {"color": torch.randn(n, 4, 3, 32, 32, generator=torch.Generator().manual_seed(seed))}


def test_the_score_is_the_mean_of_the_branches() -> None:
    network, inputs = _network().eval(), _inputs()
    branches = network.branch_scores(inputs)
    assert len(branches) == 3
    assert not torch.allclose(branches[0], branches[1])
    torch.testing.assert_close(network(inputs), sum(branches) / 3)
    assert network(inputs).shape == (2, 4, 2)


@pytest.mark.parametrize("branches", [1, 2, 5])
def test_there_are_as_many_branches_as_asked_for(branches: int) -> None:
    assert len(_network(branches=branches).eval().branch_scores(_inputs())) == branches


def test_the_loss_is_the_sum_over_the_branches() -> None:
    network, inputs, targets = _network().eval(), _inputs(), torch.full((2, 4, 2), 0.3)
    wanted = sum(mse(one, targets) for one in network.branch_scores(inputs))
    torch.testing.assert_close(network.training_loss(inputs, targets, mse), torch.as_tensor(wanted))


def test_every_weight_gets_a_gradient() -> None:
    network = _network(attributes=("sex",))
    loss = network.training_loss(_inputs(), torch.rand(2, 4, 2), mse, torch.tensor([[0], [1]]))
    loss.backward()
    assert not [name for name, p in network.named_parameters() if p.grad is None]


def test_logits_of_classes_are_the_mean_over_the_clip() -> None:
    network, inputs = _network(output="classes", n_outputs=4).eval(), _inputs()
    frames = torch.stack([network({"color": inputs["color"][:, t : t + 1]}) for t in range(4)])
    torch.testing.assert_close(network(inputs), frames.mean(0))
    loss = network.training_loss(inputs, torch.tensor([0, 3]), functional.cross_entropy)
    assert loss.item() == pytest.approx(3 * torch.tensor(4.0).log().item(), rel=0.5)


def test_attributes_that_are_not_known_add_nothing() -> None:
    network, inputs, targets = _network(attributes="sex,age").eval(), _inputs(), torch.zeros(2, 4, 2)
    assert network.trained_as == ("sex", "age")
    plain = sum(mse(one, targets).item() for one in network.branch_scores(inputs))
    unknown = torch.full((2, 2), -1)
    assert network.training_loss(inputs, targets, mse, unknown).item() == pytest.approx(plain)
    known = torch.tensor([[1, -1], [-1, -1]])
    logits = network.attribute_heads[0](network.frame_features(inputs).mean(1))
    wanted = plain + 0.1 * functional.cross_entropy(logits[:1], torch.tensor([1])).item()
    assert network.training_loss(inputs, targets, mse, known).item() == pytest.approx(wanted)


def test_attributes_are_asked_for_in_one_line() -> None:
    network, targets = _network(attributes=("sex",), attribute_classes=2), torch.zeros(2, 4, 2)
    with pytest.raises(ModelError, match=r"wanted the attributes sex .* found none; .*subjects.csv"):
        network.training_loss(_inputs(), targets, mse)
    with pytest.raises(ModelError, match="at most 2 values of an attribute, found 3"):
        network.training_loss(_inputs(), targets, mse, torch.tensor([[0], [2]]))


@pytest.mark.parametrize("attention", ["both", "channel", "spatial", "none"])
def test_attention_weighs_what_it_is_said_to(attention: str) -> None:
    torch.manual_seed(0)
    block = AttentionBlock(8, attention=attention, reduction=4)
    x = torch.rand(2, 8, 6, 6) + 0.5
    y, places = block(x)
    gain = y / x
    by_channel = gain / places
    torch.testing.assert_close(by_channel, by_channel[:, :, :1, :1].expand_as(x))
    varies = {"channel": bool(by_channel.std(1).max() > 1e-3), "spatial": bool(places.std() > 1e-3)}
    assert varies == {kind: attention in ("both", kind) for kind in varies}
    assert ((gain > 0) & (gain <= 1)).all()


def test_attention_maps_have_mean_one_in_every_frame() -> None:
    maps = _network().eval().attention(_inputs())
    assert maps.shape == (2, 4, 32, 32)
    torch.testing.assert_close(maps.mean((2, 3)), torch.ones(2, 4))


def test_the_trunk_without_batch_norm_is_vgg_16() -> None:
    options = network_options("dsan", {"batch_norm": False, "n_outputs": 1, "attention": "none"})
    network = DSAN(options)
    branches = (256 + 1) + 2 * (512 + 1)
    assert (
        sum(p.numel() for p in network.parameters()) == 14_714_688 + branches
    )  # torchvision's vgg16.features


def test_a_file_of_vgg_16_fits_the_trunk_without_batch_norm(tmp_path: Path) -> None:
    network = _network(batch_norm=False)
    other = _network(batch_norm=False)
    state = {}
    for conv, number in zip(other.trunk.convs.values(), VGG_LAYERS, strict=True):
        state[f"features.{number}.weight"] = torch.randn_like(conv.weight)
        state[f"features.{number}.bias"] = torch.randn_like(conv.bias)
    torch.save(state, tmp_path / "vgg16.pth")
    load_weights(network, tmp_path / "vgg16.pth", layout="torchvision-vgg16")
    last = network.trunk.convs["conv5_3"]
    assert torch.equal(last.weight, state["features.28.weight"])


def test_the_shallow_branch_learns_from_a_picture_that_it_can_tell_apart() -> None:
    network = _network(n_outputs=1)
    bright = torch.tensor([1.0, -1.0]).repeat(4)
    color = bright[:, None, None, None, None] + 0.1 * torch.randn(8, 4, 3, 32, 32)
    targets = 0.5 * bright[:, None, None].expand(8, 4, 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        loss = network.training_loss({"color": color}, targets, mse)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
