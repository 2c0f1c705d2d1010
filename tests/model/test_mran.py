import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from mavfer.errors import ModelError
from mavfer.model.mran import (
    CHANNELS,
    MRAN,
    URAN,
    AttentionLSTM,
    Conv3d,
    MranOptions,
    TemporalDecoder,
    spatial_softmax,
)

TINY = {"width": 0.125, "size_px": 32, "n_frames": 8}


def random_inputs(options: MranOptions, *, batch: int = 2, seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shape = (options.size_px, options.size_px)
    return {
        name: torch.randn(batch, options.n_frames, CHANNELS[name], *shape, generator=generator)
        for name in options.modalities
    }


def n_parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, 13_280_666),
        ({"peephole": "hadamard"}, 13_004_714),
        ({"modalities": ("color",)}, 11_391_836),
        ({"head": "text"}, 13_280_666 - 884_992),  # no conv4; fc1 sees 128 * 2 * 6 * 6 = 9216 as well
    ],
)
def test_parameters_of_the_full_size_are_those_of_table_one(changes: dict, wanted: int) -> None:
    assert n_parameters(MRAN(MranOptions(n_outputs=1, **changes))) == wanted


def test_fully_connected_layers_have_the_sizes_of_table_one() -> None:
    network = MRAN(MranOptions(n_outputs=1))
    assert tuple(network.recognition.fc1.weight.shape) == (1024, 9216)
    assert tuple(network.recognition.fc2.weight.shape) == (1, 1024)


@pytest.mark.parametrize("head", ["table", "text"])
@pytest.mark.parametrize("peephole", ["paper", "hadamard", "none"])
@pytest.mark.parametrize("modalities", [("color",), ("color", "thermal"), ("color", "depth", "thermal")])
def test_every_reading_maps_clips_to_scores_in_range(head: str, peephole: str, modalities: tuple) -> None:
    options = MranOptions(modalities=modalities, head=head, peephole=peephole, **TINY)
    y = MRAN(options)(random_inputs(options))
    assert y.shape == (2, 2)
    assert y.abs().max() <= 1


@pytest.mark.parametrize("n_frames", [4, 8, 16, 32])
def test_clips_of_four_to_thirty_two_frames_fit(n_frames: int) -> None:
    options = MranOptions(width=0.125, size_px=32, n_frames=n_frames)
    assert MRAN(options)(random_inputs(options)).shape == (2, 2)


@pytest.mark.parametrize(("scale", "wanted"), [("none", 1.0), ("hw", 32.0 * 32.0)])
def test_attention_of_each_frame_sums_to_its_scale(scale: str, wanted: float) -> None:
    options = MranOptions(attention_scale=scale, **TINY)
    attention = MRAN(options).attention(random_inputs(options))
    assert attention.shape == (2, 8, 32, 32)
    torch.testing.assert_close(attention.sum((-2, -1)), torch.full((2, 8), wanted))


def test_attention_scaled_by_its_maximum_peaks_at_one() -> None:
    attention = spatial_softmax(torch.randn(1, 2, 4, 4), scale="max", temperature=0.2)
    torch.testing.assert_close(attention.amax((-2, -1)), torch.ones(1, 2))


def test_a_colder_softmax_is_a_sharper_one() -> None:
    logits = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    peaks = [spatial_softmax(logits, scale="hw", temperature=t).max() for t in (1.0, 0.5, 0.2)]
    assert peaks == sorted(peaks)


def test_scaling_by_hw_gives_the_encoders_a_gradient_that_the_printed_softmax_starves() -> None:
    def gradient(scale: str) -> float:
        torch.manual_seed(0)
        options = MranOptions(attention_scale=scale, **TINY)
        network = MRAN(options)
        network(random_inputs(options)).square().mean().backward()
        return float(sum(p.grad.norm() for p in network.encoders.parameters()))

    assert gradient("hw") > 100 * gradient("none")


@pytest.mark.parametrize("peephole", ["paper", "hadamard", "none"])
@pytest.mark.parametrize("n_guides", [0, 2])
def test_the_batched_lstm_equals_equations_one_and_two_step_by_step(peephole: str, n_guides: int) -> None:
    torch.manual_seed(1)
    n, hidden = 3, 4
    lstm = AttentionLSTM(n, hidden, n_guides=n_guides, peephole=peephole).double()
    nn.init.normal_(lstm.peepholes)
    x = torch.randn(5, 2, n, 6, 6, dtype=torch.float64)
    guides = [torch.randn(5, 2, hidden, 6, 6, dtype=torch.float64) for _ in range(n_guides)]

    w_x, b = lstm.from_input.weight.chunk(4), lstm.from_input.bias.chunk(4)
    w_h = [[g.weight.chunk(4)[k] for g in (lstm.from_hidden, *lstm.from_guides)] for k in range(4)]

    def gate(k: int, t: int, hs: list[Tensor]) -> Tensor:
        total = functional.conv2d(x[t], w_x[k], b[k], padding=1)
        return total + sum(functional.conv2d(h, w, padding=1) for h, w in zip(hs, w_h[k], strict=True))

    h = c = torch.zeros(2, hidden, 6, 6, dtype=torch.float64)
    states = []
    for t in range(5):
        hs = [h, *(g[t - 1] if t else torch.zeros_like(h) for g in guides)]
        i, f, o = gate(0, t, hs), gate(1, t, hs), gate(2, t, hs)
        if peephole == "paper":
            w_ci, w_cf = lstm.from_cell.weight.chunk(2)
            i = i + functional.conv2d(c, w_ci, padding=1)
            f = f + functional.conv2d(c, w_cf, padding=1)
        elif peephole == "hadamard":
            i, f = i + lstm.peepholes[1] * c, f + lstm.peepholes[2] * c
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(gate(3, t, hs))
        o = o if peephole == "none" else o + lstm.peepholes[0] * c
        h = torch.sigmoid(o) * torch.tanh(c)
        states.append(h)
    torch.testing.assert_close(lstm(x, guides), torch.stack(states))


