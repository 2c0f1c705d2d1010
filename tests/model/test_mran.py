from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from mavfer.errors import ModelError
from mavfer.model.data.inputs import InputOptions
from mavfer.model.data.source import ClipIndex, ClipSource
from mavfer.model.layers import evenly
from mavfer.model.mran import MRAN, MranOptions, TemporalDecoder, spatial_softmax
from mavfer.model.network import CHANNELS
from mavfer.model.training.config import TrainConfig
from mavfer.model.training.losses import mse
from mavfer.model.training.recipe import network_options, new_network, recipe_of
from mavfer.preprocess.dataset.clips import open_dataset

TINY: dict[str, Any] = {"width": 0.125, "size_px": 32, "n_frames": 8}


def random_inputs(options: MranOptions, *, batch: int = 2, seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shape = (options.size_px, options.size_px)
    return {
        name: torch.randn(batch, options.n_frames, CHANNELS[name], *shape, generator=generator)
        for name in options.modalities
    }


@pytest.mark.parametrize(
    ("head", "upsample"), [("table", "bilinear"), ("table", "deconv"), ("text", "bilinear")]
)
@pytest.mark.parametrize("peephole", ["paper", "hadamard", "none"])
@pytest.mark.parametrize("output", ["tanh", "linear"])
def test_every_reading_maps_clips_to_finite_scores(
    head: Any, upsample: Any, peephole: Any, output: Any
) -> None:
    options = MranOptions(head=head, upsample=upsample, peephole=peephole, output=output, **TINY)
    network = MRAN(options)
    y = network(random_inputs(options))
    assert y.shape == (2, 2)
    assert y.isfinite().all()
    y.sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize(
    "modalities",
    [
        ("color",),
        ("depth",),
        ("thermal",),
        ("infrared",),
        ("color", "thermal"),
        ("depth", "thermal"),
        ("thermal", "color"),
        ("color", "depth", "thermal", "infrared"),
    ],
)
def test_any_streams_will_do(modalities: tuple[str, ...]) -> None:
    options = MranOptions(modalities=modalities, **TINY)
    network, inputs = MRAN(options).eval(), random_inputs(options)
    y = network(inputs)
    assert y.shape == (2, 2)
    assert y.abs().max() <= 1
    for name in modalities:
        assert not torch.equal(network({**inputs, name: inputs[name] + 1}), y), name


@pytest.mark.parametrize("n_frames", [4, 6, 8, 16, 32])
def test_clips_of_four_to_thirty_two_frames_fit(n_frames: int) -> None:
    options = MranOptions(width=0.125, size_px=32, n_frames=n_frames)
    network, inputs = MRAN(options), random_inputs(options, batch=1)
    assert network(inputs).shape == (1, 2)
    assert network.attention(inputs).shape == (1, n_frames, 32, 32)


@pytest.mark.parametrize("head", ["table", "text"])
@pytest.mark.parametrize("scale", ["none", "hw", "max"])
def test_attention_of_each_frame_has_its_scale(scale: Any, head: Any) -> None:
    options = MranOptions(attention_scale=scale, head=head, **TINY)
    attention = MRAN(options).attention(random_inputs(options))
    side = 32 if head == "table" else 16
    assert attention.shape == (2, 8, side, side)
    found = attention.amax((-2, -1)) if scale == "max" else attention.sum((-2, -1))
    wanted = float(side * side) if scale == "hw" else 1.0
    torch.testing.assert_close(found, torch.full((2, 8), wanted))


def test_a_colder_softmax_is_a_sharper_one() -> None:
    logits = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    peaks = [float(spatial_softmax(logits, scale="hw", temperature=t).max()) for t in (1.0, 0.5, 0.2)]
    assert peaks == sorted(set(peaks))


def test_attention_follows_the_places_of_its_logits() -> None:
    logits = torch.randn(1, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    attention = spatial_softmax(logits, scale="none", temperature=0.5)
    torch.testing.assert_close(
        attention[0, 1].log() - attention[0, 1, 0, 0].log(), (logits[0, 1] - logits[0, 1, 0, 0]) / 0.5
    )


def stripes(deconv_start: Any) -> float:
    """Return the variance over places of the logarithm of the attention to an even picture, borders aside."""
    torch.manual_seed(0)
    options = MranOptions(deconv_start=deconv_start, **TINY | {"size_px": 96})
    inputs = {name: torch.full_like(frames, 0.5) for name, frames in random_inputs(options).items()}
    with torch.no_grad():
        first = MRAN(options).attention(inputs)[:, 0]
    return float(first[:, 32:-32, 32:-32].log().var())


def test_deconvolutions_that_start_evenly_leave_no_stripes_on_an_even_face() -> None:
    assert stripes("even") < 1e-4 * stripes("xavier")


def test_a_deconvolution_that_starts_evenly_enlarges() -> None:
    torch.manual_seed(0)
    layer = evenly(nn.ConvTranspose2d(5, 3, 2, stride=2))
    x = torch.randn(2, 5, 4, 4)
    one = functional.conv2d(x, layer.weight[:, :, 0, 0].T[:, :, None, None])
    torch.testing.assert_close(layer(x), functional.interpolate(one, scale_factor=2, mode="nearest"))


def test_scaling_by_hw_gives_the_encoders_a_gradient_that_the_printed_softmax_starves() -> None:
    def gradient(scale: Any) -> float:
        torch.manual_seed(0)
        options = MranOptions(attention_scale=scale, **TINY)
        network = MRAN(options)
        network(random_inputs(options)).square().mean().backward()
        return float(sum(p.grad.norm() for p in network.encoders.parameters() if p.grad is not None))

    assert gradient("hw") > 100 * gradient("none")


def test_uran_is_mran_of_color_alone() -> None:
    options = MranOptions(modalities=("color",), **TINY)
    torch.manual_seed(0)
    uran = new_network("uran", network_options("uran", TINY)).eval()
    torch.manual_seed(0)
    mran = MRAN(options).eval()
    inputs = random_inputs(options)
    assert torch.equal(uran(inputs), mran(inputs))
    with pytest.raises(ModelError, match="URAN sees"):
        network_options("uran", {"modalities": ("color", "thermal")})
    with pytest.raises(ModelError, match="uran sees"):
        recipe_of(TrainConfig(model="uran", modalities=("color", "thermal")))


def test_thermal_reaches_the_score_through_attention_alone() -> None:
    options = MranOptions(**TINY)
    torch.manual_seed(0)
    network = MRAN(options).eval()
    inputs = random_inputs(options)
    heated = {**inputs, "thermal": inputs["thermal"] + 1}
    assert not torch.equal(network(inputs), network(heated))
    network.attention = lambda _: torch.ones(2, 8, 32, 32)  # type: ignore[method-assign]
    assert torch.equal(network(inputs), network(heated))


def test_the_printed_forget_gate_sees_thermal_and_wants_it() -> None:
    torch.manual_seed(0)
    decoder = MRAN(MranOptions(modalities=("color",), width=0.125)).color_decoder
    assert isinstance(decoder, TemporalDecoder)
    x = torch.randn(3, 1, 16, 4, 4)
    assert not torch.equal(decoder(x)[1], decoder(x, x_forget=x + 1)[1])
    printed = MranOptions(forget_input="paper", **TINY)
    torch.manual_seed(0)
    network = MRAN(printed).eval()
    torch.manual_seed(0)
    like_others = MRAN(MranOptions(**TINY)).eval()
    inputs = random_inputs(printed)
    assert not torch.equal(network(inputs), like_others(inputs))
    with pytest.raises(ModelError, match="wants the thermal stream"):
        network_options("mran", {"forget_input": "paper", "modalities": ("color", "depth")})


def test_classes_are_logits_that_cross_entropy_can_learn() -> None:
    options = MranOptions(modalities=("color",), n_outputs=3, output="classes", **{**TINY, "dropout": 0.0})
    torch.manual_seed(0)
    network, inputs = MRAN(options), random_inputs(options, batch=3)
    wanted = torch.tensor([2, 0, 1])
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3, fused=True)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = network.training_loss(inputs, wanted, functional.cross_entropy)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.3 * losses[0]
    assert torch.equal(network(inputs).argmax(1), wanted)


def test_a_small_mran_overfits_four_clips(dataset: Path) -> None:
    options = MranOptions(width=0.25, size_px=32, n_frames=8, dropout=0.0)
    source = ClipSource(
        open_dataset(dataset).split("train"),
        options=InputOptions(modalities=options.modalities, n_frames=8, size_px=32),
        dimensions=("valence", "arousal"),
    )
    clips = [ClipIndex(0, 0), ClipIndex(0, 20), ClipIndex(1, 5), ClipIndex(1, 30)]
    inputs, targets = source.inputs(clips), source.targets(clips)
    torch.manual_seed(0)
    network = MRAN(options)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3, fused=True)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = network.training_loss(inputs, targets, mse)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.05 * losses[0]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"modalities": ("color", "sonar")}, "sonar"),
        ({"modalities": ("color", "color")}, "each modality once"),
        ({"modalities": ()}, "modalities: wanted 1 or more entries, found 0"),
        ({"size_px": 50}, "size_px: wanted a multiple of 16, found 50"),
        ({"size_px": 16}, "size_px: wanted at least 32, found 16"),
        ({"n_frames": 3}, "n_frames: wanted at least 4, found 3"),
        ({"n_frames": 33}, "n_frames: wanted at most 32, found 33"),
        ({"temperature": 0.0}, "temperature: wanted more than 0, found 0"),
        ({"upsample": "deconv", "head": "text"}, "half size"),
        ({"peephole": "some"}, "peephole: wanted 'paper', 'hadamard' or 'none', found 'some'"),
    ],
)
def test_options_that_make_no_network_are_refused_in_one_line(
    changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ModelError, match=complaint) as refusal:
        network_options("mran", changes)
    assert "\n" not in str(refusal.value)


