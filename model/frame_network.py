"""Networks that look at one frame at a time, with or without a recurrence over the frames of a clip.

VGG-16, VGG-Face, ResNet-50 and AffWildNet are such networks; each brings its trunk. Names B, T, C, S as in
MRAN; N pictures are the B * T frames of a batch.
"""

from collections.abc import Mapping
from typing import Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ModelError
from .layers import last_activation, over_time, scaled, xavier
from .network import CHANNELS, Loss, Network, NetworkOptions

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}


class FrameOptions(NetworkOptions):
    """Options of a network that scores each frame by itself.

    Attributes
    ----------
    width : factor on the channels of the paper's table
    resize_px : side to which frames are brought, bilinearly, before the first convolution; None leaves
        them. Weights of photographs want 224, which our crops of 96 px do not have
    dropout : between the fully connected layers
    training_frames : frames of each clip, evenly spaced from a random one on, that a training step sees;
        neighbours look alike, so a few teach as much as all. None: all
    """

    width: float = Field(default=1.0, gt=0)
    resize_px: int | None = Field(default=None, ge=32, le=512)
    dropout: float = Field(default=0.5, ge=0, lt=1)
    training_frames: int | None = Field(default=None, ge=1)

    @property
    def picture_px(self) -> int:
        """Side of the pictures that the trunk sees."""
        return self.resize_px or self.size_px

    @property
    def in_channels(self) -> int:
        """Channels of all streams together."""
        return sum(CHANNELS[name] for name in self.modalities)

    @model_validator(mode="after")
    def _pictures(self) -> Self:
        unknown = [name for name in self.modalities if name not in CHANNELS]
        if unknown:
            raise ValueError(f"wanted modalities of {', '.join(CHANNELS)}, found {unknown[0]!r}")
        if self.picture_px < 32:
            raise ValueError(f"wanted pictures of at least 32 px, found {self.picture_px}; set resize_px")
        if self.training_frames is not None and self.training_frames > self.n_frames:
            raise ValueError(
                f"wanted training_frames up to n_frames {self.n_frames}, found {self.training_frames}"
            )
        return self


class ColorInput(nn.Module):
    """Color as the first convolution wants it: as it comes, until `weights.load_weights` says otherwise.

    Weights from elsewhere know another range of color than `data.InputOptions`; `scale` and `shift` lead
    from ours to theirs, and are kept with the weights.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(CHANNELS["color"]))
        self.register_buffer("shift", torch.zeros(CHANNELS["color"]))

    def forward(self, color: Tensor) -> Tensor:
        """Return (..., 3, S, S) float32 in the range of the weights."""
        return color * self.scale[:, None, None] + self.shift[:, None, None]


class Recurrence(nn.Module):
    """LSTM or GRU layers over the frames of a clip, forward in time, in float32 whatever the precision."""

    def __init__(self, n_features: int, *, cell: str, hidden: int, layers: int = 2) -> None:
        super().__init__()
        self.n_features = hidden
        self.rnn = CELLS[cell](n_features, hidden, num_layers=layers, batch_first=True)
        for name, parameter in self.rnn.named_parameters():
            if name.startswith("weight"):
                n_gates = len(parameter) // hidden
                for gate in parameter.detach().chunk(n_gates):
                    nn.init.xavier_uniform_(gate)
            else:
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, T, hidden) from features (B, T, n_features)."""
        device = x.device.type
        if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
            with torch.autocast(device, enabled=False):
                return self.rnn(x.float())[0]
        return self.rnn(x)[0]


