import pytest
import torch
from torch import Tensor

from mavfer.errors import ModelError
from mavfer.model.families import family
from mavfer.model.network import CHANNELS
from mavfer.model.sequence import DividedBlock, SelfAttention, wave_positions
from mavfer.model.training.config import TrainConfig
from mavfer.model.training.recipe import network_options, recipe_of
from mavfer.model.transformer import TransformerOptions, VideoTransformer, tubelets

TINY = {"size_px": 16, "patch_px": 8, "n_values": 16, "n_blocks": 1, "n_heads": 2, "n_frames": 4}


def streams(options: TransformerOptions, *, n_clips: int = 2, seed: int = 0) -> dict[str, Tensor]:
    chance = torch.Generator().manual_seed(seed)
    side = options.size_px
    return {
        name: torch.randn(n_clips, options.n_frames, CHANNELS[name], side, side, generator=chance)
        for name in options.modalities
    }


def new(**more: object) -> VideoTransformer:
    torch.manual_seed(0)
    return VideoTransformer(TransformerOptions.model_validate(TINY | more)).eval()


@pytest.mark.parametrize("stem", ["conv", "linear"])
@pytest.mark.parametrize("modalities", [("color", "depth", "thermal"), ("thermal",), ("depth", "infrared")])
def test_scores_come_per_clip_or_per_frame(stem: str, modalities: tuple[str, ...]) -> None:
    for score, shape in (("clip", (2, 2)), ("frame", (2, 4, 2))):
        network = new(stem=stem, modalities=modalities, score=score)
        found = network(streams(network.options))
        assert found.shape == shape
        assert found.dtype == torch.float32
        assert network.per_frame == (score == "frame")
        assert found.abs().max() <= 1


def test_classes_are_told_per_clip_also_where_frames_are_scored() -> None:
    network = new(output="classes", n_outputs=5, score="frame")
    assert network(streams(network.options)).shape == (2, 5)
    assert not network.per_frame


def test_a_clips_score_does_not_depend_on_its_neighbours_in_the_batch() -> None:
    network = new()
    x = streams(network.options, n_clips=3)
    alone = network({name: one[1:2] for name, one in x.items()})
    assert torch.allclose(network(x)[1:2], alone, atol=1e-6)


@pytest.mark.parametrize("name", ["color", "depth", "thermal"])
def test_every_stream_every_place_and_every_time_reaches_the_score(name: str) -> None:
    network = new()
    x = streams(network.options, n_clips=1)
    x[name].requires_grad_(True)
    network(x).sum().backward()
    gradient = x[name].grad
    assert gradient is not None
    assert (gradient.abs().amax((0, 2)) > 0).float().mean() > 0.9


def test_order_in_time_is_seen() -> None:
    network = new()
    x = streams(network.options)
    backwards = {name: one.flip(1) for name, one in x.items()}
    assert not torch.allclose(network(x), network(backwards), atol=1e-5)


def test_tubelets_hold_each_pixel_once_and_keep_neighbours_together() -> None:
    frames = torch.arange(2 * 4 * 3 * 16 * 16, dtype=torch.float32).reshape(2, 4, 3, 16, 16)
    cut = tubelets(frames, px=8, n_frames=2)
    assert cut.shape == (2, 2, 4, 2 * 3 * 8 * 8)
    assert torch.equal(cut.flatten().sort().values, frames.flatten())
    upper_right = frames[0, 2:4, :, :8, 8:]
    assert torch.equal(cut[0, 1, 1], upper_right.flatten())


def test_attention_over_one_step_is_its_two_linear_layers() -> None:
    torch.manual_seed(0)
    layer = SelfAttention(8, n_heads=2)
    x = torch.randn(3, 1, 8)
    value = layer.qkv(x)[..., 16:]
    assert torch.allclose(layer(x), layer.out(value), atol=1e-6)


def test_divided_attention_keeps_places_apart_where_space_is_silent() -> None:
    torch.manual_seed(0)
    block = DividedBlock(8, n_heads=2).eval()
    torch.nn.init.zeros_(block.space.out.weight)
    x = torch.randn(1, 4, 3, 8)
    other = x.clone()
    other[:, 0, 2] += torch.randn(8)
    changed = (block(x) - block(other)).abs().amax(-1)[0] > 1e-7
    assert changed[:, 2].all()
    assert not changed[:, :2].any()


def test_positions_differ_at_every_step_of_the_longest_clip() -> None:
    waves = wave_positions(256, 64)
    assert torch.cdist(waves, waves).fill_diagonal_(1).min() > 0.05


def test_frame_features_of_a_tubelets_frames_are_one_vector_per_stream() -> None:
    network = new()
    found = network.frame_features(streams(network.options))
    assert found.shape == (2, 4, 3 * 16)
    assert torch.equal(found[:, 0], found[:, 1])
    assert not torch.equal(found[:, 1], found[:, 2])


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"size_px": 20}, "size_px to be a multiple of 8"),
        ({"n_frames": 5}, "n_frames to be a multiple of 2"),
        ({"n_heads": 3}, "n_heads that divides 16"),
        ({"modalities": ("color", "sound")}, "found 'sound'"),
        ({"patch_px": 12, "size_px": 48}, "power of 2"),
    ],
)
def test_options_that_do_not_fit_are_one_line(wrong: dict[str, object], line: str) -> None:
    with pytest.raises(ModelError, match=line) as caught:
        network_options("transformer", TINY | wrong)
    assert "\n" not in str(caught.value)


def test_both_sizes_can_be_made_and_small_is_a_tenth_of_full() -> None:
    n = {}
    for size in ("full", "small"):
        recipe = recipe_of(TrainConfig(model="transformer", size=size))
        n[size] = sum(p.numel() for p in family("transformer").new(recipe.options).parameters())
    assert n["small"] < n["full"] / 10
