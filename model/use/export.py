"""A run's network as ONNX or as a torch.export program: written, read back, and compared with the run.

Both take the network's inputs as `data.inputs` makes them, one per stream, and give its scores (or, of
classes, logits). Metadata beside the network says what the inputs are, how pixels become them, and by their
hash which run's weights these are; it names nobody.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node
from torch.onnx import utils as onnx_export

from ... import __version__
from ...errors import ModelError
from ...output import new_file, require_free
from ...preprocess.dataset.clips import open_dataset, sha256_of_file
from ...preprocess.dataset.record import ClipConfig
from ..checkpoint import WEIGHTS_NAME, Run, RunRecord, clip_config_of_dataset, open_run
from ..data.inputs import COLOR_SCALE, DEPTH_SCALE_MM, INFRARED_SCALE, LIMIT, THERMAL_SCALE_C
from ..data.source import ClipSource
from ..network import Network

Format = Literal["onnx", "torch"]
OPSET = 18
MOST_DIFFERENCE = 1e-4
N_CHECKED = 8
N_TRACED = 3
"""Clips that the network is traced with: a number that no other side of its tensors has."""
METADATA_NAME = "mavfer.json"
"""Of the file inside a torch.export archive, and the key in an ONNX file's metadata."""


@dataclass(frozen=True, slots=True)
class ExportReport:
    """An exported network.

    Attributes
    ----------
    max_abs_diff : largest difference of a score from the run's, over `n_clips` clips of its dataset
    batch : "any" number of clips at once, or "one"
    """

    path: Path
    format: Format
    n_clips: int
    max_abs_diff: float
    batch: Literal["any", "one"]


class Positional(nn.Module):
    """A network whose inputs are told by their place, in the order of `input_names`."""

    def __init__(self, network: Network, names: Sequence[str]) -> None:
        super().__init__()
        self.network, self.names = network, tuple(names)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the network's scores."""
        return self.network(dict(zip(self.names, inputs, strict=True)))


def export_model(
    run: Path,
    *,
    format: Format,
    out: Path,
    dataset: Path | None = None,
    overwrite: bool = False,
) -> ExportReport:
    """Write the network of a run to the file `out`, checked on clips of its dataset.

    Any number of clips at once where the network can be traced so, otherwise one.

    Raises
    ------
    ModelError
        There is no run, the network cannot be traced, or what was written gives other scores.
    DatasetError
        There is no dataset to check it on; `dataset` says where it stands now.
    OutputError
        Something stands at `out`.
    """
    require_free(out, overwrite=overwrite)
    opened = open_run(run)
    clips, config = _clips(opened, dataset)
    names = tuple(clips)
    module = Positional(opened.network, names).eval()
    example = tuple(clips[name][:N_TRACED] for name in names)
    shapes = {name: tuple(one.shape[1:]) for name, one in clips.items()}
    metadata = metadata_of(opened.record, names, shapes, config)
    metadata["weights_sha256"] = sha256_of_file(
        opened.path / WEIGHTS_NAME
    )  # `mavfer forget` finds it by that
    with torch.inference_mode():
        wanted = module(*clips.values()).numpy()
    write = _write_onnx if format == "onnx" else _write_program
    read = _scores_of_onnx if format == "onnx" else _scores_of_program
    with new_file(out, overwrite=overwrite) as temporary:
        batch: Literal["any", "one"] = "any"
        try:
            write(temporary, module, example, metadata, any_batch=True)
            found = read(temporary, clips)
        except Exception:  # what a tracer stumbles over is its own affair; one clip at a time is simpler
            batch = "one"
            try:
                write(temporary, module, tuple(one[:1] for one in example), metadata, any_batch=False)
                found = np.concatenate(
                    [read(temporary, {n: x[i : i + 1] for n, x in clips.items()}) for i in range(len(wanted))]
                )
            except Exception as error:
                reason = " ".join(str(error).split())[:160] or type(error).__name__
                raise ModelError(
                    f"wanted {opened.record.model} as {format}, it could not be traced ({reason}); "
                    f"try --format {'torch' if format == 'onnx' else 'onnx'}: {run}"
                ) from error
        difference = float(np.abs(found - wanted).max()) if found.shape == wanted.shape else float("inf")
        if not difference <= MOST_DIFFERENCE:
            raise ModelError(
                f"wanted the run's scores to {MOST_DIFFERENCE:g}, what was exported differs by "
                f"{difference:.2g}; nothing was left behind: {run}"
            )
    return ExportReport(out, format, len(wanted), difference, batch)


def metadata_of(
    record: RunRecord, names: Sequence[str], shapes: Mapping[str, tuple[int, ...]], config: ClipConfig
) -> dict[str, Any]:
    """Return what whoever feeds the network has to know."""
    inputs = record.inputs
    scales = {
        "color": f"(pixel - reference) / {COLOR_SCALE if inputs.color_reference == 'session' else 127.5:g}",
        "depth": f"(mm - reference) / {DEPTH_SCALE_MM:g}, 0 where no reading",
        "thermal": f"(centikelvin - reference) / {100 * THERMAL_SCALE_C:g}, 0 where none",
        "infrared": f"log2(counts / reference) / {INFRARED_SCALE:g}, 0 where none",
        "landmarks": "68 points, x and y in shares of the crop, NaN where unknown",
    }
    references = {
        "color": inputs.color_reference,
        "depth": inputs.depth_reference,
        "thermal": inputs.thermal_reference,
        "infrared": "session",
    }
    return {
        "software": f"mavfer {__version__}",
        "model": record.model,
        "simulated": record.simulated,
        "outputs": list(record.classes or record.dimensions),
        "output_kind": "logits" if record.classes else "scores in [-1, 1]",
        "inputs": [
            {
                "name": name,
                "shape": ["clips", *shapes[name]],
                "axes": "clips, frames, channels, rows, columns"
                if len(shapes[name]) == 4
                else "clips, frames, ...",
                "made_by": scales.get(name, "features, as they are"),
                "reference": references.get(name, ""),
            }
            for name in names
        ],
        "clipped_to": LIMIT,
        "frames_per_clip": inputs.n_frames,
        "frames_per_second": config.fps,
        "crop": {"size_px": config.size_px, "align": config.align.value, "margin": config.margin},
        "averaged_down_to_px": inputs.size_px,
    }