class FrameNetwork(Network):
    """A trunk over the frames, a recurrence where there is one, and one linear layer to the scores.

    Gives one score per frame, (B, T, n_outputs); where it tells classes, the mean of the frames' logits.
    Streams other than color are stacked as channels of the first convolution.
    """

    trunk: nn.Module

    def __init__(
        self,
        options: FrameOptions,
        *,
        trunk: nn.Module,
        n_features: int,
        recurrence: Recurrence | None = None,
        head_dropout: float = 0.0,
    ) -> None:
        """Build the network.

        Parameters
        ----------
        trunk : (N, in_channels, S, S) -> (N, n_features) float32
        head_dropout : before the last linear layer, for trunks without dropout of their own
        """
        super().__init__(options)
        self.frame_options = options
        self.per_frame = options.output != "classes"
        self.color_input = ColorInput()
        self.trunk = trunk
        self.recurrence = recurrence
        n_last = n_features if recurrence is None else recurrence.n_features
        self.dropout = nn.Dropout(head_dropout)
        self.head = xavier(nn.Linear(n_last, options.n_outputs))
        self.last = last_activation(options.output)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return (B, T, n_outputs) float32, or logits (B, n_outputs) of classes; see `Network.forward`."""
        x = self.frame_features(inputs)  # (B, T, D)
        if self.recurrence is not None:
            x = self.recurrence(x)  # (B, T, 128)
        scores = self.last(self.head(self.dropout(x)).float())  # (B, T, n_outputs)
        return scores if self.per_frame else scores.mean(1)

    def frame_features(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return what the trunk makes of each frame, (B, T, D) float32."""
        return over_time(self.trunk, self.pictures(inputs))

    def pictures(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return all streams stacked, at the trunk's size: (B, T, C, S, S) float32."""
        streams = [
            self.color_input(inputs[name]) if name == "color" else inputs[name]
            for name in self.options.modalities
        ]
        x = streams[0] if len(streams) == 1 else torch.cat(streams, dim=2)
        side = self.frame_options.picture_px
        if side == x.shape[-1]:
            return x
        return over_time(
            lambda frames: functional.interpolate(frames, (side, side), mode="bilinear", antialias=False), x
        )

    def training_loss(
        self, inputs: Mapping[str, Tensor], targets: Tensor, loss: Loss, attributes: Tensor | None = None
    ) -> Tensor:
        """Return the loss over `training_frames` of each clip; see `Network.training_loss`."""
        inputs, targets = self.picked(inputs, targets)
        return super().training_loss(inputs, targets, loss, attributes)

    def picked(self, inputs: Mapping[str, Tensor], targets: Tensor) -> tuple[Mapping[str, Tensor], Tensor]:
        """Return the frames of inputs and targets that this training step sees."""
        picked = self._picked_frames()
        if picked is None:
            return inputs, targets
        targets = targets[:, picked] if self.per_frame else targets
        return {name: x[:, picked] for name, x in inputs.items()}, targets

    def _picked_frames(self) -> list[int] | None:
        wanted, n_frames = self.frame_options.training_frames, self.options.n_frames
        if wanted is None or wanted == n_frames:
            return None
        step = n_frames // wanted
        first = int(torch.randint(n_frames - step * (wanted - 1), ()))
        return [first + step * i for i in range(wanted)]


class RecurrentOptions(FrameOptions):
    """Options of a network with a recurrence over the frames.

    Attributes
    ----------
    hidden, layers : units of each recurrent layer, and how many there are
    """

    hidden: int = Field(default=128, ge=1)
    layers: int = Field(default=2, ge=1)

    @model_validator(mode="after")
    def _every_frame(self) -> Self:
        if self.training_frames is not None:
            raise ValueError("a recurrence wants every frame, found training_frames")
        return self

    def recurrence(self, n_features: int, *, cell: str) -> Recurrence:
        """Return fresh recurrent layers over `n_features`, as wide as `width` says."""
        return Recurrence(n_features, cell=cell, hidden=scaled(self.hidden, self.width), layers=self.layers)


def require_landmarks(inputs: Mapping[str, Tensor], model: str) -> Tensor:
    """Return the landmarks of a batch, (B, T, 68, 2); raise ModelError where they were not read."""
    if "landmarks" not in inputs:
        raise ModelError(
            f"{model} wants landmarks beside the pixels, found {', '.join(inputs)}; read them with "
            f"InputOptions(landmarks=True), or set landmarks=false"
        )
    return inputs["landmarks"]
