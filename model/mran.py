"""MRAN and URAN, from the pixels to valence and arousal, in the order of Fig. 2 and Table I.

Lee, Kim, Kim and Sohn, "Multi-modal Recurrent Attention Networks for Facial Expression Recognition", IEEE
TIP 2020. The equations, figures and tables named here are that paper's. B clips, T frames, C channels,
H rows, W columns; channels and shapes at the line ends are those of width 1 and 96 px crops.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ModelError

Layer = TypeVar("Layer", nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.Linear, "Conv3d")

CHANNELS = {"color": 3, "depth": 1, "thermal": 1, "infrared": 1}
"""Channels per stream; Table I shows only the color's 3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MranOptions:
    """Every place where the paper leaves a choice, with the reading taken as default.

    Attributes
    ----------
    modalities : streams that the network sees; color first, the others guide its attention
    width : factor on the channels of Table I
    size_px : side of the input frames; 96 makes fc1 of Table I fit (9216 = 256 * 1 * 6 * 6)
    n_frames : frames per clip, T
    n_outputs : 1 as in Table I, or 2 to predict valence and arousal together
    attention_scale : what the attention of Eq. 3 is multiplied by: "hw" by H*W (mean 1), "max" so that
        its peak is 1, "none" as printed, which dims the features ten-thousandfold and does not learn
    temperature : divides lstm3's hidden state, which lies in (-1, 1), before the softmax of Eq. 3; at 1
        (as printed) no place can get more than e^2 = 7.4 times the attention of another
    peephole : "paper" convolves the cell state for i and f and multiplies it for o, as Eq. 1 is printed;
        "hadamard" multiplies for all three, as the ConvLSTM it cites; "none" leaves it out
    forget_input : what f_t of Eq. 2 sees: "color" like the other gates, "paper" the thermal x^F printed
    head : "table" pools four times from full size; "text" pools three times from half size, as the prose
    output : "tanh" as in the paper, or "linear"
    dropout : between the fully connected layers
    xavier_gain : "relu" draws layers before a ReLU with Xavier's gain for it, sqrt(2), so that the signal
        keeps its size through six of them; "one" draws all layers alike
    """

    modalities: tuple[str, ...] = ("color", "depth", "thermal")
    width: float = 1.0
    size_px: int = 96
    n_frames: int = 16
    n_outputs: int = 2
    attention_scale: Literal["none", "hw", "max"] = "hw"
    temperature: float = 0.2
    peephole: Literal["paper", "hadamard", "none"] = "paper"
    forget_input: Literal["color", "paper"] = "color"
    head: Literal["table", "text"] = "table"
    output: Literal["tanh", "linear"] = "tanh"
    dropout: float = 0.5
    xavier_gain: Literal["relu", "one"] = "relu"

    def __post_init__(self) -> None:
        unknown = [name for name in self.modalities if name not in CHANNELS]
        if unknown or len(set(self.modalities)) != len(self.modalities) or self.modalities[:1] != ("color",):
            raise ModelError(
                f"wanted modalities that start with 'color', each of {sorted(CHANNELS)} once, "
                f"found {self.modalities!r}"
            )
        if self.forget_input == "paper" and "thermal" not in self.modalities:
            raise ModelError("forget_input 'paper' (x^F in Eq. 2) wants the thermal stream; use 'color'")
        if self.size_px % 16 or self.size_px < 32:
            raise ModelError(f"wanted size_px to be a multiple of 16 from 32 on, found {self.size_px}")
        if self.n_frames < 4 or self.width <= 0 or self.temperature <= 0:
            raise ModelError(
                "wanted n_frames >= 4, width > 0 and temperature > 0, "
                f"found {self.n_frames}, {self.width} and {self.temperature}"
            )

    @property
    def guides(self) -> tuple[str, ...]:
        """The streams whose hidden states guide the color stream: g of Eq. 2 without I."""
        return self.modalities[1:]


