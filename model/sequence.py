"""Self-attention over a sequence, and the block that transformers make of it."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from .layers import xavier


class SelfAttention(nn.Module):
    """Multi-head attention of a sequence to itself (Vaswani et al., NeurIPS 2017, section 3.2).

    Parameters
    ----------
    n_values : D, values per step; a multiple of `n_heads`
    dropout : of the attention weights, while training
    """

    def __init__(self, n_values: int, *, n_heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.n_heads, self.dropout = n_heads, dropout
        self.qkv = nn.Linear(n_values, 3 * n_values)
        for part in self.qkv.weight.chunk(3):  # three layers in one, each drawn as itself
            nn.init.xavier_uniform_(part)
        nn.init.zeros_(self.qkv.bias)
        self.out = xavier(nn.Linear(n_values, n_values))

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, L, D) from (N, L, D)."""
        parts = self.qkv(x).unflatten(-1, (3, self.n_heads, -1))  # (N, L, 3, heads, D/heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4)  # (N, heads, L, D/heads) each
        dropout = self.dropout if self.training else 0.0
        x = functional.scaled_dot_product_attention(q, k, v, dropout_p=dropout)
        return self.out(x.transpose(1, 2).flatten(2))  # (N, L, D)


class FeedForward(nn.Module):
    """Two layers over each step by itself, the hidden one `factor` times as wide."""

    def __init__(self, n_values: int, *, factor: int = 4, dropout: float = 0.0) -> None:
        super().__init__()
        self.hidden = xavier(nn.Linear(n_values, factor * n_values))
        self.out = xavier(nn.Linear(factor * n_values, n_values))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.out(functional.gelu(self.hidden(x))))


class DividedBlock(nn.Module):
    """Attention over time, then over places, then a feed-forward layer, each added to its input.

    Divided space-time attention of TimeSformer (Bertasius et al., ICML 2021), normed before each part: a
    token looks at its own place at other times, then at the other places of its own time. That costs T + K
    in place of T * K per token.
    """

    def __init__(self, n_values: int, *, n_heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm_time, self.norm_space, self.norm_out = (nn.LayerNorm(n_values) for _ in range(3))
        self.time = SelfAttention(n_values, n_heads=n_heads, dropout=dropout)
        self.space = SelfAttention(n_values, n_heads=n_heads, dropout=dropout)
        self.feed_forward = FeedForward(n_values, dropout=dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, T, K, D) from (B, T, K, D): T times, K places."""
        b, t, k, _ = x.shape
        over_time = self.norm_time(x).transpose(1, 2).flatten(0, 1)  # (B*K, T, D)
        x = x + self.time(over_time).unflatten(0, (b, k)).transpose(1, 2)
        over_space = self.norm_space(x).flatten(0, 1)  # (B*T, K, D)
        x = x + self.space(over_space).unflatten(0, (b, t))
        return x + self.feed_forward(self.norm_out(x))


def wave_positions(n: int, n_values: int, *, device: torch.device | None = None) -> Tensor:
    """Return (n, n_values) float32: sines and cosines that say the place in a sequence of any length.

    Vaswani et al., section 3.5; `n_values` is even.
    """
    place = torch.arange(n, dtype=torch.float32, device=device)[:, None]
    rate = 10000 ** (-torch.arange(0, n_values, 2, dtype=torch.float32, device=device) / n_values)
    return torch.stack([torch.sin(place * rate), torch.cos(place * rate)], dim=-1).flatten(1)
