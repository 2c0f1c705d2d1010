"""Weights of others, in their layouts, and of runs: what arrives where, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomlkit
import torch
from torch import Tensor, nn
from torch.nn import functional

from mavfer.errors import ModelError
from mavfer.model.checkpoint import RunRecord
from mavfer.model.families import family
from mavfer.model.frame_network import FrameNetwork
from mavfer.model.layouts import LAYOUTS
from mavfer.model.training.recipe import network_options, new_network
from mavfer.model.weights import load_weights

WIDTH = 0.0625
VGG = (4, 4, "M", 8, 8, "M", 16, 16, 16, "M", 32, 32, 32, "M", 32, 32, 32, "M")
FC = 256
TORCHVISION_VGG16 = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
"""Where torchvision's `features` has its convolutions."""

VGG_FACE = ["11", "12", "21", "22", "31", "32", "33", "41", "42", "43", "51", "52", "53"]
IMAGENET = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, :, None, None]
FACES = torch.tensor([129.1863, 104.7624, 93.5940])[:, None, None]


def network_of(name: str, **options: Any) -> FrameNetwork:
    torch.manual_seed(1)
    small = {"width": WIDTH, "modalities": ["color"], "n_frames": 4, "resize_px": 224}
    if name != "affwildnet":
        small["output"] = "linear"
    network = new_network(
        name, network_options(name, {**family(name).presets["full"].options, **small} | options)
    )
    assert isinstance(network, FrameNetwork)
    return network.eval()


def vgg_layers() -> dict[str, nn.Module]:
    """Return the layers of a narrow VGG-16 as torchvision orders them, randomly drawn."""
    torch.manual_seed(0)
    features, n_in = [], 3
    for n in VGG:
        if isinstance(n, str):
            features.append(nn.MaxPool2d(2))
        else:
            features += [nn.Conv2d(n_in, n, 3, padding=1), nn.ReLU()]
            n_in = n
    classifier = [nn.Linear(n_in * 49, FC), nn.ReLU(), nn.Dropout(), nn.Linear(FC, FC), nn.ReLU()]
    for layer in (*features, *classifier):
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.normal_(layer.bias, std=0.1)
    return {"features": nn.Sequential(*features), "classifier": nn.Sequential(*classifier)}


def vgg_reference(layers: dict[str, nn.Module], pictures: Tensor) -> Tensor:
    layers["classifier"].eval()
    return layers["classifier"](layers["features"](pictures).flatten(1))


def vgg_table(layers: dict[str, nn.Module], layout: str) -> dict[str, Tensor]:
    """Return the weights of `vgg_layers` under a layout's public names, with a head of 10 classes."""
    state = nn.ModuleDict(layers).state_dict()
    if layout == "torchvision-vgg16":
        return state | {"classifier.6.weight": torch.zeros(10, FC), "classifier.6.bias": torch.zeros(10)}
    between = "_" if layout == "vgg-face" else ""
    names = {
        f"features.{at}": f"conv{between}{b}_{i}"
        for at, (b, i) in zip(TORCHVISION_VGG16, VGG_FACE, strict=True)
    }
    names |= {"classifier.0": "fc6", "classifier.3": "fc7"}
    table = {f"{new}.{k}": state[f"{old}.{k}"] for old, new in names.items() for k in ("weight", "bias")}
    return table | {"fc8.weight": torch.zeros(10, FC), "fc8.bias": torch.zeros(10)}


def resnet_table(n_blocks: tuple[int, ...]) -> dict[str, Tensor]:
    """Return the weights of a narrow ResNet under torchvision's names, with a head of 10 classes."""
    draw = torch.Generator().manual_seed(0)
    table: dict[str, Tensor] = {}
    deep = n_blocks == (3, 4, 6, 3)

    def conv(name: str, bn: str, n_in: int, n_out: int, side: int) -> None:
        spread = (2 / (n_in * side * side)) ** 0.5
        table[f"{name}.weight"] = spread * torch.randn(n_out, n_in, side, side, generator=draw)
        table[f"{bn}.weight"] = 0.5 + torch.rand(n_out, generator=draw)
        table[f"{bn}.bias"] = 0.1 * torch.randn(n_out, generator=draw)
        table[f"{bn}.running_mean"] = 0.1 * torch.randn(n_out, generator=draw)
        table[f"{bn}.running_var"] = 0.5 + torch.rand(n_out, generator=draw)
        table[f"{bn}.num_batches_tracked"] = torch.tensor(7)

    conv("conv1", "bn1", 3, 4, 7)
    n_in = 4
    for stage, (count, n) in enumerate(zip(n_blocks, (4, 8, 16, 32), strict=True), 1):
        for i in range(count):
            at, n_out = f"layer{stage}.{i}", 4 * n if deep else n
            sides = (1, 3, 1) if deep else (3, 3)
            ends = (n_in, n, n, n_out) if deep else (n_in, n, n)
            for k, side in enumerate(sides):
                conv(f"{at}.conv{k + 1}", f"{at}.bn{k + 1}", ends[k], ends[k + 1], side)
            if n_in != n_out or (stage > 1 and i == 0):
                conv(f"{at}.downsample.0", f"{at}.downsample.1", n_in, n_out, 1)
            n_in = n_out
    return table | {"fc.weight": torch.zeros(10, n_in), "fc.bias": torch.zeros(10)}


