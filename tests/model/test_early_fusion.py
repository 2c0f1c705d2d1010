from typing import Any

import pytest
import torch

from mavfer.errors import ModelError
from mavfer.model.checkpoint_older import record_of_older
from mavfer.model.early_fusion import EarlyFusion
from mavfer.model.network import CHANNELS
from mavfer.model.recognition import RecognitionOptions
from mavfer.model.training.recipe import network_options, new_network

TINY: dict[str, Any] = {"width": 0.125, "size_px": 32, "n_frames": 8}


def test_every_stream_reaches_the_score_and_its_order_is_kept() -> None:
    options = RecognitionOptions(**TINY)
    torch.manual_seed(0)
    network = EarlyFusion(options).eval()
    inputs = {name: torch.randn(2, 8, CHANNELS[name], 32, 32) for name in options.modalities}
    y = network(inputs)
    assert y.shape == (2, 2)
    for name in options.modalities:
        assert not torch.equal(network({**inputs, name: inputs[name] + 1}), y)
    exchanged = {**inputs, "depth": inputs["thermal"], "thermal": inputs["depth"]}
    assert not torch.equal(network(exchanged), y)


def test_it_is_the_3d_row_of_the_ablation_for_all_streams() -> None:
    def count(model: str) -> int:
        network = new_network(model, network_options(model, {"n_outputs": 1}))
        return sum(p.numel() for p in network.parameters())

    more_channels = 2 * 27 * 32  # depth and thermal in the first convolution
    assert count("early-fusion") == count("mran-3d") + more_channels


def test_options_of_attention_are_not_taken_without_a_word() -> None:
    with pytest.raises(ModelError, match="temperature: no such key"):
        network_options("early-fusion", {"temperature": 1.0})


def test_runs_that_had_mrans_options_are_still_read() -> None:
    options = {**TINY, "attention_scale": "hw", "temperature": 0.2, "peephole": "paper", "head": "table"}
    table = record_of_older(
        {"schema_version": 2, "model": "early-fusion", "options": {**options, "forget_input": "color"}}
    )
    found = network_options("early-fusion", table["options"]).model_dump()
    assert {name: found[name] for name in TINY} == TINY
