"""Masked pre-training of the transformer: guess the hidden tubelets of a clip from the others.

Tube masking of VideoMAE (Tong et al., NeurIPS 2022): a place of a stream is hidden at all times of the clip,
so that it cannot be copied from the frame before. Hidden places are zero before anything sees them, which
is every stream's neutral value, and their tokens are left out of the encoder, as in MAE (He et al., CVPR
2022). What is guessed is how far a pixel is from its mean over the training clips, in units of its stream's
spread: faces are aligned, so most of a pixel is known without looking. Patches are not normed by themselves,
since the level of depth and temperature says something.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .layers import xavier
from .network import CHANNELS
from .sequence import DividedBlock, wave_positions
from .transformer import TransformerOptions, VideoTransformer, tubelets


@dataclass(frozen=True, slots=True)
class Mask:
    """Which of the M * N places of each clip are seen, (B, K) int64, and which hidden, (B, M*N - K) int64."""

    seen: Tensor
    hidden: Tensor


def draw_mask(n_clips: int, options: TransformerOptions, *, share: float, chance: torch.Generator) -> Mask:
    """Return a mask that hides `share` of the places of each clip, drawn over all its streams together."""
    n = options.n_places * len(options.modalities)
    n_seen = min(n - 1, max(1, round((1 - share) * n)))
    order = torch.rand(n_clips, n, generator=chance).argsort(1)
    return Mask(order[:, :n_seen].sort(1).values, order[:, n_seen:].sort(1).values)


class MaskedAutoencoder(nn.Module):
    """The transformer, and a small decoder that is thrown away after the pre-training.

    Parameters
    ----------
    n_blocks : of the decoder, which is half as wide as the encoder
    """

    def __init__(self, encoder: VideoTransformer, *, n_blocks: int = 1) -> None:
        super().__init__()
        options = encoder.options
        d = max(options.n_heads, options.n_values // 2 // options.n_heads * options.n_heads)
        self.encoder = encoder
        self.into = xavier(nn.Linear(options.n_values, d))
        self.hidden = nn.Parameter(nn.init.trunc_normal_(torch.empty(d), std=0.02))
        n_places = options.n_places * len(options.modalities)
        self.place = nn.Parameter(nn.init.trunc_normal_(torch.empty(n_places, d), std=0.02))
        self.blocks = nn.ModuleList(DividedBlock(d, n_heads=options.n_heads) for _ in range(n_blocks))
        self.norm = nn.LayerNorm(d)
        volume = options.patch_frames * options.patch_px**2
        self.out = nn.ModuleDict(
            {name: xavier(nn.Linear(d, CHANNELS[name] * volume)) for name in options.modalities}
        )
        for layer in self.out.values():  # the first guess is the mean
            nn.init.normal_(layer.get_parameter("weight"), std=0.01)
        for name in options.modalities:
            self.register_buffer(f"mean_{name}", torch.zeros(options.n_places, CHANNELS[name] * volume))
            self.register_buffer(f"spread_{name}", torch.ones(()))

    def measure(self, inputs: Mapping[str, Tensor]) -> None:
        """Take each pixel's mean, and each stream's spread about it, from clips (B, T, C, S, S)."""
        for name, wanted in self._cut(inputs).items():
            mean = wanted.mean((0, 1))
            self.get_buffer(f"mean_{name}").copy_(mean)
            self.get_buffer(f"spread_{name}").copy_((wanted - mean).square().mean().sqrt().clamp(min=1e-3))

    def forward(self, inputs: Mapping[str, Tensor], mask: Mask) -> dict[str, Tensor]:
        """Return {stream: (B, T', N, pixels of a tubelet) float32}, guessed from the places that are seen."""
        seen, options = mask.seen.to(self.place.device), self.encoder.options
        tokens = self.encoder.tokens(blanked(inputs, mask, options))  # (B, T', M*N, D)
        n_times = tokens.shape[1]
        x = self.into(self.encoder.encode(tokens.gather(2, _indices(seen, n_times, tokens.shape[-1]))))
        full = self.hidden.to(x.dtype).expand(*tokens.shape[:3], -1)
        full = full.scatter(2, _indices(seen, n_times, x.shape[-1]), x)
        full = full + self.place + 0.1 * _times(n_times, self.place)
        for block in self.blocks:
            full = block(full)
        parts = self.norm(full).unflatten(2, (len(self.out), -1)).unbind(2)
        return {
            name: self.out[name](part).float() * self.get_buffer(f"spread_{name}")
            + self.get_buffer(f"mean_{name}")
            for name, part in zip(self.out, parts, strict=True)
        }

    def training_loss(self, inputs: Mapping[str, Tensor], mask: Mask) -> Tensor:
        """Return the mean of `errors` over the hidden places; 1 is what each pixel's mean comes to."""
        errors = self.errors(self(inputs, mask), inputs)
        return errors.gather(1, mask.hidden.to(errors.device)).mean()

    def errors(self, guessed: Mapping[str, Tensor], inputs: Mapping[str, Tensor]) -> Tensor:
        """Return (B, M * N) float32: each place's mean squared error, in units of its stream's variance."""
        return torch.cat(
            [
                (guessed[name] - wanted).square().mean((1, 3)) / self.get_buffer(f"spread_{name}").square()
                for name, wanted in self._cut(inputs).items()
            ],
            dim=1,
        )

    def _cut(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        options = self.encoder.options
        return {
            name: tubelets(inputs[name], px=options.patch_px, n_frames=options.patch_frames)
            for name in options.modalities
        }


def blanked(inputs: Mapping[str, Tensor], mask: Mask, options: TransformerOptions) -> dict[str, Tensor]:
    """Return `inputs` in which hidden places are 0."""
    first = inputs[options.modalities[0]]
    side = options.size_px // options.patch_px
    kept = torch.zeros(len(first), options.n_places * len(options.modalities), device=first.device)
    kept = kept.scatter(1, mask.seen.to(first.device), 1.0).unflatten(1, (-1, side, side))
    kept = kept.repeat_interleave(options.patch_px, 2).repeat_interleave(options.patch_px, 3)
    return {
        name: inputs[name] * kept[:, number, None, None] for number, name in enumerate(options.modalities)
    }


def _indices(places: Tensor, n_times: int, n_values: int) -> Tensor:
    """Return (B, T', K, D) int64 for gather and scatter from (B, K)."""
    return places[:, None, :, None].expand(-1, n_times, -1, n_values)


def _times(n_times: int, like: Tensor) -> Tensor:
    """Return (T', 1, D): when a token is."""
    n_values = like.shape[-1] + like.shape[-1] % 2
    return wave_positions(n_times, n_values, device=like.device)[:, None, : like.shape[-1]]