def resnet_reference(table: dict[str, Tensor], pictures: Tensor) -> Tensor:
    """Return the pooled features, by functions alone, as He 2016 draws them."""

    def conv_bn(x: Tensor, name: str, bn: str, stride: int) -> Tensor:
        weight = table[f"{name}.weight"]
        x = functional.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)
        at = (table[f"{bn}.{k}"] for k in ("running_mean", "running_var", "weight", "bias"))
        return functional.batch_norm(x, *at)

    x = functional.max_pool2d(conv_bn(pictures, "conv1", "bn1", 2).relu(), 3, stride=2, padding=1)
    blocks = list(dict.fromkeys(".".join(k.split(".")[:2]) for k in table if k.startswith("layer")))
    for block in blocks:
        stride = 2 if block.endswith(".0") and not block.startswith("layer1") else 1
        n_convs = 3 if f"{block}.conv3.weight" in table else 2
        y = x
        for k in range(1, n_convs + 1):
            own = stride if k == (2 if n_convs == 3 else 1) else 1
            y = conv_bn(y, f"{block}.conv{k}", f"{block}.bn{k}", own)
            y = y.relu() if k < n_convs else y
        if f"{block}.downsample.0.weight" in table:
            x = conv_bn(x, f"{block}.downsample.0", f"{block}.downsample.1", stride)
        x = (x + y).relu()
    return x.mean((2, 3))


def photographs() -> Tensor:
    """Return two pictures, red first, of 0 to 255."""
    return 255 * torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(2))


def as_seen(layout: str, photographs: Tensor) -> Tensor:
    """Return photographs as those who published the weights feed them."""
    if layout.startswith("torchvision"):
        return (photographs / 255 - IMAGENET[0]) / IMAGENET[1]
    if layout == "vgg-face":
        return photographs.flip(1) - FACES  # the authors' Torch example: blue first, then the mean as printed
    return (photographs - FACES).flip(1) if layout == "vgg-face-caffe" else photographs - FACES


def saved(path: Path, table: dict[str, Tensor]) -> Path:
    torch.save(table, path)
    return path


@pytest.mark.parametrize("layout", ["torchvision-vgg16", "vgg-face", "vgg-face-dag", "vgg-face-caffe"])
def test_vgg_weights_give_what_they_give_elsewhere(tmp_path: Path, layout: str) -> None:
    layers = vgg_layers()
    path = saved(tmp_path / "weights.pth", vgg_table(layers, layout))
    network = network_of("vgg-face", size_px=224)
    named = Path(f"{layout}={path}") if layout == "vgg-face-caffe" else path  # the others tell by their names
    loaded = load_weights(network, named, color_reference="gray")
    gray = photographs() / 127.5 - 1
    found = network.frame_features({"color": gray[:, None]})[:, 0]
    wanted = vgg_reference(layers, as_seen(layout, photographs()))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4 * float(wanted.detach().abs().max()))
    assert loaded.layout == layout
    assert loaded.fresh == ("head",)
    assert len(loaded.loaded) == 15
    assert loaded.unused == (("classifier.6",) if layout == "torchvision-vgg16" else ("fc8",))
    assert "left as drawn: head" in loaded.report


@pytest.mark.parametrize(
    ("layout", "name"),
    [("torchvision-resnet50", "resnet-50"), ("torchvision-resnet50", "affwildnet")],
)
def test_resnet_weights_give_what_they_give_elsewhere(tmp_path: Path, layout: str, name: str) -> None:
    table = resnet_table((3, 4, 6, 3))
    more = {"backbone": "resnet-50", "landmarks": False, "fc_units": 0} if name == "affwildnet" else {}
    network = network_of(name, size_px=224, **more)
    loaded = load_weights(network, saved(tmp_path / "w.pth", table), color_reference="gray")
    found = network.frame_features({"color": (photographs() / 127.5 - 1)[:, None]})[:, 0]
    wanted = resnet_reference(table, as_seen(layout, photographs()))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))
    assert loaded.layout == layout
    assert loaded.unused == ("fc",)
    counts = [v for k, v in network.state_dict().items() if k.endswith("num_batches_tracked")]
    assert all(int(count) == 7 for count in counts)


