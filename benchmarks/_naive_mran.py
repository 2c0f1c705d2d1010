"""MRAN as it is usually written: a fp32 ConvLSTM cell per step, and the steps of all streams in one loop.

Each step joins input, hidden state and guides and convolves them at once for all four gates. Weights and
outputs are those of `mavfer.model.mran.MRAN`.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from mavfer.model.convlstm import AttentionLSTM
from mavfer.model.mran import MRAN, TemporalDecoder

State = tuple[Tensor, Tensor]
Layer = TypeVar("Layer", nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.Linear)


class NaiveCell(nn.Module):
    """One step of Eq. 1, or with guides of Eq. 2, with the peephole as printed."""

    def __init__(self, lstm: AttentionLSTM) -> None:
        super().__init__()
        assert lstm.from_cell is not None, "the peephole of this peer is the printed one"
        parts = [lstm.from_input, lstm.from_hidden, *lstm.from_guides]
        weight = torch.cat([part.weight for part in parts], dim=1).contiguous()
        self.hidden = weight.shape[0] // 4
        self.gates = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
        self.gates.weight = nn.Parameter(weight.detach().clone())
        self.gates.bias = nn.Parameter(lstm.from_input.bias.detach().clone())
        self.from_cell = nn.Conv2d(self.hidden, 2 * self.hidden, 3, padding=1, bias=False)
        self.from_cell.weight = nn.Parameter(lstm.from_cell.weight.detach().contiguous().clone())
        self.peephole = nn.Parameter(lstm.peepholes[0].detach().clone())

    def start(self, x: Tensor) -> Tensor:
        return x.new_zeros(len(x), self.hidden, *x.shape[-2:])

    def forward(self, x: Tensor, state: State, guides: list[Tensor]) -> State:
        h, c = state
        i, f, o, g = self.gates(torch.cat([x, h, *guides], dim=1)).chunk(4, dim=1)
        i_cell, f_cell = self.from_cell(c).chunk(2, dim=1)
        c = torch.sigmoid(f + f_cell) * c + torch.sigmoid(i + i_cell) * torch.tanh(g)
        return torch.sigmoid(o + self.peephole * c) * torch.tanh(c), c


class NaiveDecoder(nn.Module):
    """One step of the three levels with their upsamplings."""

    def __init__(self, decoder: TemporalDecoder) -> None:
        super().__init__()
        levels = (decoder.lstm1, decoder.lstm2, decoder.lstm3)
        self.cells = nn.ModuleList(NaiveCell(one) for one in levels if isinstance(one, AttentionLSTM))
        self.n_guides = len(levels[0].from_guides)
        self.ups = nn.ModuleList(plain(one) for one in (decoder.up1, decoder.up2))

    def forward(self, x: Tensor, states: list[State] | None, guides: list[list[Tensor]]) -> list[State]:
        """Return the new states of the levels; at the first step there are no states and no guides."""
        new = []
        for level, cell in enumerate(self.cells):
            zero = cell.start(x)
            state = (zero, zero) if states is None else states[level]
            heard = [one[level] for one in guides] if guides else [zero] * self.n_guides
            new.append(cell(x, state, heard))
            if level < len(self.ups):
                x = self.ups[level](new[-1][0])
        return new


class NaiveMRAN(nn.Module):
    """MRAN of the default options with the weights of `network`."""

    def __init__(self, network: MRAN) -> None:
        super().__init__()
        self.options = network.options
        self.encoders = nn.ModuleDict(
            {
                name: nn.Sequential(*(plain(one) for one in (encoder.conv1, encoder.conv2, encoder.conv3)))
                for name, encoder in network.encoders.items()
            }
        )
        self.decoders = nn.ModuleDict(
            {name: NaiveDecoder(one) for name, one in network.guide_decoders.items()}
        )
        self.color_decoder = NaiveDecoder(network.color_decoder)
        self.features = plain(network.features)
        self.convs = nn.ModuleList(plain(one) for one in network.recognition.convs)
        self.fc1, self.fc2 = plain(network.recognition.fc1), plain(network.recognition.fc2)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        attention = self.attention(inputs)[:, None]
        x = functional.relu(self.features(inputs["color"].transpose(1, 2))) * attention
        for conv in self.convs:
            x = functional.max_pool3d(functional.relu(conv(x)), (min(2, x.shape[2]), 2, 2))
        x = functional.dropout(functional.relu(self.fc1(x.flatten(1))), self.options.dropout, self.training)
        return torch.tanh(self.fc2(x))

    def attention(self, inputs: Mapping[str, Tensor]) -> Tensor:
        x = {name: self.encode(name, inputs[name]) for name in self.options.modalities}
        guides: dict[str, list[State]] = {}
        color: list[State] | None = None
        logits = []
        for t in range(self.options.n_frames):
            before = [[h for h, _ in states] for states in guides.values()]
            color = self.color_decoder(x["color"][:, t], color, before)
            guides = {name: one(x[name][:, t], guides.get(name), []) for name, one in self.decoders.items()}
            logits.append(color[-1][0])
        logits = functional.interpolate(torch.cat(logits, dim=1), scale_factor=2, mode="bilinear")
        attention = (logits / self.options.temperature).flatten(2).softmax(-1).view_as(logits)
        return attention * (logits.shape[-2] * logits.shape[-1])

    def encode(self, name: str, frames: Tensor) -> Tensor:
        x = frames.flatten(0, 1)
        for conv in self.encoders[name]:
            x = functional.max_pool2d(functional.relu(conv(x)), 2)
        return x.unflatten(0, frames.shape[:2])


def plain(layer: Layer) -> Layer:
    """Return a copy of a layer with its weights as torch lays them out, not channels last."""
    copy = deepcopy(layer)
    copy.weight.data = copy.weight.data.contiguous()
    return copy
