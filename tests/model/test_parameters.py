"""The parameters of every layer against Table I of Lee 2020, from its kernels and channels."""

from math import prod

import pytest
from torch import nn

from mavfer.model.mran import MRAN, MranOptions
from mavfer.model.training.recipe import network_options, new_network

ENCODER = {"conv1": (3, 32), "conv2": (32, 64), "conv3": (64, 128)}
DECODER = {"lstm1": (128, 64), "lstm2": (64, 32), "lstm3": (32, 1)}
UPSAMPLING = {"up1": (64, 64), "up2": (32, 32)}
RECOGNITION = {"0": (32, 32), "1": (32, 64), "2": (64, 128), "3": (128, 256)}  # conv4 is printed 256/256
CONNECTED = {"fc1": (9216, 1024), "fc2": (1024, 1)}


def n_parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def convolution(channels: tuple[int, int], kernel: tuple[int, ...]) -> int:
    n_in, n_out = channels
    return n_in * n_out * prod(kernel) + n_out


def lstm(channels: tuple[int, int], *, n_guides: int, peephole: str) -> int:
    """Count w_x, b, w_h of every stream, and w_c, for the four gates of Eq. 1 and 2."""
    n_in, hidden = channels
    gates = 4 * (n_in * hidden * 9 + hidden + (1 + n_guides) * hidden * hidden * 9)
    cell = {"paper": 2 * hidden * hidden * 9 + hidden, "hadamard": 3 * hidden, "none": 0}[peephole]
    return gates + cell


@pytest.fixture(scope="module")
def network() -> MRAN:
    return MRAN(MranOptions(n_outputs=1))


@pytest.mark.parametrize(("layer", "channels"), ENCODER.items())
def test_spatial_encoders_have_the_parameters_of_table_one(
    network: MRAN, layer: str, channels: tuple[int, int]
) -> None:
    found = {name: n_parameters(encoder.get_submodule(layer)) for name, encoder in network.encoders.items()}
    one = {"color": channels, "depth": (min(channels[0], 1), channels[1])}
    for name in found:
        seen = one["color"] if name == "color" or layer != "conv1" else one["depth"]
        assert found[name] == convolution(seen, (3, 3))


@pytest.mark.parametrize("peephole", ["paper", "hadamard", "none"])
def test_temporal_decoders_have_the_parameters_of_table_one(peephole: str) -> None:
    options = network_options("mran", {"n_outputs": 1, "peephole": peephole})
    network = new_network("mran", options)
    for name, decoder, n_guides in (
        ("color", network.get_submodule("color_decoder"), 2),
        ("depth", network.get_submodule("guide_decoders.depth"), 0),
        ("thermal", network.get_submodule("guide_decoders.thermal"), 0),
    ):
        for layer, channels in DECODER.items():
            wanted = lstm(channels, n_guides=n_guides, peephole=peephole)
            assert n_parameters(decoder.get_submodule(layer)) == wanted, (name, layer)
        for layer, channels in UPSAMPLING.items():
            assert n_parameters(decoder.get_submodule(layer)) == convolution(channels, (2, 2)), (name, layer)


def test_attention_inference_and_recognition_have_the_parameters_of_table_one(network: MRAN) -> None:
    assert n_parameters(network.features) == convolution((3, 32), (3, 3, 3))
    for layer, channels in RECOGNITION.items():
        assert n_parameters(network.recognition.convs.get_submodule(layer)) == convolution(
            channels, (3, 3, 3)
        )
    for layer, channels in CONNECTED.items():
        assert n_parameters(network.recognition.get_submodule(layer)) == convolution(channels, ())


def test_no_layer_is_beside_those_of_table_one(network: MRAN) -> None:
    encoders = sum(convolution(c, (3, 3)) for c in ENCODER.values())
    guide_encoders = encoders - convolution((3, 32), (3, 3)) + convolution((1, 32), (3, 3))
    decoder = {
        n: sum(lstm(c, n_guides=n, peephole="paper") for c in DECODER.values())
        + sum(convolution(c, (2, 2)) for c in UPSAMPLING.values())
        for n in (0, 2)
    }
    recognition = sum(convolution(c, (3, 3, 3)) for c in ((3, 32), *RECOGNITION.values()))
    connected = sum(convolution(c, ()) for c in CONNECTED.values())
    wanted = encoders + 2 * guide_encoders + decoder[2] + 2 * decoder[0] + recognition + connected
    assert n_parameters(network) == wanted


@pytest.mark.parametrize(
    ("model", "changes", "wanted"),
    [
        ("mran", {}, 13_280_666),
        ("mran", {"peephole": "hadamard"}, 13_004_714),
        ("mran", {"head": "text"}, 13_280_666 - 884_992),  # no conv4; fc1 sees 128 * 2 * 6 * 6 = 9216 as well
        ("mran", {"upsample": "deconv"}, 13_280_666 + 5),
        ("uran", {}, 11_391_836),
        ("mran-3d", {}, 10_631_201),
    ],
)
def test_totals_at_full_size(model: str, changes: dict[str, object], wanted: int) -> None:
    options = network_options(model, {"n_outputs": 1, **changes})
    assert n_parameters(new_network(model, options)) == wanted