@pytest.mark.parametrize(("name", "layout"), [("ran", "torchvision-resnet18"), ("dsan", "torchvision-vgg16")])
def test_the_trunks_of_ran_and_dsan_start_from_photographs_too(
    tmp_path: Path, name: str, layout: str
) -> None:
    layers = vgg_layers()
    table = resnet_table((2, 2, 2, 2)) if name == "ran" else vgg_table(layers, layout)
    network = network_of(name, size_px=48, resize_px=None)
    loaded = load_weights(network, saved(tmp_path / "w.pth", table), color_reference="gray")
    assert loaded.layout == layout
    assert not [layer for layer in loaded.fresh if layer.startswith("trunk.") and "norm" not in layer]
    if name == "ran":
        pictures = as_seen(layout, photographs())
        torch.testing.assert_close(network.trunk(pictures), resnet_reference(table, pictures))
    photo = photographs()[:, None, :, :48, :48]
    seen = network.pictures({"color": photo / 127.5 - 1})[:, 0]
    torch.testing.assert_close(seen, as_seen(layout, photo[:, 0]), rtol=1e-4, atol=1e-4)


def test_an_older_resnet_file_without_counts_fits_too(tmp_path: Path) -> None:
    table = {k: v for k, v in resnet_table((3, 4, 6, 3)).items() if not k.endswith("num_batches_tracked")}
    loaded = load_weights(network_of("resnet-50"), saved(tmp_path / "w.pth", table))
    assert loaded.fresh == ("head",)


def test_color_counted_from_a_face_of_the_mean_color_is_as_good_as_whole_photographs(tmp_path: Path) -> None:
    layers = vgg_layers()
    path = saved(tmp_path / "weights.pth", vgg_table(layers, "vgg-face-dag"))
    network = network_of("vgg-face", size_px=224)
    loaded = load_weights(network, path, color_reference="session")
    found = network.frame_features({"color": ((photographs() - FACES) / 64)[:, None]})[:, 0]
    wanted = vgg_reference(layers, photographs() - FACES)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4 * float(wanted.detach().abs().max()))
    assert any("session's mean face" in line for line in loaded.report)


def test_the_layouts_name_the_layers_that_are_public() -> None:
    vgg16 = set(LAYOUTS["torchvision-vgg16"].layers.values())
    assert vgg16 == {*(f"features.{n}" for n in TORCHVISION_VGG16), "classifier.0", "classifier.3"}
    assert set(LAYOUTS["vgg-face-dag"].layers.values()) == {
        *(f"conv{b}_{i}" for b, i in VGG_FACE),
        "fc6",
        "fc7",
    }
    assert set(LAYOUTS["vgg-face"].layers.values()) == {*(f"conv_{b}_{i}" for b, i in VGG_FACE), "fc6", "fc7"}
    for name in {
        layout for listed in ("vgg-16", "vgg-face", "resnet-50") for layout in family(listed).weights
    }:
        assert name in LAYOUTS


def _wider(table: dict[str, Tensor]) -> None:
    table["features.5.weight"] = torch.zeros(16, 4, 3, 3)


def _without_a_bias(table: dict[str, Tensor]) -> None:
    del table["features.28.bias"]


