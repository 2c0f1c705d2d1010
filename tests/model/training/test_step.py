"""Laws of one step: gradients add up, and a number that is none ends training where it arose."""

import lightning_fabric
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mavfer.errors import ModelError
from mavfer.model.evaluation.metrics import ccc
from mavfer.model.network import Network, NetworkOptions
from mavfer.model.training.losses import LOSSES, mse
from mavfer.model.training.schedule import lr_share, optimizer_of, share_done
from mavfer.model.training.step import Batch, non_finite_layer, require_learning, take_step

OPTIONS = NetworkOptions(modalities=("color",), size_px=16)


class Linear(Network):
    """Two layers over the mean color; the second may break."""

    def __init__(self, *, broken: str = "") -> None:
        super().__init__(OPTIONS)
        self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 2)
        self.broken = broken

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        x = self.first(inputs["color"].mean((1, 3, 4)))
        if self.broken == "gradient":  # the root's slope at 0 is infinite
            return self.first(inputs["color"].mean((1, 3, 4)))[:, :2] + (self.second(x) * 0).sqrt() * 0
        return self.second(x * torch.inf if self.broken == "output" else x)


def batch(n: int, *, seed: int) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    color = torch.randn(n, 4, 3, 16, 16, generator=generator)
    return Batch({"color": color}, torch.randn(n, 2, generator=generator), None)


def stepped(network: Network, parts: list[Batch]) -> tuple[float, dict[str, Tensor]]:
    fabric = lightning_fabric.Fabric(accelerator="cpu", devices=1)
    model, optimizer = fabric.setup(network, optimizer_of(network, name="adam", lr=1e-2))
    model.mark_forward_method("training_loss")
    loss = take_step(
        fabric, model, optimizer, [lambda one=one: one for one in parts], loss=mse, precision="fp32", step=0
    )
    return loss, network.state_dict()


def test_two_batches_make_the_step_of_one_that_holds_both() -> None:
    torch.manual_seed(0)
    first = Linear()
    second = Linear()
    second.load_state_dict(first.state_dict())
    a, b = batch(3, seed=1), batch(3, seed=2)
    both = Batch(
        {"color": torch.cat([a.inputs["color"], b.inputs["color"]])}, torch.cat([a.targets, b.targets]), None
    )
    loss_apart, apart = stepped(first, [a, b])
    loss_together, together = stepped(second, [both])
    assert loss_apart == pytest.approx(loss_together, rel=1e-5)
    for name, value in apart.items():
        torch.testing.assert_close(value, together[name], atol=1e-5, rtol=0)


def test_a_gradient_that_is_not_finite_ends_training_and_its_layer_is_named() -> None:
    with pytest.raises(ModelError, match=r"diverged.*step 1 in layer '(first|second)\.weight'; lower --lr"):
        stepped(Linear(broken="gradient"), [batch(2, seed=0)])
    assert non_finite_layer(nn.Linear(1, 1)) is None


def test_an_output_that_is_not_finite_is_named_by_the_first_layer_that_gave_it() -> None:
    with pytest.raises(ModelError, match=r"in the output of layer 'second'"):
        stepped(Linear(broken="output"), [batch(2, seed=0)])


def test_targets_that_are_not_finite_are_the_losss_fault() -> None:
    unknown = Batch(batch(2, seed=0).inputs, torch.full((2, 2), torch.nan), None)
    with pytest.raises(ModelError, match=r"step 1 in (layer|the loss)"):
        stepped(Linear(), [unknown])


def test_a_loss_that_rises_to_several_times_its_beginning_ends_training() -> None:
    require_learning([1.0] * 50 + [3.9] * 50)
    require_learning([1.0] * 50 + [100.0] * 49)
    with pytest.raises(ModelError, match="risen from 1 to 5 after 100 steps; lower --lr"):
        require_learning([1.0] * 50 + [5.0] * 50)


def test_the_learning_rate_rises_then_falls_to_its_end() -> None:
    assert lr_share(0, 0.0) < 0.05
    shares = [lr_share(1000, done) for done in np.linspace(0, 1, 20)]
    assert shares[0] == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] == pytest.approx(0.02)


def test_a_training_is_over_by_steps_or_by_time() -> None:
    assert share_done(0.3, 100, None) == 0.3
    assert share_done(0.3, 50, 100) == 0.5
    assert share_done(0.8, 50, 100) == 0.8


def test_an_optimizer_of_another_name_is_refused() -> None:
    assert isinstance(optimizer_of(Linear(), name="sgd", lr=1e-2), torch.optim.SGD)
    with pytest.raises(ModelError, match="adam or sgd"):
        optimizer_of(Linear(), name="lion", lr=1e-2)


def test_losses_are_zero_where_prediction_and_target_agree_by_clip_and_by_frame() -> None:
    generator = torch.Generator().manual_seed(0)
    for shape in ((16, 2), (4, 8, 2)):
        target = torch.randn(shape, generator=generator)
        for name in ("mse", "l1", "ccc", "mix"):
            assert float(LOSSES[name](target, target)) == pytest.approx(0, abs=1e-6), name
            assert float(LOSSES[name](target + 0.5, target)) > 0.05, name


def test_the_ccc_loss_pools_all_frames_of_a_batch() -> None:
    generator = torch.Generator().manual_seed(0)
    p, t = torch.randn(4, 8, 2, generator=generator), torch.randn(4, 8, 2, generator=generator)
    assert float(LOSSES["ccc"](p, t)) == pytest.approx(
        float(LOSSES["ccc"](p.reshape(-1, 2), t.reshape(-1, 2)))
    )


def test_the_ccc_loss_is_one_minus_the_metric() -> None:
    generator = torch.Generator().manual_seed(0)
    p, t = torch.randn(32, 2, generator=generator), torch.randn(32, 2, generator=generator)
    wanted = 1 - np.mean([ccc(p[:, k], t[:, k]) for k in (0, 1)])
    assert float(LOSSES["ccc"](p, t)) == pytest.approx(wanted, abs=1e-6)


def test_cross_entropy_leaves_out_clips_of_unknown_class() -> None:
    logits = torch.tensor([[4.0, 0.0], [0.0, 4.0], [9.0, 0.0]])
    known = float(LOSSES["cross entropy"](logits[:2], torch.tensor([0, 1])))
    assert float(LOSSES["cross entropy"](logits, torch.tensor([0, 1, -1]))) == pytest.approx(known)