def _clips(run: Run, dataset: Path | None) -> tuple[dict[str, Tensor], ClipConfig]:
    """Return a few clips of the run's dataset, as the network sees them, and how they were cut."""
    where = dataset or (run.path / run.record.dataset).resolve()
    config = run.record.config
    data = open_dataset(where, split_name=config.split, fold=config.fold)
    for session in data.sessions:
        source = ClipSource([session], options=run.record.inputs, dimensions=())
        found = source.test_clips()
        if found:
            return source.inputs(found[:N_CHECKED]), clip_config_of_dataset(data.record)
    raise ModelError(f"wanted clips to check the exported network on, the dataset has none: {where}")


def _write_onnx(
    path: Path, module: Positional, example: tuple[Tensor, ...], metadata: dict[str, Any], *, any_batch: bool
) -> None:
    try:
        import onnx
    except ImportError as error:
        raise ModelError(f"wanted onnx, found none ({error}); run `pip install 'mavfer[onnx]'`") from error
    axes = {name: {0: "clips"} for name in (*module.names, "scores")} if any_batch else None
    program = _program(module, example, any_batch=any_batch)
    with warnings.catch_warnings(), torch.no_grad(), _layouts_left_out():
        # The tracing exporter needs no further package; it says of itself that a newer one exists, and of
        # sizes that it takes them as they are: the scores are compared afterwards. In the program all sizes
        # but the number of clips are numbers already.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _with_sizes_asked(program.module()),
            example,
            str(path),
            input_names=list(module.names),
            output_names=["scores"],
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
            verbose=False,
            training=torch.onnx.TrainingMode.PRESERVE,  # a program has no mode to change
        )
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, {METADATA_NAME: json.dumps(metadata)})
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _with_sizes_asked(module: nn.Module) -> nn.Module:
    """Return a program's module in which the number of clips is never taken for a constant by the tracer.

    The tracer sees sizes that tensors are asked for, and loses them in calls of torch's operators by name:
    there a shape with one unknown side says -1, and others become calls that it follows.
    """
    if not isinstance(module, GraphModule):
        return module
    for node in module.graph.nodes:
        if node.target is torch.ops.aten.sym_size.int:
            node.op, node.target = "call_method", "size"
        name = getattr(node.target, "_opname", "")
        unknown = [isinstance(side, Node) for arg in node.args if isinstance(arg, list) for side in arg]
        if name in ("view", "reshape", "unflatten") and sum(unknown) == 1:
            node.args = tuple(_unknown_as_minus_one(arg) for arg in node.args)
        elif name in ("expand", "new_zeros", "new_full") and any(unknown):
            node.op, node.target = "call_method", name
        elif name in ("zeros", "ones", "full") and any(unknown):
            node.target = getattr(torch, name)
    module.recompile()
    return module


def _unknown_as_minus_one(arg: Any) -> Any:
    return [-1 if isinstance(side, Node) else side for side in arg] if isinstance(arg, list) else arg


@contextmanager
def _layouts_left_out() -> Iterator[None]:
    """Let the exporter pass over memory layouts, which ONNX does not know."""
    onnx_export.register_custom_op_symbolic("aten::contiguous", lambda _, x, *__: x, OPSET)
    try:
        yield
    finally:
        onnx_export.unregister_custom_op_symbolic("aten::contiguous", OPSET)


def _scores_of_onnx(path: Path, clips: Mapping[str, Tensor]) -> NDArray[np.float32]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    there = {one.name for one in session.get_inputs()}  # inputs that no score rests on are traced away
    (scores,) = session.run(None, {name: x.numpy() for name, x in clips.items() if name in there})
    return np.asarray(scores, np.float32)


def _program(module: Positional, example: tuple[Tensor, ...], *, any_batch: bool) -> ExportedProgram:
    shapes = None
    if any_batch:
        clips = torch.export.Dim("clips", min=1, max=1024)
        shapes = {"inputs": tuple({0: clips} for _ in example)}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        return torch.export.export(module, example, dynamic_shapes=shapes)


def _write_program(
    path: Path, module: Positional, example: tuple[Tensor, ...], metadata: dict[str, Any], *, any_batch: bool
) -> None:
    program = _program(module, example, any_batch=any_batch)
    with path.open("wb") as file, warnings.catch_warnings():  # by its name it would have to end in .pt2
        warnings.simplefilter("ignore")  # of how weights that are views of one another are grouped
        torch.export.save(program, file, extra_files={METADATA_NAME: json.dumps(metadata)})


def _scores_of_program(path: Path, clips: Mapping[str, Tensor]) -> NDArray[np.float32]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with path.open("rb") as file:
            program = torch.export.load(file)
    with torch.no_grad():
        return program.module()(*clips.values()).numpy()