def _without_a_layer(table: dict[str, Tensor]) -> None:
    del table["features.28.weight"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_wider, r"layer 'trunk.convs.conv2_1' .* shape \(8, 4, 3, 3\), found \(16, 4, 3, 3\)"),
        (_without_a_bias, r"wanted 'features.28.bias' for layer 'convs.conv5_3', found no such layer"),
        (
            _without_a_layer,
            r"wanted weights of vgg named like torchvision-vgg16 or .*, found 'features.0.weight'",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused_in_one_line_and_change_nothing(
    tmp_path: Path, change: Callable[[dict[str, Tensor]], None], message: str
) -> None:
    table = vgg_table(vgg_layers(), "torchvision-vgg16")
    change(table)
    path = saved(tmp_path / "weights.pth", table)
    network = network_of("vgg-16")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(ModelError, match=message) as caught:
        load_weights(network, path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(str(path))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_weights_of_another_network_and_another_layout_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "weights.pth", resnet_table((2, 2, 2, 2)))
    with pytest.raises(ModelError, match="wanted weights of vgg named like"):
        load_weights(network_of("vgg-16"), path)
    with pytest.raises(ModelError, match="wanted weights of resnet-50 named like"):
        load_weights(network_of("resnet-50"), path)
    with pytest.raises(ModelError, match="wanted a layout of torchvision-resnet50, found 'vgg-face'"):
        load_weights(network_of("resnet-50"), path, layout="vgg-face")


def test_a_network_of_more_than_color_cannot_start_from_photographs(tmp_path: Path) -> None:
    path = saved(tmp_path / "weights.pth", vgg_table(vgg_layers(), "torchvision-vgg16"))
    network = network_of("vgg-16", modalities=["color", "thermal"])
    with pytest.raises(ModelError, match=r"\(4, 4, 3, 3\), found \(4, 3, 3, 3\).*the modalities"):
        load_weights(network, path)


def write_run_of(folder: Path, network: FrameNetwork, model: str) -> Path:
    """Write the record and the weights of a run that never was."""
    folder.mkdir()
    record = RunRecord.model_validate(
        {
            "model": model,
            "options": network.options.model_dump(mode="json"),
            "inputs": {"modalities": ["color"], "n_frames": 4},
            "dimensions": ["valence", "arousal"],
            "config": {"model": model},
            "loss": "mse",
            "n_parameters": 1,
            "dataset": "../dataset",
            "simulated": True,
            "split_by": "subject",
            "training_subjects": ["S02", "S01"],
            "validation_subjects": ["S03"],
            "pretrained_subjects": ["S00"],
            "training_means": {"valence": 0.0, "arousal": 0.0},
            "n_clips": 1,
            "n_steps": 1,
            "n_epochs": 1,
            "kept_epoch": 1,
            "seconds": 1.0,
            "device": "cpu",
            "precision": "fp32",
            "software": {},
            "created_utc": "2026-01-01T00:00:00+00:00",
        }
    )
    (folder / "run.toml").write_text(tomlkit.dumps(record.model_dump(mode="json", exclude_none=True)))
    torch.save(network.state_dict(), folder / "model.pt")
    return folder


def clip() -> dict[str, Tensor]:
    return {"color": torch.randn(1, 4, 3, 48, 48, generator=torch.Generator().manual_seed(0))}


def test_a_run_of_the_same_network_arrives_whole_and_says_whom_it_has_seen(tmp_path: Path) -> None:
    small = {"size_px": 48, "resize_px": None, "pool_px": None}
    network = network_of("vgg-16", **small)
    run = write_run_of(tmp_path / "run", network, "vgg-16")
    torch.manual_seed(9)
    other = new_network("vgg-16", network.options).eval()
    assert not torch.allclose(other(clip()), network(clip()))
    loaded = load_weights(other, run)
    torch.testing.assert_close(other(clip()), network(clip()), rtol=0, atol=0)
    assert loaded.fresh == ()
    assert loaded.subjects == ("S00", "S01", "S02", "S03")
    assert loaded.started_from.startswith("run/model.pt sha256:")


def test_a_run_of_another_number_of_outputs_leaves_the_head_as_drawn(tmp_path: Path) -> None:
    small = {"size_px": 48, "resize_px": None, "pool_px": None}
    run = write_run_of(tmp_path / "run", network_of("vgg-16", **small), "vgg-16")
    network = network_of("vgg-16", n_outputs=4, output="classes", **small)
    assert load_weights(network, run).fresh == ("head",)


def test_vgg_face_lstm_takes_the_trunk_of_a_run_of_vgg_face(tmp_path: Path) -> None:
    small = {"size_px": 48, "resize_px": None, "pool_px": None}
    run = write_run_of(tmp_path / "run", network_of("vgg-face", **small), "vgg-face")
    network = network_of("vgg-face-lstm", hidden=64, **small)
    loaded = load_weights(network, run)
    assert "trunk.fcs.fc6" in loaded.loaded
    assert "recurrence.rnn" in loaded.fresh
    assert "trunk.fcs.fc7" in loaded.unused


def test_a_run_of_another_kind_and_another_width_are_refused(tmp_path: Path) -> None:
    small = {"size_px": 48, "resize_px": None}
    run = write_run_of(tmp_path / "run", network_of("resnet-50", **small), "resnet-50")
    with pytest.raises(ModelError, match="the same kind of network, found a run of resnet-50"):
        load_weights(network_of("vgg-16", pool_px=None, **small), run)
    with pytest.raises(
        ModelError, match=r"layer 'trunk.conv1' .* shape \(8, 3, 7, 7\), found \(4, 3, 7, 7\)"
    ):
        load_weights(network_of("resnet-50", width=0.125, **small), run)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"a run folder with run.toml, found neither"):
        load_weights(network_of("vgg-16"), tmp_path)
