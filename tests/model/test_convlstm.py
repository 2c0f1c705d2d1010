from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from mavfer.model.convlstm import AttentionLSTM


def step_by_step(lstm: AttentionLSTM, x: Tensor, guides: list[Tensor], x_forget: Tensor | None) -> Tensor:
    """Return h of Eq. 1 and 2, each gate with weights of its own, one step after the other."""
    w_x, b = lstm.from_input.weight.chunk(4), lstm.from_input.bias.chunk(4)
    w_h = [[g.weight.chunk(4)[k] for g in (lstm.from_hidden, *lstm.from_guides)] for k in range(4)]

    def gate(k: int, t: int, hs: list[Tensor]) -> Tensor:
        seen = x_forget if x_forget is not None and k == 1 else x
        total = functional.conv2d(seen[t], w_x[k], b[k], padding=1)
        return total + sum(functional.conv2d(h, w, padding=1) for h, w in zip(hs, w_h[k], strict=True))

    h = c = x.new_zeros(x.shape[1], lstm.from_hidden.in_channels, *x.shape[-2:])
    states = []
    for t in range(len(x)):
        hs = [h, *(g[t - 1] if t else torch.zeros_like(h) for g in guides)]
        i, f, o = gate(0, t, hs), gate(1, t, hs), gate(2, t, hs)
        if lstm.from_cell is not None:
            w_ci, w_cf = lstm.from_cell.weight.chunk(2)
            i = i + functional.conv2d(c, w_ci, padding=1)
            f = f + functional.conv2d(c, w_cf, padding=1)
        elif len(lstm.peepholes) == 3:
            i, f = i + lstm.peepholes[1] * c, f + lstm.peepholes[2] * c
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(gate(3, t, hs))
        o = o + lstm.peepholes[0] * c if len(lstm.peepholes) else o
        h = torch.sigmoid(o) * torch.tanh(c)
        states.append(h)
    return torch.stack(states)


@pytest.mark.parametrize("other_forget", [False, True])
@pytest.mark.parametrize("peephole", ["paper", "hadamard", "none"])
@pytest.mark.parametrize("n_guides", [0, 1, 2])
def test_the_batched_lstm_equals_equations_one_and_two_step_by_step(
    peephole: Any, n_guides: int, other_forget: bool
) -> None:
    torch.manual_seed(1)
    n, hidden = 3, 4
    lstm = AttentionLSTM(n, hidden, n_guides=n_guides, peephole=peephole).double()
    nn.init.normal_(lstm.peepholes)
    nn.init.normal_(lstm.from_input.bias)
    x = torch.randn(5, 2, n, 6, 6, dtype=torch.float64)
    x_forget = torch.randn_like(x) if other_forget else None
    guides = [torch.randn(5, 2, hidden, 6, 6, dtype=torch.float64) for _ in range(n_guides)]
    wanted = step_by_step(lstm, x, guides, x_forget)
    torch.testing.assert_close(lstm(x, guides, x_forget), wanted)


def test_guides_speak_one_frame_later() -> None:
    torch.manual_seed(0)
    lstm = AttentionLSTM(2, 3, n_guides=1)
    x, guide = torch.randn(4, 1, 2, 5, 5), torch.randn(4, 1, 3, 5, 5)
    changed = guide.clone()
    changed[1] += 1
    difference = (lstm(x, [guide]) - lstm(x, [changed])).abs().amax((1, 2, 3, 4))
    assert (difference[:2] == 0).all()
    assert difference[2] > 0


def test_no_state_knows_the_frames_after_it() -> None:
    torch.manual_seed(0)
    lstm = AttentionLSTM(2, 3)
    x = torch.randn(6, 1, 2, 5, 5)
    torch.testing.assert_close(lstm(x)[:4], lstm(x[:4]))


def test_hidden_states_stay_within_one() -> None:
    torch.manual_seed(0)
    lstm = AttentionLSTM(2, 3)
    assert lstm(100 * torch.randn(6, 1, 2, 5, 5)).abs().max() < 1


def test_a_guide_too_many_is_no_silent_loss() -> None:
    lstm = AttentionLSTM(2, 3, n_guides=1)
    with pytest.raises(ValueError, match="zip"):
        lstm(torch.zeros(4, 1, 2, 5, 5), [torch.zeros(4, 1, 3, 5, 5)] * 2)


def test_every_gate_is_drawn_as_a_layer_of_its_own() -> None:
    torch.manual_seed(0)
    lstm = AttentionLSTM(64, 32)
    for gate in lstm.from_input.weight.chunk(4):
        fan = (gate.shape[0] + gate.shape[1]) * 9
        assert float(gate.detach().std() / (2 / fan) ** 0.5) == pytest.approx(1, rel=0.05)