class MRAN(nn.Module):
    """Clips in, valence and arousal in [-1, 1] out; attention from all streams, features from color.

    Depth and thermal reach the output through the attention alone, as in the paper. Without guides it is
    URAN: the AG-LSTM of Eq. 2 without g other than I is the A-LSTM of Eq. 1.
    """

    def __init__(self, options: MranOptions) -> None:
        super().__init__()
        self.options = options
        width, guides, gain = options.width, options.guides, relu_gain(options)
        self.encoders = nn.ModuleDict(
            {name: SpatialEncoder(CHANNELS[name], width=width, gain=gain) for name in options.modalities}
        )
        self.guide_decoders = nn.ModuleDict(
            {name: TemporalDecoder(width=width, peephole=options.peephole) for name in guides}
        )
        self.color_decoder = TemporalDecoder(width=width, peephole=options.peephole, n_guides=len(guides))
        stride = (1, 2, 2) if options.head == "text" else 1
        self.features = xavier(Conv3d(CHANNELS["color"], scaled(32, width), stride=stride), gain=gain)
        self.recognition = EmotionRecognition(
            width=width,
            n_pools=3 if options.head == "text" else 4,
            size_px=options.size_px // 2 if options.head == "text" else options.size_px,
            n_frames=options.n_frames,
            n_outputs=options.n_outputs,
            dropout=options.dropout,
            output=options.output,
            gain=gain,
        )

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return (B, n_outputs) float32 from streams of (B, T, C, H, W) float32."""
        attention = self.attention(inputs)[:, None]  # (B, 1, T, 96, 96)
        color = inputs["color"].transpose(1, 2).contiguous(memory_format=torch.channels_last_3d)
        x = functional.relu(self.features(color))  # X' (B, 32, T, 96, 96)
        x = attention * x  # X'' (B, 32, T, 96, 96), Eq. 4
        return self.recognition(x)  # y (B, n_outputs)

    def attention(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return the attention cube A, (B, T, H, W) float32, scaled as `attention_scale` says."""
        frames = {name: inputs[name].transpose(0, 1) for name in self.options.modalities}  # time first
        x = {name: self.encoders[name](frames[name]) for name in frames}  # (T, B, 128, 12, 12)
        hidden = {name: decoder(x[name])[0] for name, decoder in self.guide_decoders.items()}
        x_forget = x["thermal"] if self.options.forget_input == "paper" else None
        guidance = [hidden[name] for name in self.options.guides]
        _, logits = self.color_decoder(x["color"], guidance=guidance, x_forget=x_forget)  # (T, B, 1, 48, 48)
        logits = logits.squeeze(2).transpose(0, 1)  # (B, T, 48, 48)
        if self.options.head == "table":  # "the same to the input features": one more factor of 2
            logits = functional.interpolate(logits, scale_factor=2, mode="bilinear")  # (B, T, 96, 96)
        return spatial_softmax(
            logits.float(), scale=self.options.attention_scale, temperature=self.options.temperature
        )


def URAN(options: MranOptions) -> MRAN:
    """Return MRAN of color alone: A-LSTM in place of AG-LSTM (section III-B.5)."""
    if options.modalities != ("color",):
        raise ModelError(f"URAN sees ('color',) alone, found modalities {options.modalities!r}")
    return MRAN(options)


class SpatialEncoder(nn.Module):
    """Frame-wise features; the weights are shared over time, each stream has its own."""

    def __init__(self, in_channels: int, *, width: float, gain: float) -> None:
        super().__init__()
        c32, c64, c128 = (scaled(n, width) for n in (32, 64, 128))
        self.conv1 = xavier(nn.Conv2d(in_channels, c32, 3, padding=1), gain=gain)
        self.conv2 = xavier(nn.Conv2d(c32, c64, 3, padding=1), gain=gain)
        self.conv3 = xavier(nn.Conv2d(c64, c128, 3, padding=1), gain=gain)

    def forward(self, frames: Tensor) -> Tensor:
        x = frames.flatten(0, 1).contiguous(memory_format=torch.channels_last)  # (T*B, C, 96, 96)
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)  # (T*B, 32, 48, 48)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)  # (T*B, 64, 24, 24)
        x = functional.max_pool2d(functional.relu(self.conv3(x)), 2)  # (T*B, 128, 12, 12)
        return x.unflatten(0, frames.shape[:2])  # (T, B, 128, 12, 12)