def test_the_faithful_preset_is_the_paper_to_the_letter_as_far_as_the_streams_go() -> None:
    def faithful(*modalities: str) -> MranOptions:
        recipe = recipe_of(TrainConfig(preset="faithful", modalities=modalities))
        assert recipe.inputs.color_reference == "gray"
        assert isinstance(recipe.options, MranOptions)
        return recipe.options

    options = faithful("color", "depth", "thermal")
    found = (options.attention_scale, options.temperature, options.xavier_gain, options.forget_input)
    assert found == ("none", 1.0, "one", "paper")
    assert options.deconv_start == "xavier"
    assert faithful("color", "depth").forget_input == "color"
    assert faithful("thermal").forget_input == "color"


def test_batches_are_of_four_for_mran_and_of_eight_for_uran() -> None:
    recipes = {model: recipe_of(TrainConfig(model=model)) for model in ("mran", "uran")}
    assert (recipes["mran"].batch, recipes["uran"].batch) == (4, 8)
    assert {recipe.lr for recipe in recipes.values()} == {1e-4}


def test_weights_are_xaviers_with_the_gain_of_what_follows() -> None:
    torch.manual_seed(0)
    network = MRAN(MranOptions(width=0.5, size_px=48))

    def spread_over_xavier(weight: Tensor) -> float:
        fan = (weight.shape[0] + weight.shape[1]) * weight[0, 0].numel()
        return float(weight.detach().std() / (2 / fan) ** 0.5)

    conv2 = network.get_parameter("encoders.depth.conv2.weight")
    assert spread_over_xavier(conv2) == pytest.approx(2**0.5, rel=0.05)
    assert spread_over_xavier(network.recognition.fc1.weight[..., None]) == pytest.approx(2**0.5, rel=0.05)


