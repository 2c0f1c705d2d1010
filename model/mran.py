"""MRAN and URAN, from the pixels to valence and arousal, in the order of Fig. 2 and Table I.

Lee, Kim, Kim and Sohn, "Multi-modal Recurrent Attention Networks for Facial Expression Recognition", IEEE
TIP 2020. The equations, figures and tables named here are that paper's. B clips, T frames, C channels,
H rows, W columns; channels and shapes at the line ends are those of width 1 and 96 px crops. The recurrence
lives in convlstm.py, the 3D-CNN in recognition.py, what the ablation takes away in ablation.py.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from .convlstm import AttentionLSTM, Peephole
from .family import Family, Preset
from .layers import Conv3d, evenly, over_time, scaled, xavier
from .network import CHANNELS, Network, NetworkOptions
from .recognition import EmotionRecognition, RecognitionOptions

Scale = Literal["none", "hw", "max"]


class AttentionOptions(RecognitionOptions):
    """Where the paper leaves a choice about the attention and what it meets, with the reading as default.

    Attributes
    ----------
    modalities : the first stream carries the features and is attended to, the others guide its attention;
        any subset of the streams will do, also one without color
    attention_scale : what the attention of Eq. 3 is multiplied by: "hw" by H*W (mean 1), "max" so that
        its peak is 1, "none" as printed, which dims the features ten-thousandfold and does not learn
    temperature : divides lstm3's hidden state, which lies in (-1, 1), before the softmax of Eq. 3; at 1
        (as printed) no place can get more than e^2 = 7.4 times the attention of another
    head : "table" pools four times from full size; "text" pools three times from half size, as the prose
    upsample : how lstm3's logits, of half the size, come to full size for the head "table": "bilinear"; or
        "deconv", one more 2x2 deconvolution, as "deconvolution with a factor of 2 after each LSTM module"
    deconv_start : how the 2x2 deconvolutions are drawn: "even" with four weights alike, so that each begins
        as an enlargement (Aitken 2017, arXiv:1707.02937); "xavier" with four apart, which lays a fixed
        pattern of stripes over the attention that training does not take away
    """

    attention_scale: Scale = "hw"
    temperature: float = Field(default=0.2, gt=0)
    head: Literal["table", "text"] = "table"
    upsample: Literal["bilinear", "deconv"] = "bilinear"
    deconv_start: Literal["even", "xavier"] = "even"

    @property
    def guides(self) -> tuple[str, ...]:
        """The streams whose hidden states guide the first: g of Eq. 2 without I."""
        return self.modalities[1:]

    @model_validator(mode="after")
    def _nothing_to_upsample(self) -> Self:
        if self.upsample == "deconv" and self.head == "text":
            raise ValueError(
                "head 'text' takes the logits at half size; wanted upsample 'bilinear', found 'deconv'"
            )
        return self


class MranOptions(AttentionOptions):
    """Every place where the paper leaves a choice, with the reading taken as default.

    Attributes
    ----------
    peephole : "paper" convolves the cell state for i and f and multiplies it for o, as Eq. 1 is printed;
        "hadamard" multiplies for all three, as the ConvLSTM it cites; "none" leaves it out
    forget_input : what f_t of Eq. 2 sees: "color" like the other gates (the first stream, whichever it is),
        "paper" the thermal x^F printed
    """

    peephole: Peephole = "paper"
    forget_input: Literal["color", "paper"] = "color"

    @model_validator(mode="after")
    def _thermal_to_forget_by(self) -> Self:
        if self.forget_input == "paper" and "thermal" not in self.guides:
            raise ValueError(
                "forget_input 'paper' (x^F in Eq. 2) wants the thermal stream as a guide; use 'color'"
            )
        return self


class UranOptions(MranOptions):
    """Those of MRAN, of color alone; for another stream alone, train MRAN on it."""

    modalities: tuple[str, ...] = ("color",)

    @model_validator(mode="after")
    def _color_alone(self) -> Self:
        if self.modalities != ("color",):
            raise ValueError(f"URAN sees ('color',) alone, found modalities {self.modalities!r}")
        return self


class MRAN(Network):
    """Clips in, valence and arousal in [-1, 1] out; attention from all streams, features from the first.

    Depth and thermal reach the output through the attention alone, as in the paper. Without guides it is
    URAN: the AG-LSTM of Eq. 2 without g other than I is the A-LSTM of Eq. 1. The weights of the first
    stream's decoder are called `color_decoder`, whichever stream that is.
    """

    options: AttentionOptions

    def __init__(self, options: AttentionOptions) -> None:
        super().__init__(options)
        width, gain, n_guides = options.width, options.relu_gain, len(options.guides)
        to_half = options.head == "text"
        carrier = CHANNELS[options.modalities[0]]
        self.encoders = nn.ModuleDict(
            {name: SpatialEncoder(CHANNELS[name], width=width, gain=gain) for name in options.modalities}
        )
        self.guide_decoders = nn.ModuleDict({name: self.new_decoder() for name in options.guides})
        self.color_decoder = self.new_decoder(n_guides=n_guides, up3=options.upsample == "deconv")
        stride = (1, 2, 2) if to_half else 1
        self.features = xavier(Conv3d(carrier, scaled(32, width), stride=stride), gain=gain)
        self.recognition = EmotionRecognition(
            options, n_pools=3 if to_half else 4, size_px=options.size_px // (2 if to_half else 1)
        )

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return (B, n_outputs) float32 from streams of (B, T, C, H, W) float32."""
        attention = self.attention(inputs)[:, None]  # (B, 1, T, 96, 96)
        frames = inputs[self.options.modalities[0]].transpose(1, 2)  # (B, 3, T, 96, 96)
        x = frames.contiguous(memory_format=torch.channels_last_3d)
        x = functional.relu(self.features(x))  # X' (B, 32, T, 96, 96)
        x = attention * x  # X'' (B, 32, T, 96, 96), Eq. 4
        return self.recognition(x)  # y (B, n_outputs)

    def attention(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return the attention cube A, (B, T, H, W) float32, scaled as `attention_scale` says."""
        first = self.options.modalities[0]
        frames = {name: inputs[name].transpose(0, 1) for name in self.options.modalities}  # time first
        x = {name: self.encoders[name](frames[name]) for name in frames}  # (T, B, 128, 12, 12)
        guidance = [self.guide_decoders[name](x[name])[0] for name in self.options.guides]
        _, logits = self.color_decoder(x[first], guidance=guidance, x_forget=self.x_forget(x))
        logits = logits.squeeze(2).transpose(0, 1)  # (B, T, 48, 48); (B, T, 96, 96) after a deconvolution
        if self.options.head == "table" and self.options.upsample == "bilinear":
            logits = functional.interpolate(logits, scale_factor=2, mode="bilinear")  # (B, T, 96, 96)
        return spatial_softmax(
            logits.float(), scale=self.options.attention_scale, temperature=self.options.temperature
        )

    def x_forget(self, x: Mapping[str, Tensor]) -> Tensor | None:
        """Return what the first forget gate sees in place of its own input, if anything."""
        printed = isinstance(self.options, MranOptions) and self.options.forget_input == "paper"
        return x["thermal"] if printed else None

    def new_decoder(self, *, n_guides: int = 0, up3: bool = False) -> "TemporalDecoder":
        """Return a decoder of fresh weights for a stream that `n_guides` others guide."""
        drawn = evenly if self.options.deconv_start == "even" else xavier
        new_level = partial(self.new_level, n_guides=n_guides)
        return TemporalDecoder(new_level, drawn, width=self.options.width, up3=up3)

    def new_level(self, in_channels: int, hidden: int, *, n_guides: int) -> nn.Module:
        """Return what stands at one level of a decoder; the ablation puts a convolution there."""
        peephole = self.options.peephole if isinstance(self.options, MranOptions) else "none"
        return AttentionLSTM(in_channels, hidden, n_guides=n_guides, peephole=peephole)


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
    """Three (AG-)LSTMs with an upsampling by 2 after the first two, and with `up3` after the third.

    Parameters
    ----------
    new_level : (channels in, channels out) -> one of the three, such as an `AttentionLSTM`
    drawn : draws the weights of an upsampling
    """

    def __init__(
        self,
        new_level: Callable[[int, int], nn.Module],
        drawn: Callable[[nn.ConvTranspose2d], nn.ConvTranspose2d],
        *,
        width: float,
        up3: bool = False,
    ) -> None:
        super().__init__()
        c128, c64, c32 = (scaled(n, width) for n in (128, 64, 32))
        self.lstm1 = new_level(c128, c64)
        self.up1 = drawn(nn.ConvTranspose2d(c64, c64, 2, stride=2))
        self.lstm2 = new_level(c64, c32)
        self.up2 = drawn(nn.ConvTranspose2d(c32, c32, 2, stride=2))
        self.lstm3 = new_level(c32, 1)
        self.up3 = drawn(nn.ConvTranspose2d(1, 1, 2, stride=2)) if up3 else None

    def forward(
        self, x: Tensor, *, guidance: Sequence[Sequence[Tensor]] = (), x_forget: Tensor | None = None
    ) -> tuple[list[Tensor], Tensor]:
        """Return the hidden states of the three levels, and the last of them again, upsampled with `up3`.

        `guidance` holds the same three levels of every guiding stream. `x_forget` is the printed x^F of
        Eq. 2; it is known at the first level only, the levels above forget by their own input.
        """
        printed = {} if x_forget is None else {"x_forget": x_forget}
        h1 = self.lstm1(x, [g[0] for g in guidance], **printed)  # (T, B, 64, 12, 12)
        h2 = self.lstm2(over_time(self.up1, h1), [g[1] for g in guidance])  # (T, B, 32, 24, 24)
        h3 = self.lstm3(over_time(self.up2, h2), [g[2] for g in guidance])  # (T, B, 1, 48, 48)
        return [h1, h2, h3], h3 if self.up3 is None else over_time(self.up3, h3)


def spatial_softmax(logits: Tensor, *, scale: Scale, temperature: float) -> Tensor:
    """Return A of Eq. 3, (B, T, H, W): a softmax over the places of each frame, then scaled."""
    attention = (logits / temperature).flatten(2).softmax(-1).view_as(logits)
    if scale == "hw":
        return attention * (logits.shape[-2] * logits.shape[-1])
    if scale == "max":
        return attention / attention.amax((-2, -1), keepdim=True)
    return attention


SMALL: dict[str, Any] = {"width": 0.25, "size_px": 48, "dropout": 0.2}
"""A quarter of the channels, frames of half the size, and less dropout for the fewer units that are left."""
STARVED: dict[str, Any] = {
    "attention_scale": "none",
    "temperature": 1.0,
    "xavier_gain": "one",
    "deconv_start": "xavier",
}
"""The attention and the weights as printed."""


def as_printed(options: NetworkOptions) -> dict[str, Any]:
    """Return the options that take the paper to the letter, as far as there is thermal to forget by."""
    return STARVED | {"forget_input": "paper" if "thermal" in options.modalities[1:] else "color"}


MRAN_FAMILY = Family(
    options=MranOptions,
    new=MRAN,
    presets={"full": Preset(), "small": Preset(options=SMALL, steps=800, lr=7e-4)},
    modalities=("color", "depth", "thermal"),
    faithful=as_printed,
    faithful_inputs={"color_reference": "gray"},
)
URAN_FAMILY = Family(
    options=UranOptions,
    new=MRAN,
    presets={"full": Preset(batch=8), "small": Preset(options=SMALL, steps=800, lr=7e-4)},
    color_only=True,
    faithful=as_printed,
    faithful_inputs={"color_reference": "gray"},
)
