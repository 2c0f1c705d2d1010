"""Laws of the region attention network."""

from typing import Any

import pytest
import torch
from torch import Tensor

from mavfer.errors import ModelError
from mavfer.model.families import family
from mavfer.model.ran import RAN, region_biased_loss, weighted_mean
from mavfer.model.training.config import TrainConfig
from mavfer.model.training.losses import mse
from mavfer.model.training.recipe import network_options, recipe_of

SMALL = {"width": 0.1, "size_px": 32, "n_frames": 4, "dropout": 0.0}


def _network(**options: Any) -> RAN:
    torch.manual_seed(0)
    return RAN(network_options("ran", {**SMALL, **options}))


def _inputs(n: int = 2, *, seed: int = 0, n_frames: int = 4) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {"color": torch.randn(n, n_frames, 3, 32, 32, generator=generator)}


def test_every_frame_gets_its_own_score_and_does_not_see_the_others() -> None:
    network = _network().eval()
    inputs = _inputs()
    scores = network(inputs)
    assert scores.shape == (2, 4, 2)
    assert network.per_frame
    alone = network({"color": inputs["color"][:, 1:2]})
    torch.testing.assert_close(alone[:, 0], scores[:, 1])


def test_logits_of_classes_are_the_mean_over_the_clip() -> None:
    network = _network(output="classes", n_outputs=4).eval()
    inputs = _inputs()
    logits = network(inputs)
    assert logits.shape == (2, 4)
    frames = torch.stack([network({"color": inputs["color"][:, t : t + 1]}) for t in range(4)])
    torch.testing.assert_close(logits, frames.mean(0))


def test_regions_weigh_by_attention_only_where_it_is_asked_for() -> None:
    inputs = _inputs()
    assert (_network(self_attention=False).eval().region_weights(inputs) == 1).all()
    weights = _network().eval().region_weights(inputs)
    assert weights.shape == (2, 4, 6)
    assert ((weights > 0) & (weights < 1)).all()
    shares = _network(region_weights="softmax").eval().region_weights(inputs)
    torch.testing.assert_close(shares.sum(-1), torch.ones(2, 4))


def test_the_features_grow_by_the_pairs_of_relation_attention() -> None:
    inputs = _inputs()
    network = _network(relation_attention=False).eval()
    other = _network(relation_attention=True).eval()
    other.trunk.load_state_dict(network.trunk.state_dict())
    assert network.q0 is not None
    assert other.q0 is not None
    other.q0.load_state_dict(network.q0.state_dict())
    plain, pairs = network.frame_features(inputs), other.frame_features(inputs)
    assert pairs.shape[-1] == 2 * plain.shape[-1]
    torch.testing.assert_close(pairs[..., plain.shape[-1] :], plain)  # the mean of equal F_m is F_m


def test_a_weighted_mean_of_equal_weights_is_the_mean() -> None:
    f = torch.randn(3, 6, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(weighted_mean(f, torch.full((3, 6), 0.3)), f.mean(1))


def test_the_biased_loss_is_zero_where_a_crop_outweighs_the_face_by_the_margin() -> None:
    weights = torch.tensor([[0.5, 0.53, 0.1], [0.5, 0.51, 0.1], [0.5, 0.4, 0.1]])
    per_frame = [region_biased_loss(one[None], margin=0.02).item() for one in weights]
    assert per_frame == pytest.approx([0, 0.01, 0.12], abs=1e-6)
    assert region_biased_loss(weights, margin=0.02).item() == pytest.approx(0.13 / 3, abs=1e-6)


def test_training_adds_the_biased_loss_by_its_weight() -> None:
    inputs, targets = _inputs(), torch.zeros(2, 4, 2)
    without = _network(biased_weight=0).eval().training_loss(inputs, targets, mse)
    network = _network(biased_weight=3, margin=0.5).eval()
    biased = region_biased_loss(network.region_weights(inputs).flatten(0, 1), margin=0.5)
    assert biased > 0.1
    torch.testing.assert_close(network.training_loss(inputs, targets, mse), without + 3 * biased)


def test_every_weight_gets_a_gradient() -> None:
    network = _network()
    network.training_loss(_inputs(), torch.rand(2, 4, 2), mse).backward()
    assert not [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]


def test_random_crops_change_from_step_to_step_and_not_in_evaluation() -> None:
    network, inputs = _network(crops="random"), _inputs()
    first, second = network.boxes(inputs), network.boxes(inputs)
    assert not torch.equal(first, second)
    assert torch.equal(first[:, 0], first[:, 3])  # a clip's own, shared by its frames
    network.eval()
    assert torch.equal(network(inputs), network(inputs))


def test_landmark_crops_follow_the_landmarks_and_want_them() -> None:
    network, inputs = _network(crops="landmark").eval(), _inputs()
    with pytest.raises(ModelError, match="ran wants landmarks"):
        network(inputs)
    here = network({**inputs, "landmarks": torch.full((2, 4, 68, 2), 0.3)})
    there = network({**inputs, "landmarks": torch.full((2, 4, 68, 2), 0.7)})
    assert not torch.allclose(here, there)
    unknown = network({**inputs, "landmarks": torch.full((2, 4, 68, 2), torch.nan)})
    torch.testing.assert_close(unknown, _network(crops="fixed").eval()(inputs))


def test_a_recipe_reads_landmarks_only_where_the_crops_need_them() -> None:
    for crops in ("fixed", "random", "landmark"):
        recipe = recipe_of(TrainConfig(model="ran", size="small", set={"crops": crops}))
        assert recipe.inputs.landmarks == (crops == "landmark")


def test_classes_at_full_size_are_learned_by_sgd_and_dimensions_by_adam() -> None:
    classes = recipe_of(TrainConfig(model="ran", classes="quadrants"), n_classes=4)
    assert (classes.optimizer, classes.lr, classes.epochs) == ("sgd", 0.1, 60)
    dimensions = recipe_of(TrainConfig(model="ran"))
    assert (dimensions.optimizer, dimensions.lr, dimensions.epochs) == ("adam", 1e-4, None)


def test_the_full_network_is_resnet_18_and_three_linear_layers() -> None:
    options = network_options("ran", {**family("ran").presets["full"].options, "n_outputs": 8})
    network = RAN(options)
    resnet_18 = 11_689_512 - 1000 * 513  # without its last layer (torchvision's count)
    assert sum(p.numel() for p in network.parameters()) == resnet_18 + 512 + 1024 + 8 * 1025


def test_attention_has_mean_one_in_every_frame() -> None:
    maps = _network().eval().attention(_inputs())
    assert maps.shape == (2, 4, 32, 32)
    torch.testing.assert_close(maps.mean((2, 3)), torch.ones(2, 4))


def test_other_streams_are_stacked_onto_color() -> None:
    network = _network(modalities=("color", "thermal")).eval()
    inputs = _inputs() | {"thermal": torch.zeros(2, 4, 1, 32, 32)}
    warm = inputs | {"thermal": torch.ones(2, 4, 1, 32, 32)}
    assert not torch.allclose(network(inputs), network(warm))
