"""RAN: attention over regions of the face, frame by frame.

Wang, Peng, Yang, Meng and Qiao, "Region Attention Networks for Pose and Occlusion Robust Facial Expression
Recognition", IEEE TIP 2020. Where only the authors' public code or memory of the paper tells, the line says
so ("code", "memory"). The paper classifies single pictures; here a clip's frames are scored one by one, by
the same layers for valence and arousal, and the logits of classes are averaged over the clip.
"""

from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from .family import Family, Preset
from .frame_network import FrameNetwork, FrameOptions, require_landmarks
from .layers import xavier
from .network import Loss
from .regions import crops, drawn_boxes, fixed_boxes, landmark_boxes, painted, random_boxes
from .resnet import ResNetTrunk


class RanOptions(FrameOptions):
    """Every place where the paper leaves a choice, with the reading taken as default.

    Attributes
    ----------
    modalities : streams, stacked as channels; the paper sees color
    width : factor on the channels of ResNet-18 (code; the paper also uses VGG-16, memory)
    crops : five regions beside the whole face: at "fixed" places, "random" (drawn for every training clip;
        in evaluation a draw that never changes), or around "landmark" points (all three from memory)
    landmark_side : of the regions around landmarks, in shares of the frame; the paper's radius is not known
        here
    self_attention, relation_attention : whether regions are weighed by themselves, and by themselves beside
        the face that the first weighing gives; without both, they are averaged
    region_weights : "sigmoid" as the paper (memory), or "softmax" of these over the regions (code)
    biased_weight : of the region-biased loss, beside the loss of the scores; 0 leaves it out
    margin : by which some crop shall outweigh the whole face: 0.02 (memory); 0.1 for "softmax" (code)
    dropout : before the last layer
    """

    modalities: tuple[str, ...] = Field(default=("color",), min_length=1)
    crops: Literal["fixed", "random", "landmark"] = "fixed"
    landmark_side: float = Field(default=0.5, gt=0, le=1)
    self_attention: bool = True
    relation_attention: bool = True
    region_weights: Literal["sigmoid", "softmax"] = "sigmoid"
    biased_weight: float = Field(default=1.0, ge=0)
    margin: float = Field(default=0.02, ge=0, le=1)

    @property
    def sees_landmarks(self) -> bool:
        """Whether `inputs` must hold "landmarks"."""
        return self.crops == "landmark"