class TemporalDecoder(nn.Module):
    """Three (AG-)LSTMs with an upsampling by 2 after the first two."""

    def __init__(self, *, width: float, peephole: str, n_guides: int = 0) -> None:
        super().__init__()
        c128, c64, c32 = (scaled(n, width) for n in (128, 64, 32))
        self.lstm1 = AttentionLSTM(c128, c64, n_guides=n_guides, peephole=peephole)
        self.up1 = xavier(nn.ConvTranspose2d(c64, c64, 2, stride=2))
        self.lstm2 = AttentionLSTM(c64, c32, n_guides=n_guides, peephole=peephole)
        self.up2 = xavier(nn.ConvTranspose2d(c32, c32, 2, stride=2))
        self.lstm3 = AttentionLSTM(c32, 1, n_guides=n_guides, peephole=peephole)

    def forward(
        self, x: Tensor, *, guidance: Sequence[list[Tensor]] = (), x_forget: Tensor | None = None
    ) -> tuple[list[Tensor], Tensor]:
        """Return the hidden states of the three levels, and the last of them again.

        `guidance` holds the same three levels of every guiding stream. `x_forget` is the printed x^F of
        Eq. 2; it is known at the first level only, the levels above forget by their own input.
        """
        h1 = self.lstm1(x, [g[0] for g in guidance], x_forget)  # (T, B, 64, 12, 12)
        h2 = self.lstm2(over_time(self.up1, h1), [g[1] for g in guidance])  # (T, B, 32, 24, 24)
        h3 = self.lstm3(over_time(self.up2, h2), [g[2] for g in guidance])  # (T, B, 1, 48, 48)
        return [h1, h2, h3], h3


