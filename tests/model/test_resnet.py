"""The ResNet trunk against what is published of it."""

import pytest
import torch

from mavfer.errors import ModelError
from mavfer.model.resnet import ResNetTrunk


@pytest.mark.parametrize(
    ("depth", "n_features", "published"),
    [(18, 512, 11_689_512), (34, 512, 21_797_672), (50, 2048, 25_557_032), (101, 2048, 44_549_160)],
)
def test_the_trunk_has_as_many_parameters_as_published(depth: int, n_features: int, published: int) -> None:
    with torch.device("meta"):
        trunk = ResNetTrunk(depth)
    n_last = n_features * 1000 + 1000
    assert trunk.n_features == n_features
    assert sum(p.numel() for p in trunk.parameters()) + n_last == published  # torchvision's


@pytest.mark.parametrize("side", [32, 48, 96])
@pytest.mark.parametrize("depth", [18, 50])
def test_pictures_of_any_side_give_features(depth: int, side: int) -> None:
    torch.manual_seed(0)
    trunk = ResNetTrunk(depth, 0.125, 5)
    assert trunk(torch.randn(2, 5, side, side)).shape == (2, trunk.n_features)


def test_the_features_are_the_mean_of_the_last_maps() -> None:
    torch.manual_seed(0)
    trunk = ResNetTrunk(18, 0.125).eval()
    x = torch.randn(2, 3, 64, 64)
    maps = trunk.maps(x)
    assert [m.shape[-1] for m in maps] == [16, 8, 4, 2]
    torch.testing.assert_close(trunk(x), maps[-1].mean((2, 3)))


def test_a_depth_that_is_none_is_refused() -> None:
    with pytest.raises(ModelError, match="wanted a ResNet of depth 18, 34, 50, 101, found 19"):
        ResNetTrunk(19)
