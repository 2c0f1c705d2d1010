"""VGG-16 and VGG-Face against what is published of them."""

import pytest
import torch

from mavfer.model.families import family
from mavfer.model.training.recipe import network_options, new_network
from mavfer.model.vgg import VggTrunk


def test_the_trunk_has_as_many_parameters_as_published() -> None:
    with torch.device("meta"):
        trunk = VggTrunk()
    n_last = 4096 * 1000 + 1000
    assert sum(p.numel() for p in trunk.parameters()) + n_last == 138_357_544  # torchvision's vgg16


@pytest.mark.parametrize("name", ["vgg-16", "vgg-face"])
def test_the_full_preset_is_the_paper_and_one_layer_to_the_scores(name: str) -> None:
    options = network_options(name, {**family(name).presets["full"].options, "modalities": ["color"]})
    with torch.device("meta"):
        network = new_network(name, options)
    n_last = 4096 * 2 + 2
    assert sum(p.numel() for p in network.parameters()) == 138_357_544 - (4096 * 1000 + 1000) + n_last


def test_vgg_face_lstm_has_one_fully_connected_layer_and_two_layers_of_128_units() -> None:
    options = network_options(
        "vgg-face-lstm", {**family("vgg-face-lstm").presets["full"].options, "modalities": ["color"]}
    )
    with torch.device("meta"):
        network = new_network("vgg-face-lstm", options)
    shapes = {name: tuple(p.shape) for name, p in network.named_parameters()}
    assert [name for name in shapes if name.startswith("trunk.fcs") and name.endswith("weight")] == [
        "trunk.fcs.fc6.weight"
    ]
    assert shapes["recurrence.rnn.weight_ih_l0"] == (4 * 128, 4096)
    assert shapes["recurrence.rnn.weight_hh_l1"] == (4 * 128, 128)
    assert shapes["head.weight"] == (2, 128)


def test_a_fresh_trunk_keeps_the_size_of_its_signal() -> None:
    torch.manual_seed(0)
    trunk = VggTrunk(width=0.5, fc=(), pool_px=None, picture_px=64).eval()
    maps = trunk.maps(torch.randn(4, 3, 64, 64))
    assert [tuple(m.shape[1:]) for m in maps] == [
        (32, 32, 32),
        (64, 16, 16),
        (128, 8, 8),
        (256, 4, 4),
        (256, 2, 2),
    ]
    for m in maps:
        assert 0.1 < float(m.detach().square().mean().sqrt()) < 10