def test_guides_speak_one_frame_later() -> None:
    torch.manual_seed(0)
    lstm = AttentionLSTM(2, 3, n_guides=1, peephole="paper")
    x, guide = torch.randn(4, 1, 2, 5, 5), torch.randn(4, 1, 3, 5, 5)
    changed = guide.clone()
    changed[1] += 1
    difference = (lstm(x, [guide]) - lstm(x, [changed])).abs().amax((1, 2, 3, 4))
    assert (difference[:2] == 0).all()
    assert difference[2] > 0


def test_uran_is_mran_of_color_alone() -> None:
    options = MranOptions(modalities=("color",), **TINY)
    torch.manual_seed(0)
    uran = URAN(options)
    torch.manual_seed(0)
    mran = MRAN(options)
    inputs = random_inputs(options)
    assert torch.equal(uran.eval()(inputs), mran.eval()(inputs))
    with pytest.raises(ModelError, match="URAN sees"):
        URAN(MranOptions())


def test_thermal_reaches_the_score_through_attention_alone() -> None:
    options = MranOptions(**TINY)
    torch.manual_seed(0)
    network = MRAN(options).eval()
    inputs = random_inputs(options)
    heated = {**inputs, "thermal": inputs["thermal"] + 1}
    assert not torch.equal(network(inputs), network(heated))
    network.attention = lambda _: torch.ones(2, 8, 32, 32)
    assert torch.equal(network(inputs), network(heated))


def test_the_printed_forget_gate_sees_thermal_and_wants_it() -> None:
    torch.manual_seed(0)
    decoder = TemporalDecoder(width=0.125, peephole="paper")
    x = torch.randn(3, 1, 16, 4, 4)
    assert not torch.equal(decoder(x)[1], decoder(x, x_forget=x + 1)[1])
    options = MranOptions(forget_input="paper", **TINY)
    assert MRAN(options)(random_inputs(options)).shape == (2, 2)
    with pytest.raises(ModelError, match="wants the thermal stream"):
        MranOptions(forget_input="paper", modalities=("color", "depth"))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"modalities": ("thermal", "color")}, "start with 'color'"),
        ({"modalities": ("color", "sonar")}, "sonar"),
        ({"size_px": 50}, "multiple of 16"),
        ({"temperature": 0.0}, "temperature > 0"),
    ],
)
def test_options_that_make_no_network_are_refused(changes: dict, complaint: str) -> None:
    with pytest.raises(ModelError, match=complaint):
        MranOptions(**changes)


def weight_gradient(layer: nn.Module, x: Tensor, *, bf16: bool) -> Tensor:
    layer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        y = layer(x)
    y.float().square().sum().backward()
    return layer.weight.grad.clone()


def test_weights_are_xaviers_with_the_gain_of_what_follows() -> None:
    torch.manual_seed(0)
    network = MRAN(MranOptions(width=0.5, size_px=48))

    def spread_over_xavier(weight: Tensor) -> float:
        fan = (weight.shape[0] + weight.shape[1]) * weight[0, 0].numel()
        return float(weight.detach().std() / (2 / fan) ** 0.5)

    assert spread_over_xavier(network.encoders["depth"].conv2.weight) == pytest.approx(2**0.5, rel=0.05)
    assert spread_over_xavier(network.recognition.fc1.weight[..., None]) == pytest.approx(2**0.5, rel=0.05)
    for gate in network.color_decoder.lstm1.from_input.weight.chunk(4):
        assert spread_over_xavier(gate) == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d])
@pytest.mark.parametrize(
    ("n_in", "n_out", "depth", "side"),
    [(3, 8, 16, 24), (8, 8, 16, 24), (16, 32, 4, 12), (32, 64, 2, 6), (128, 256, 2, 12), (64, 64, 1, 6)],
)
def test_bf16_weight_gradients_of_the_3d_convolutions_agree_with_fp32(
    n_in: int, n_out: int, depth: int, side: int, layout: torch.memory_format
) -> None:
    torch.manual_seed(0)
    layer = Conv3d(n_in, n_out).to(memory_format=layout)
    x = torch.randn(2, n_in, depth, side, side).contiguous(memory_format=layout)
    exact = weight_gradient(layer, x, bf16=False)
    assert (weight_gradient(layer, x, bf16=True) - exact).norm() < 0.02 * exact.norm()


def test_bf16_gradients_of_the_network_point_where_those_of_fp32_do() -> None:
    """Not closer: values that round to a tie send a max pooling's gradient to another pixel."""
    torch.manual_seed(0)
    options = MranOptions(width=0.25, size_px=48, dropout=0.0)
    network, inputs = MRAN(options), random_inputs(options)

    def gradient(*, bf16: bool) -> Tensor:
        network.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            y = network(inputs)
        (y - 0.5).square().sum().backward()
        return torch.cat([p.grad.flatten() for p in network.parameters()])

    assert functional.cosine_similarity(gradient(bf16=False), gradient(bf16=True), dim=0) > 0.9