def test_bf16_gradients_of_the_network_point_where_those_of_fp32_do() -> None:
    """Not closer: values that round to a tie send a max pooling's gradient to another pixel."""
    torch.manual_seed(0)
    options = MranOptions(width=0.25, size_px=48, dropout=0.0)
    network, inputs = MRAN(options), random_inputs(options)

    def gradient(*, bf16: bool) -> Tensor:
        network.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            y = network(inputs)
        assert y.dtype == torch.float32
        (y - 0.5).square().sum().backward()
        return torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])

    assert functional.cosine_similarity(gradient(bf16=False), gradient(bf16=True), dim=0) > 0.9


def weight_gradient(layer: nn.Module, x: Tensor, *, bf16: bool) -> Tensor:
    layer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        y = layer(x)
    y.float().square().sum().backward()
    return layer.get_parameter("weight").grad.clone()  # type: ignore[union-attr]


@pytest.mark.parametrize("index", range(4))
def test_bf16_weight_gradients_of_the_3d_convolutions_agree_with_fp32(index: int) -> None:
    """At the shapes of 16 frames of 96 px and half the width: conv4 sees two frames."""
    torch.manual_seed(0)
    layer = MRAN(MranOptions(width=0.5, modalities=("color",))).recognition.convs[index]
    assert isinstance(layer, nn.Conv3d)
    x = torch.randn(1, layer.in_channels, 16 >> index, 96 >> index, 96 >> index)
    exact = weight_gradient(layer, x, bf16=False)
    assert (weight_gradient(layer, x, bf16=True) - exact).norm() < 0.02 * exact.norm()
