"""Laws of bf16: it is used where its gradients are right on this machine, and a layer where not is named."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from mavfer.errors import ModelError
from mavfer.model.data.opening import sources_of_split
from mavfer.model.data.source import ClipIndex
from mavfer.model.network import Network, NetworkOptions
from mavfer.model.training.config import TrainConfig
from mavfer.model.training.precision import GRADIENT_ERROR_LIMIT, compute_in_bf16, gradient_errors
from mavfer.model.training.recipe import new_network, recipe_of
from mavfer.model.training.train import train
from mavfer.preprocess.dataset.clips import open_dataset

CPU = torch.device("cpu")


class Spoiled(torch.autograd.Function):
    """x @ w, whose gradient in bf16 is another's."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        ctx.set_materialize_grads(True)
        return x @ w

    @staticmethod
    def backward(ctx, g: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        x, w = ctx.saved_tensors
        wrong = 3.0 if g.dtype == torch.bfloat16 else 1.0
        return g @ w.T, wrong * x.T @ g


class SpoiledLinear(nn.Module):
    """A layer that cannot be trusted in bf16."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 4))

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_autocast_enabled("cpu"):
            return Spoiled.apply(x.bfloat16(), self.weight.bfloat16())
        return Spoiled.apply(x, self.weight)


class Small(Network):
    """A good layer and a spoiled one."""

    def __init__(self) -> None:
        super().__init__(NetworkOptions(modalities=("color",), size_px=48))
        self.good, self.spoiled, self.last = nn.Linear(3, 4), SpoiledLinear(), nn.Linear(4, 2)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        return self.last(self.spoiled(self.good(inputs["color"].mean((1, 3, 4))))).float()


def test_a_layer_whose_bf16_gradient_is_wrong_is_named_and_left_in_fp32(dataset48: Path, quick: dict) -> None:
    recipe = recipe_of(TrainConfig(**quick | {"precision": "bf16"}))
    training, _ = sources_of_split(open_dataset(dataset48), inputs=recipe.inputs, dimensions=("valence",))
    torch.manual_seed(0)
    network = Small()
    inputs = training.inputs([ClipIndex(0, 0), ClipIndex(1, 0)])
    errors = gradient_errors(network, inputs, device=CPU)
    assert errors["spoiled"] == pytest.approx(2, abs=0.1)
    assert errors["good"] < GRADIENT_ERROR_LIMIT
    state = torch.random.get_rng_state()
    before = network(inputs)
    assert compute_in_bf16(network, training, recipe=recipe, device=CPU, seed=0) == ("spoiled",)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(network(inputs), before)
    assert network.state_dict().keys() == Small().state_dict().keys()
    assert gradient_errors(network, inputs, device=CPU)["spoiled"] < GRADIENT_ERROR_LIMIT


class Hungry(Small):
    """A network that wants more memory than there is."""

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        return super().forward(inputs) + torch.empty(2**50)[:2]


def test_a_comparison_that_memory_does_not_hold_is_one_line(dataset48: Path, quick: dict) -> None:
    recipe = recipe_of(TrainConfig(**quick | {"precision": "bf16"}))
    training, _ = sources_of_split(open_dataset(dataset48), inputs=recipe.inputs, dimensions=("valence",))
    with pytest.raises(ModelError, match=r"memory for comparing bf16 with fp32 on 2 clips.* lower --batch"):
        compute_in_bf16(Hungry(), training, recipe=recipe, device=CPU, seed=0)


def test_fp32_is_left_alone(dataset48: Path, quick: dict) -> None:
    recipe = recipe_of(TrainConfig(**quick))
    training, _ = sources_of_split(open_dataset(dataset48), inputs=recipe.inputs, dimensions=("valence",))
    assert compute_in_bf16(Small(), training, recipe=recipe, device=CPU, seed=0) == ()


def test_every_layer_of_mran_may_be_trained_in_bf16(dataset48: Path, quick: dict) -> None:
    recipe = recipe_of(TrainConfig(**quick | {"model": "mran", "precision": "bf16"}))
    training, _ = sources_of_split(open_dataset(dataset48), inputs=recipe.inputs, dimensions=("valence",))
    torch.manual_seed(0)
    network = new_network("mran", recipe.options)
    errors = gradient_errors(network, training.inputs([ClipIndex(0, 0), ClipIndex(1, 0)]), device=CPU)
    assert len(errors) > 10
    assert {name: e for name, e in errors.items() if not e < GRADIENT_ERROR_LIMIT} == {}


def test_bf16_trains_and_the_record_says_so(dataset48: Path, tmp_path: Path, quick: dict) -> None:
    report = train(dataset48, config=TrainConfig(**quick | {"precision": "bf16"}), out=tmp_path / "run")
    assert (report.record.precision, report.record.fp32_layers) == ("bf16", ())
