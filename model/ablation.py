"""What is left of MRAN and URAN when parts are taken away: the rows of Tables V and VI of Lee 2020.

The rows are cumulative: 2D-CNN, + 3D-CNN, + S.E. (spatial encoder), + T.D. (temporal decoder), which is MRAN
or URAN itself. The text is section V-C.2 of "Multi-modal Recurrent Attention Networks for Facial Expression
Recognition", IEEE TIP 2020. The readings taken:

- 2D-CNN ("we replace all components to 2D convolutional layers, and weights [...] are shared temporally"):
  the convolutions of Table I's last two blocks, with kernels of 3x3 and poolings of 2x2, see every frame by
  itself; fc1 has 9216 inputs as printed; the frames' last layers are averaged to the clip's score.
- + 3D-CNN ("fed the 3D convolutional feature activations into emotion recognition networks"): the last two
  blocks of Table I with no attention between them.
- both see one stream, also in Table VI: "we remove [the attention networks] in MRAN and estimate the emotion
  using the emotion recognition networks only", and these see color. For all streams without attention there
  is early_fusion.py.
- + S.E. ("without temporal decoder networks that replaced the A-LSTM modules with 2D convolutional layers"):
  every A-LSTM and AG-LSTM becomes a 3x3 convolution of the same channels and a tanh, which keeps the logits
  in the range that the hidden states have; upsamplings stay. The guides' activations are still convolved and
  added, those of the same frame, since there is no step before it.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Self

import torch
from pydantic import model_validator
from torch import Tensor, nn
from torch.nn import functional

from .early_fusion import EarlyFusion
from .family import Family, Preset
from .layers import last_activation, over_time, scaled, xavier
from .mran import MRAN, SMALL, STARVED, AttentionOptions
from .network import Network, NetworkOptions
from .recognition import RecognitionOptions


class OneStreamOptions(RecognitionOptions):
    """Of the rows without attention: one stream, since the others would have nothing to guide."""

    modalities: tuple[str, ...] = ("color",)

    @model_validator(mode="after")
    def _one_stream(self) -> Self:
        if len(self.modalities) != 1:
            raise ValueError(
                "without attention there is nothing for a second stream to guide: wanted one modality, "
                f"found {', '.join(self.modalities)}; early-fusion stacks them"
            )
        return self


class PlanarRecognition(Network):
    """The row "2D-CNN": frames apart. Shapes are those of width 1 and 96 px."""

    options: RecognitionOptions

    def __init__(self, options: RecognitionOptions) -> None:
        super().__init__(options)
        width, gain = options.width, options.relu_gain
        channels = [options.n_channels, *(scaled(n, width) for n in (32, 32, 64, 128, 256))]
        self.convs = nn.ModuleList(
            xavier(nn.Conv2d(n_in, n_out, 3, padding=1), gain=gain) for n_in, n_out in pairwise(channels)
        )
        n_left = channels[-1] * (options.size_px >> 4) ** 2  # 256 * 6 * 6 = 9216
        self.fc1 = xavier(nn.Linear(n_left, scaled(1024, width)), gain=gain)
        self.dropout = nn.Dropout(options.dropout)
        self.fc2 = xavier(nn.Linear(scaled(1024, width), options.n_outputs))
        self.output = last_activation(options.output)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return (B, n_outputs) float32 from streams of (B, T, C, H, W) float32."""
        frames = inputs[self.options.modalities[0]]  # (B, T, 3, 96, 96)
        scores = over_time(self.of_frames, frames)  # (B, T, n_outputs)
        return self.output(scores.float().mean(1))  # (B, n_outputs)

    def of_frames(self, frames: Tensor) -> Tensor:
        """Return (N, n_outputs) from (N, C, H, W), before the last activation."""
        x = frames.contiguous(memory_format=torch.channels_last)
        x = functional.relu(self.convs[0](x))  # (N, 32, 96, 96), in the place of X'
        for conv in self.convs[1:]:  # -> (N, 256, 6, 6)
            x = functional.max_pool2d(functional.relu(conv(x)), 2)
        x = functional.relu(self.fc1(x.flatten(1)))  # (N, 1024)
        return self.fc2(self.dropout(x))


class AttentionConvolution(nn.Module):
    """A convolution in the place of an A-LSTM or AG-LSTM: h_t = tanh(w_x * x_t + sum_g w^g * h_t^g + b)."""

    def __init__(self, in_channels: int, hidden: int, *, n_guides: int) -> None:
        super().__init__()
        self.from_input = xavier(nn.Conv2d(in_channels, hidden, 3, padding=1))
        self.from_guides = nn.ModuleList(
            xavier(nn.Conv2d(hidden, hidden, 3, padding=1, bias=False)) for _ in range(n_guides)
        )

    def forward(self, x: Tensor, guides: Sequence[Tensor] = ()) -> Tensor:
        """Return (T, B, hidden, H, W) of (T, B, in_channels, H, W); `guides` as of `AttentionLSTM`."""
        h = over_time(self.from_input, x)
        for conv, h_guide in zip(self.from_guides, guides, strict=True):
            h = h + over_time(conv, h_guide)
        return torch.tanh(h)


class EncoderAttention(MRAN):
    """The row "+ S.E.": MRAN's attention with no memory."""

    def new_level(self, in_channels: int, hidden: int, *, n_guides: int) -> nn.Module:
        return AttentionConvolution(in_channels, hidden, n_guides=n_guides)


def plain_weights(_: NetworkOptions) -> dict[str, Any]:
    """Return the weights' distribution as the paper states it."""
    return {"xavier_gain": "one"}


def attention_as_printed(_: NetworkOptions) -> dict[str, Any]:
    """Return the attention and the weights' distribution as printed."""
    return dict(STARVED)


PRESETS = {"full": Preset(), "small": Preset(options=SMALL, steps=800, lr=7e-4)}
GRAY = {"color_reference": "gray"}
PLANAR_FAMILY = Family(
    options=OneStreamOptions,
    new=PlanarRecognition,
    presets=PRESETS,
    faithful=plain_weights,
    faithful_inputs=GRAY,
)
VOLUME_FAMILY = Family(
    options=OneStreamOptions,
    new=EarlyFusion,
    presets=PRESETS,
    faithful=plain_weights,
    faithful_inputs=GRAY,
)
ENCODER_FAMILY = Family(
    options=AttentionOptions,
    new=EncoderAttention,
    presets=PRESETS,
    modalities=("color", "depth", "thermal"),
    faithful=attention_as_printed,
    faithful_inputs=GRAY,
)