class RAN(FrameNetwork):
    """Six pictures of each frame (the face and five crops), one trunk, two weighings, one linear layer."""

    test_boxes: Tensor

    def __init__(self, options: RanOptions) -> None:
        trunk = ResNetTrunk(18, options.width, options.in_channels)
        n = trunk.n_features  # 512
        super().__init__(options, trunk=trunk, n_features=2 * n if options.relation_attention else n)
        self.ran_options = options
        self.q0 = xavier(nn.Linear(n, 1, bias=False)) if options.self_attention else None
        self.q1 = xavier(nn.Linear(2 * n, 1, bias=False)) if options.relation_attention else None
        self.dropout = nn.Dropout(options.dropout)
        boxes = drawn_boxes() if options.crops == "random" else fixed_boxes()
        self.register_buffer("test_boxes", boxes, persistent=False)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return (B, T, n_outputs) float32, or logits (B, n_outputs) of classes; see `Network.forward`."""
        return self._scores(self._attended(inputs, self.boxes(inputs))[0])

    def training_loss(
        self,
        inputs: Mapping[str, Tensor],
        targets: Tensor,
        loss: Loss,
        attributes: Tensor | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Return the loss of the scores plus the region-biased loss of the regions' own weights."""
        inputs, targets = self.picked(inputs, targets)
        v, weights = self._attended(inputs, self.boxes(inputs))
        value = loss(self._scores(v), targets)
        if self.q0 is None or self.ran_options.biased_weight == 0:
            return value
        biased = region_biased_loss(weights.flatten(0, 1), margin=self.ran_options.margin)
        return value + self.ran_options.biased_weight * biased

    def frame_features(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return what the regions of each frame come to, (B, T, 1024) float32."""
        return self._attended(inputs, self.boxes(inputs))[0]

    def region_weights(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return (B, T, 6), how much the whole face and each crop count by themselves."""
        return self._attended(inputs, self.boxes(inputs))[1]

    def boxes(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return (B, T, 5, 3), the regions beside the whole face; those drawn at random are a clip's own."""
        first = inputs[self.options.modalities[0]]
        n_clips, n_frames = first.shape[:2]
        if self.ran_options.crops == "landmark":
            points = require_landmarks(inputs, "ran").flatten(0, 1)
            boxes = landmark_boxes(points, side=self.ran_options.landmark_side)
            return boxes.unflatten(0, (n_clips, n_frames))
        if self.ran_options.crops == "random" and self.training:
            drawn = random_boxes(n_clips).to(first.device)
            return drawn[:, None].expand(-1, n_frames, -1, -1)
        return self.test_boxes.expand(n_clips, n_frames, -1, -1)

    def attention(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return (B, T, S, S) of mean 1: the regions' own weights, laid where the regions are."""
        boxes = self.boxes(inputs)
        weights = self._attended(inputs, boxes)[1]
        whole = boxes.new_tensor([0.5, 0.5, 1.0]).expand(*boxes.shape[:2], 1, 3)
        boxes = torch.cat([whole, boxes], dim=2).flatten(0, 1)
        maps = painted(weights.flatten(0, 1), boxes, size_px=self.options.size_px)
        return maps.unflatten(0, weights.shape[:2])

    def _attended(self, inputs: Mapping[str, Tensor], boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features of each frame (B, T, 1024) and its regions' own weights (B, T, 6)."""
        x = self.pictures(inputs)  # (B, T, C, S, S)
        clips = x.shape[:2]
        x = x.flatten(0, 1)
        x = torch.cat([x[:, None], crops(x, boxes.flatten(0, 1))], dim=1)  # (B*T, 6, C, S, S)
        f = self.trunk(x.flatten(0, 1)).float().unflatten(0, x.shape[:2])  # (B*T, 6, 512)
        mu = self._weights(self.q0, f)  # (B*T, 6)
        v = weighted_mean(f, mu)  # (B*T, 512), F_m
        if self.q1 is not None:
            pairs = torch.cat([f, v[:, None].expand_as(f)], dim=-1)  # (B*T, 6, 1024), [F_i : F_m]
            v = weighted_mean(pairs, mu * self._weights(self.q1, pairs))  # (B*T, 1024)
        return v.unflatten(0, clips), mu.unflatten(0, clips)

    def _scores(self, v: Tensor) -> Tensor:
        y = self.last(self.head(self.dropout(v)).float())  # (B, T, n_outputs)
        return y if self.per_frame else y.mean(1)

    def _weights(self, q: nn.Linear | None, f: Tensor) -> Tensor:
        """Return (N, R) from features (N, R, D): all 1 where nothing weighs."""
        if q is None:
            return f.new_ones(f.shape[:2])
        weights = torch.sigmoid(q(f).float().squeeze(-1))
        return functional.softmax(weights, dim=1) if self.ran_options.region_weights == "softmax" else weights


def weighted_mean(f: Tensor, weights: Tensor) -> Tensor:
    """Return (N, D) from the features (N, R, D) of R regions and their weights (N, R), which are positive."""
    return (weights[..., None] * f).sum(1) / weights.sum(1, keepdim=True)


def region_biased_loss(weights: Tensor, *, margin: float) -> Tensor:
    """Return the mean of max(0, margin - (greatest weight of a crop - weight of the whole face)).

    Parameters
    ----------
    weights : (N, R), the whole face first
    """
    return (margin - (weights[:, 1:].amax(1) - weights[:, 0])).clamp(min=0).mean()


RAN_FAMILY = Family(
    options=RanOptions,
    new=RAN,
    presets={
        # of classes: 128 frames per step, 60 epochs and SGD at 0.1, as on FERPlus (code)
        "full": Preset(for_classes={"epochs": 60, "batch": 8, "lr": 0.1, "optimizer": "sgd"}),
        "small": Preset(
            options={"width": 0.25, "size_px": 48, "dropout": 0.2, "training_frames": 4},
            steps=800,
            batch=8,
            lr=7e-4,
        ),
    },
    faithful_inputs={"color_reference": "gray"},
    weights=("torchvision-resnet18",),
)
