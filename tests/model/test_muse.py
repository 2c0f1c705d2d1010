import pytest
import torch
from torch import Tensor

from mavfer.errors import ModelError
from mavfer.model.muse import Muse, MuseOptions
from mavfer.model.training.losses import ccc, mse
from mavfer.model.training.recipe import network_options

SIZES = {"face": 6, "voice": 3}


def new(**more: object) -> Muse:
    torch.manual_seed(0)
    table = {"modalities": ("face", "voice"), "feature_sizes": SIZES, "n_frames": 20, "hidden": 8} | more
    return Muse(MuseOptions.model_validate(table)).eval()


def features(n_clips: int = 2, n_frames: int = 20, seed: int = 0) -> dict[str, Tensor]:
    chance = torch.Generator().manual_seed(seed)
    return {n: torch.randn(n_clips, n_frames, size, generator=chance) for n, size in SIZES.items()}


def test_every_frame_is_scored_and_a_class_is_told_of_the_whole() -> None:
    assert new()(features()).shape == (2, 20, 2)
    assert new().per_frame
    classes = new(output="classes", n_outputs=4)
    assert classes(features()).shape == (2, 4)
    assert not classes.per_frame


def test_windows_of_any_length_are_scored_by_the_same_weights() -> None:
    network = new()
    assert network(features(n_frames=7)).shape == (2, 7, 2)


def test_each_score_sees_frames_before_and_after_it_and_every_set() -> None:
    network = new()
    x = {name: one.requires_grad_(True) for name, one in features(n_clips=1).items()}
    network(x)[0, 10].sum().backward()
    for one in x.values():
        assert one.grad is not None
        assert (one.grad[0].abs().amax(-1) > 0).all()


def test_without_heads_there_is_no_attention() -> None:
    assert new(n_heads=0).attention is None
    assert new(n_heads=0)(features()).shape == (2, 20, 2)


def test_it_learns_what_one_feature_says_over_time() -> None:
    torch.manual_seed(0)
    network = new(dropout=0.0).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)

    def task(seed: int) -> tuple[dict[str, Tensor], Tensor]:
        x = features(n_clips=8, n_frames=10, seed=seed)
        said = torch.stack([x["face"][..., 0], x["voice"][..., 1]], dim=-1).tanh()
        return x, 0.5 * (said + said.roll(1, dims=1))

    for step in range(100):
        x, y = task(step)
        optimizer.zero_grad()
        network.training_loss(x, y, mse).backward()
        optimizer.step()
    x, y = task(1000)
    assert ccc(network.eval()(x), y).item() < 0.5


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"feature_sizes": {"face": 6}}, "size of feature set 'voice'"),
        ({"hidden": 9}, "n_heads that divides 18"),
    ],
)
def test_options_that_do_not_fit_are_one_line(wrong: dict[str, object], line: str) -> None:
    table = {"modalities": ("face", "voice"), "feature_sizes": SIZES} | wrong
    with pytest.raises(ModelError, match=line):
        network_options("muse", table)