class AttentionLSTM(nn.Module):
    """A-LSTM (Eq. 1), and with `n_guides` the AG-LSTM (Eq. 2): a ConvLSTM over (T, B, C, H, W).

    The guides' hidden states of all T are known before this recurrence starts, so their convolutions, like
    those of the input, are one batch; only w_h * h_{t-1} and w_c * c_{t-1} stay in the loop. h_0 and c_0
    are zero (unstated in the paper). Hadamard peepholes have one weight per channel, so that the network
    is not tied to one input size. Gates are stacked in the order i, f, o, c.
    """

    def __init__(self, in_channels: int, hidden: int, *, n_guides: int, peephole: str) -> None:
        super().__init__()
        w_h = [nn.Conv2d(hidden, 4 * hidden, 3, padding=1, bias=False) for _ in range(1 + n_guides)]
        self.from_input = xavier(nn.Conv2d(in_channels, 4 * hidden, 3, padding=1), n_gates=4)  # w_x and b
        self.from_hidden = xavier(w_h[0], n_gates=4)  # w_h^I
        self.from_guides = nn.ModuleList(xavier(conv, n_gates=4) for conv in w_h[1:])  # w_h^g
        self.from_cell = None
        if peephole == "paper":  # w_ci and w_cf
            self.from_cell = xavier(nn.Conv2d(hidden, 2 * hidden, 3, padding=1, bias=False), n_gates=2)
        n_hadamard = {"paper": 1, "hadamard": 3, "none": 0}[peephole]
        self.peepholes = nn.Parameter(torch.zeros(n_hadamard, hidden, 1, 1))  # o, or o, i, f

    def forward(self, x: Tensor, guides: Sequence[Tensor] = (), x_forget: Tensor | None = None) -> Tensor:
        """Return h of every time step, (T, B, hidden, H, W)."""
        gates = over_time(self.from_input, x)  # w_x * x_t + b, (T, B, 4*hidden, H, W)
        if x_forget is not None:
            i, _, o, g = gates.chunk(4, dim=2)
            gates = torch.cat([i, over_time(self.from_input, x_forget).chunk(4, dim=2)[1], o, g], dim=2)
        for conv, h_guide in zip(self.from_guides, guides, strict=True):
            known = over_time(conv, h_guide[:-1])  # w_h^g * h_{t-1}^g, t = 2..T; h_0 is zero
            gates = torch.cat([gates[:1], gates[1:] + known])
        h = c = None
        states = []
        for known in gates:
            h, c = self.step(known, h, c)
            states.append(h)
        return torch.stack(states)

    def step(self, gates: Tensor, h: Tensor | None, c: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return h_t and c_t from what is known before the loop and the states before (None: zero)."""
        if h is not None:
            gates = gates + self.from_hidden(h)
        i, f, o, g = gates.chunk(4, dim=1)
        if c is not None and self.from_cell is not None:
            i_cell, f_cell = self.from_cell(c).chunk(2, dim=1)
            i, f = i + i_cell, f + f_cell
        elif c is not None and len(self.peepholes) == 3:
            i, f = i + self.peepholes[1] * c, f + self.peepholes[2] * c
        c_new = torch.sigmoid(i) * torch.tanh(g)
        if c is not None:
            c_new = c_new + torch.sigmoid(f) * c
        if len(self.peepholes):
            o = o + self.peepholes[0] * c_new
        return torch.sigmoid(o) * torch.tanh(c_new), c_new


def spatial_softmax(logits: Tensor, *, scale: str, temperature: float) -> Tensor:
    """Return A of Eq. 3, (B, T, H, W): a softmax over the places of each frame, then scaled."""
    attention = (logits / temperature).flatten(2).softmax(-1).view_as(logits)
    if scale == "hw":
        return attention * (logits.shape[-2] * logits.shape[-1])
    if scale == "max":
        return attention / attention.amax((-2, -1), keepdim=True)
    return attention


class EmotionRecognition(nn.Module):
    """The 3D-CNN from (attention-boosted) features to the scores.

    conv4 is printed with 256 channels in; pool3 has 128, so it takes 128. A pooling halves time as long as
    there is more than one frame left, so any T from 4 on works; T = 16 is Table I to the letter.
    """

    def __init__(
        self,
        *,
        width: float,
        n_pools: int,
        size_px: int,
        n_frames: int,
        n_outputs: int,
        dropout: float,
        output: str,
        gain: float,
    ) -> None:
        super().__init__()
        channels = [scaled(n, width) for n in (32, 32, 64, 128, 256)][: n_pools + 1]
        self.convs = nn.ModuleList(
            xavier(Conv3d(n_in, n_out), gain=gain) for n_in, n_out in pairwise(channels)
        )
        n_left = max(1, n_frames >> n_pools) * (size_px >> n_pools) ** 2  # 1 * 6 * 6
        self.fc1 = xavier(nn.Linear(channels[-1] * n_left, scaled(1024, width)), gain=gain)
        self.dropout = nn.Dropout(dropout)
        self.fc2 = xavier(nn.Linear(scaled(1024, width), n_outputs))
        self.output = torch.tanh if output == "tanh" else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:  # (B, 32, T, 96, 96) -> (B, 256, T/16, 6, 6)
            x = functional.max_pool3d(functional.relu(conv(x)), (min(2, x.shape[2]), 2, 2))
        x = functional.relu(self.fc1(x.flatten(1)))  # (B, 1024)
        return self.output(self.fc2(self.dropout(x)).float())  # (B, n_outputs)


class Conv3d(nn.Conv3d):
    """A 3x3x3 convolution whose weight gradient can be trusted in bf16.

    torch 2.13 on CPUs with avx512_bf16 returns uninitialised memory as the bf16 weight gradient of this
    layer where the input's depth is exactly 2, which is what conv4 sees of 16 frames; fp32 is right.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, stride: int | tuple[int, int, int] = 1
    ) -> None:
        super().__init__(in_channels, out_channels, 3, stride=stride, padding=1)

    def forward(self, input: Tensor) -> Tensor:
        if input.device.type == "cpu" and input.shape[2] == 2 and torch.is_autocast_enabled("cpu"):
            with torch.autocast("cpu", enabled=False):
                return super().forward(input.float())
        return super().forward(input)


def scaled(channels: int, width: float) -> int:
    """Return `channels` of Table I at this width, at least one."""
    return max(1, round(channels * width))


def over_time(layer: nn.Module, x: Tensor) -> Tensor:
    """Return `layer`, which knows (N, C, H, W), applied to every frame of (T, B, C, H, W)."""
    return layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])


def xavier(layer: Layer, *, gain: float = 1.0, n_gates: int = 1) -> Layer:
    """Return `layer` drawn from Xavier's uniform distribution, its biases zero.

    Gates that share one convolution are drawn as the separate layers that they are in Eq. 1. Convolutions
    are laid out channels last, which is twice as fast on CPUs at small widths.
    """
    for gate in layer.weight.chunk(n_gates):
        nn.init.xavier_uniform_(gate, gain=gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    if layer.weight.ndim > 2:
        planar = layer.weight.ndim == 4
        layout = torch.channels_last if planar else torch.channels_last_3d
        layer.weight.data = layer.weight.data.contiguous(memory_format=layout)
    return layer


def relu_gain(options: MranOptions) -> float:
    """Return the gain of layers before a ReLU."""
    return nn.init.calculate_gain("relu") if options.xavier_gain == "relu" else 1.0
