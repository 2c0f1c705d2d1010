"""The recurrences of MRAN's temporal decoder: A-LSTM (Eq. 1) and AG-LSTM (Eq. 2) of Lee 2020.

T frames, B clips, C channels, H rows, W columns; the equations are those of "Multi-modal Recurrent Attention
Networks for Facial Expression Recognition", IEEE TIP 2020.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from .layers import over_time, xavier

Peephole = Literal["paper", "hadamard", "none"]


class AttentionLSTM(nn.Module):
    """A-LSTM (Eq. 1), and with `n_guides` the AG-LSTM (Eq. 2): a ConvLSTM over (T, B, C, H, W).

    The guides' hidden states of all T are known before this recurrence starts, so their convolutions, like
    those of the input, are one batch; only w_h * h_{t-1} and w_c * c_{t-1} stay in the loop. h_0 and c_0
    are zero (unstated in the paper). Hadamard peepholes have one weight per channel, so that the network
    is not tied to one input size. Gates are stacked in the order i, f, o, c.

    Parameters
    ----------
    n_guides : streams whose hidden states are added in every gate, each by weights of its own
    peephole : "paper" convolves c_{t-1} for i and f and multiplies c_t for o; "hadamard" multiplies for
        all three; "none" has neither
    """

    def __init__(
        self, in_channels: int, hidden: int, *, n_guides: int = 0, peephole: Peephole = "paper"
    ) -> None:
        super().__init__()
        self.peepholes: Tensor
        w_h = [nn.Conv2d(hidden, 4 * hidden, 3, padding=1, bias=False) for _ in range(1 + n_guides)]
        self.from_input = xavier(nn.Conv2d(in_channels, 4 * hidden, 3, padding=1), n_gates=4)  # w_x and b
        self.from_hidden = xavier(w_h[0], n_gates=4)  # w_h^I
        self.from_guides = nn.ModuleList(xavier(conv, n_gates=4) for conv in w_h[1:])  # w_h^g
        self.from_cell = None
        if peephole == "paper":  # w_ci and w_cf
            self.from_cell = xavier(nn.Conv2d(hidden, 2 * hidden, 3, padding=1, bias=False), n_gates=2)
        n_hadamard = {"paper": 1, "hadamard": 3, "none": 0}[peephole]
        peepholes = torch.zeros(n_hadamard, hidden, 1, 1)  # o, or o, i, f
        if n_hadamard:
            self.peepholes = nn.Parameter(peepholes)
        else:  # an empty parameter would have no gradient, for which several processes would wait
            self.register_buffer("peepholes", peepholes)

    def forward(self, x: Tensor, guides: Sequence[Tensor] = (), x_forget: Tensor | None = None) -> Tensor:
        """Return h of every time step, (T, B, hidden, H, W).

        Parameters
        ----------
        x : (T, B, in_channels, H, W)
        guides : (T, B, hidden, H, W) each, the hidden states of the guiding streams at this level
        x_forget : what the forget gate sees in place of x, of the same shape: the x^F printed in Eq. 2
        """
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
