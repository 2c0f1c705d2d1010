"""Laws of the networks that look at one frame at a time, with and without a recurrence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from mavfer.errors import ModelError
from mavfer.model.data.inputs import InputOptions
from mavfer.model.data.source import ClipSource
from mavfer.model.families import family
from mavfer.model.frame_network import FrameNetwork
from mavfer.model.training.recipe import network_options, new_network
from mavfer.preprocess.dataset.clips import open_dataset

FRAMES_APART = ("vgg-16", "vgg-face", "resnet-50")
RECURRENT = ("vgg-face-lstm", "affwildnet")
ALL = (*FRAMES_APART, *RECURRENT)


def network_of(name: str, **options: Any) -> FrameNetwork:
    torch.manual_seed(0)
    small = dict(family(name).presets["small"].options)
    table = (
        small | {"width": 0.125, "modalities": ["color"], "n_frames": 4, "training_frames": None} | options
    )
    network = new_network(name, network_options(name, table))
    assert isinstance(network, FrameNetwork)
    return network


def clips(seed: int = 0, *, size_px: int = 48, **channels: int) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    found = {
        name: torch.randn(2, 4, n, size_px, size_px, generator=draw)
        for name, n in (channels or {"color": 3}).items()
    }
    return found | {"landmarks": torch.rand(2, 4, 68, 2, generator=draw)}


def squared(predicted: Tensor, target: Tensor) -> Tensor:
    return (predicted - target).square().mean()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("size", ["full", "small"])
def test_each_preset_gives_a_score_per_frame(name: str, size: str) -> None:
    table = {**family(name).presets[size].options, "modalities": ["color"], "n_frames": 4, "width": 0.02}
    network = new_network(name, network_options(name, table | {"training_frames": None}))
    side = network.options.size_px
    scores = network({"color": torch.zeros(1, 4, 3, side, side), "landmarks": torch.zeros(1, 4, 68, 2)})
    assert network.per_frame
    assert scores.shape == (1, 4, 2)


@pytest.mark.parametrize("name", ALL)
def test_classes_get_the_mean_of_the_frames_logits(name: str) -> None:
    network = network_of(name, output="classes", n_outputs=3).eval()
    scores = network_of(name, output="linear", n_outputs=3).eval()
    scores.load_state_dict(network.state_dict())
    assert not network.per_frame
    torch.testing.assert_close(network(clips()), scores(clips()).mean(1))


@pytest.mark.parametrize("name", ALL)
def test_every_weight_gets_a_gradient(name: str) -> None:
    network = network_of(name)
    squared(network(clips()), torch.ones(2, 4, 2)).backward()
    idle = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert idle == []


@pytest.mark.parametrize("name", FRAMES_APART)
def test_frames_in_another_order_give_the_same_scores_in_that_order(name: str) -> None:
    network = network_of(name).eval()
    order = [2, 0, 3, 1]
    turned = {key: x[:, order] for key, x in clips().items()}
    torch.testing.assert_close(network(turned), network(clips())[:, order])


@pytest.mark.parametrize("name", RECURRENT)
def test_a_recurrence_knows_the_frames_before_and_none_after(name: str) -> None:
    network = network_of(name).eval()
    before = network(clips())
    changed = clips()
    changed["color"][:, 2] += 1
    after = network(changed)
    torch.testing.assert_close(after[:, :2], before[:, :2])
    assert (after[:, 2:] - before[:, 2:]).abs().amax((0, 2)).gt(1e-6).all()


@pytest.mark.parametrize("streams", [{"thermal": 1}, {"color": 3, "depth": 1, "thermal": 1}])
@pytest.mark.parametrize("name", ["vgg-16", "resnet-50", "affwildnet"])
def test_any_streams_can_be_stacked(name: str, streams: dict[str, int]) -> None:
    network = network_of(name, modalities=list(streams), output="linear").eval()
    inputs = clips(**streams)
    scores = network(inputs)
    assert scores.shape == (2, 4, 2)
    for stream in streams:
        other = inputs | {stream: inputs[stream] + 1}
        assert not torch.allclose(network(other), scores)


def test_resizing_inside_is_resizing_before() -> None:
    inside, before = network_of("resnet-50", resize_px=96).eval(), network_of("resnet-50", size_px=96).eval()
    before.load_state_dict(inside.state_dict())
    color = clips()["color"]
    larger = functional.interpolate(color.flatten(0, 1), (96, 96), mode="bilinear").unflatten(0, (2, 4))
    torch.testing.assert_close(inside({"color": color}), before({"color": larger}))


def test_training_sees_as_many_evenly_spaced_frames_as_wanted_with_their_own_targets() -> None:
    network = network_of("resnet-50", n_frames=16, training_frames=4)
    number = torch.arange(16.0).expand(2, 16)
    inputs = {"color": number[:, :, None, None, None].expand(2, 16, 3, 48, 48)}
    seen: list[Tensor] = []

    def keep(predicted: Tensor, target: Tensor) -> Tensor:
        seen.append(target[0, :, 0])
        return squared(predicted, target)

    shown: list[Tensor] = []
    network.trunk.register_forward_pre_hook(lambda _, x: shown.append(x[0][:4, 0, 0, 0]))
    for _ in range(8):
        network.training_loss(inputs, number[:, :, None].expand(2, 16, 2), keep)
    for target, frame in zip(seen, shown, strict=True):
        assert target.diff().tolist() == [4.0, 4.0, 4.0]
        torch.testing.assert_close(frame, target)
    assert len({float(target[0]) for target in seen}) > 1  # the first frame is drawn anew
    assert network.eval()(inputs).shape == (2, 16, 2)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("vgg-16", {"size_px": 16}, "at least 32 px, found 16; set resize_px"),
        ("vgg-16", {"training_frames": 17, "n_frames": 16}, "up to n_frames 16, found 17"),
        ("vgg-face-lstm", {"training_frames": 4}, "a recurrence wants every frame"),
        ("resnet-50", {"modalities": ["sonar"]}, "found 'sonar'"),
        ("resnet-50", {"fc": [10]}, "fc"),
    ],
)
def test_options_that_make_no_network_are_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        network_options(name, options)


def test_landmarks_change_affwildnet_and_unknown_ones_count_as_the_middle() -> None:
    network = network_of("affwildnet").eval()
    inputs = clips()
    middle = inputs | {"landmarks": torch.full((2, 4, 68, 2), 0.5)}
    unknown = inputs | {"landmarks": torch.full((2, 4, 68, 2), torch.nan)}
    assert not torch.allclose(network(inputs), network(middle))
    torch.testing.assert_close(network(unknown), network(middle))


def test_affwildnet_without_the_landmarks_it_wants_says_so() -> None:
    with pytest.raises(ModelError, match="affwildnet wants landmarks"):
        network_of("affwildnet")({"color": clips()["color"]})


@pytest.mark.parametrize("fc_units", [None, 0, 64])
@pytest.mark.parametrize("backbone", ["vgg-face", "resnet-50"])
def test_affwildnet_of_color_alone_wants_none(backbone: str, fc_units: int | None) -> None:
    network = network_of("affwildnet", backbone=backbone, landmarks=False, fc_units=fc_units)
    assert network({"color": clips()["color"]}).shape == (2, 4, 2)


@pytest.mark.parametrize("name", ["vgg-16", "affwildnet"])
def test_a_small_network_learns_drawn_faces_from_scratch(
    name: str, tmp_path: Path, make_dataset: Callable[..., Path]
) -> None:
    splits = {f"S{i}": "train" if i < 5 else "validation" for i in range(6)}
    data = open_dataset(make_dataset(tmp_path / "dataset", splits=splits, n_frames=64))
    preset = family(name).presets["small"]
    inputs = InputOptions(modalities=("color",), n_frames=4, size_px=32, **preset.inputs)
    training, validation = (
        ClipSource(data.split(split), options=inputs, dimensions=("valence",))
        for split in ("train", "validation")
    )
    network = network_of(name, size_px=32, n_frames=4, n_outputs=1)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    chance = np.random.default_rng(0)
    for _ in range(40):
        pool = training.training_clips(chance)
        drawn = [pool[i] for i in chance.permutation(len(pool))[:4]]
        optimizer.zero_grad()
        targets = training.targets(drawn, per_frame=True)
        network.training_loss(training.inputs(drawn), targets, squared).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    network.eval()
    unseen = validation.test_clips()
    with torch.no_grad():
        scores = network(validation.inputs(unseen)).flatten()
    truth = validation.targets(unseen, per_frame=True).flatten()
    assert torch.corrcoef(torch.stack([scores, truth]))[0, 1] > 0.8
