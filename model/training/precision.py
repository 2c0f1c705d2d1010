"""bf16 is used where its gradients agree with fp32, layer by layer, on the machine that trains.

torch 2.13 on CPUs with avx512_bf16 returns uninitialised memory as the weight gradient of a 3x3x3
convolution over two frames. Such a layer ruins a training within 50 steps, so every layer is asked before.
"""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..data.source import ClipSource
from ..network import Network
from .memory import is_out_of_memory, lower_batch
from .recipe import Recipe
from .settings import autocast

GRADIENT_ERROR_LIMIT = 0.05
"""Of a gradient's norm; layers that work came to at most 0.024 here, broken ones to 1 and more."""
CANCELLED = 1e-2
"""Of the largest gradient of a layer: one below that, such as a single peephole's, is what is left of a sum
that cancels, and its error is measured against that."""
N_TRIALS = 2
"""Uninitialised memory may hold the right thing once."""


def compute_in_bf16(
    network: Network, training: ClipSource, *, recipe: Recipe, device: torch.device, seed: int
) -> tuple[str, ...]:
    """Keep out of bf16 those layers of `network` whose gradients it spoils, and return their names.

    A clip of the training set goes through a copy of the network: the weights, and torch's generators, stay
    as they are. Nothing is done where `recipe.precision` is not "bf16".

    Raises
    ------
    ModelError
        Memory does not suffice for a batch.
    """
    if recipe.precision != "bf16":
        return ()
    clips = training.training_clips(np.random.default_rng(seed))
    inputs = training.inputs([clips[i % len(clips)] for i in range(recipe.batch)], device)
    try:
        errors = gradient_errors(network, inputs, device=device)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise lower_batch(recipe.batch, "comparing bf16 with fp32 on", device=device) from error
    wrong = tuple(name for name, error in errors.items() if not error <= GRADIENT_ERROR_LIMIT)
    for name in wrong:
        layer = network.get_submodule(name)
        layer.__class__ = _in_fp32(type(layer))
    return wrong


def gradient_errors(network: Network, inputs: dict[str, Tensor], *, device: torch.device) -> dict[str, float]:
    """Return {layer: relative error of its worst bf16 gradient against fp32}, NaN where it is no number.

    Every layer gets the same input, which is what it sees of `inputs`, and the same gradient of its output,
    drawn, in both precisions: layers are compared one by one, for over a whole network maxima that fall
    otherwise change gradients that are right. A layer that sees several shapes is compared for each.
    """
    trial = copy.deepcopy(network).to(device).train()
    errors: dict[str, float] = {}
    seen: set[tuple[object, ...]] = set()
    busy: list[str] = []

    def compare(name: str) -> Callable[[nn.Module, Any, Any, Any], None]:
        def hook(layer: nn.Module, args: Any, kwargs: Any, _: Any) -> None:
            key = (name, *(tuple(x.shape) for x in (*args, *kwargs.values()) if isinstance(x, Tensor)))
            if key in seen or busy:
                return
            seen.add(key)
            busy.append(name)
            found = [_gradient_error(layer, args, kwargs, device=device) for _ in range(N_TRIALS)]
            worst = float("nan") if any(e != e for e in found) else max(found)
            before = errors.get(name, 0.0)
            errors[name] = worst if worst != worst or (before == before and worst > before) else before
            busy.clear()

        return hook

    for name, layer in trial.named_modules():
        if name and next(layer.parameters(recurse=False), None) is not None:
            layer.register_forward_hook(compare(name), with_kwargs=True)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), torch.no_grad():
        trial(inputs)
    return errors


def _gradient_error(layer: nn.Module, args: Any, kwargs: Any, *, device: torch.device) -> float:
    gradients: list[list[Tensor]] = []
    generator = torch.Generator().manual_seed(0)
    drawn: list[Tensor] = []
    for precision in ("fp32", "bf16"):
        layer.zero_grad(set_to_none=True)
        own = _detached(args), _detached(kwargs)
        torch.manual_seed(0)  # the same units are dropped in both
        with torch.enable_grad(), autocast(device, precision):
            outputs = [x for x in _tensors(layer(*own[0], **own[1])) if x.requires_grad]
        if not outputs:
            return 0.0
        if not drawn:
            drawn = [torch.randn(x.shape, generator=generator).to(device) for x in outputs]
        torch.autograd.backward(outputs, [g.to(x.dtype) for g, x in zip(drawn, outputs, strict=True)])
        found = [p.grad for p in layer.parameters() if p.grad is not None]
        found += [x.grad for x in _tensors(own) if x.grad is not None]
        gradients.append([g.float().clone() for g in found])
    worst = 0.0
    least = CANCELLED * max(float(wanted.norm()) for wanted in gradients[0])
    for wanted, got in zip(*gradients, strict=True):
        error = float((got - wanted).norm() / wanted.norm().clamp(min=max(least, 1e-20)))
        if error != error:
            return error
        worst = max(worst, error)
    return worst


def _in_fp32(kind: type[nn.Module]) -> type[nn.Module]:
    """Return a layer like `kind` that steps out of autocast."""

    def forward(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        device = next(self.parameters()).device
        with torch.autocast(device.type, enabled=False):
            return kind.forward(self, *_as_fp32(args), **_as_fp32(kwargs))

    return type(f"{kind.__name__}InFp32", (kind,), {"forward": forward})


def _detached(found: Any) -> Any:
    return _map(found, lambda x: x.detach().clone().requires_grad_(x.is_floating_point()))


def _as_fp32(found: Any) -> Any:
    return _map(found, lambda x: x.float() if x.is_floating_point() else x)


def _map(found: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(found, Tensor):
        return change(found)
    if isinstance(found, dict):
        return {name: _map(x, change) for name, x in found.items()}
    if isinstance(found, tuple | list):
        return type(found)(_map(x, change) for x in found)
    return found


def _tensors(found: Any) -> list[Tensor]:
    if isinstance(found, Tensor):
        return [found]
    parts = found.values() if isinstance(found, dict) else found if isinstance(found, tuple | list) else ()
    return [x for part in parts for x in _tensors(part)]
