"""Pre-training of the transformer on clips without labels, from a dataset to a RUN folder to start from.

Training subjects alone are seen; the run says who, so that no network that starts from it is ever scored on
them. The last weights are kept: nothing is chosen by anybody.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import DatasetError, ModelError
from ...output import new_folder, require_folder_free
from ...preprocess.dataset.clips import Dataset, DatasetSession, open_dataset
from ..card import write_card
from ..checkpoint import PRETRAINED, RUN_NAME, RunRecord, path_from, sha256_of_dataset, write_run
from ..data.inputs import InputOptions
from ..data.source import ClipIndex, ClipSource
from ..masked import Mask, MaskedAutoencoder, draw_mask
from ..network import CHANNELS
from ..transformer import TransformerOptions, VideoTransformer
from .memory import is_out_of_memory, lower_batch
from .pretrain_config import PretrainConfig
from .recipe import Recipe, recipe_of
from .schedule import lr_share, optimizer_of, share_done
from .settings import torch_settings
from .step import GRADIENT_LIMIT, non_finite_layer

N_MEASURED = 32
"""Clips on which the guess is compared with the mean after each epoch."""


@dataclass(frozen=True, slots=True)
class PretrainReport:
    """What a pre-training came to; `history` has a row per epoch.

    Its `loss` is the squared error over hidden places of up to 32 training clips, in units of the variance
    of each stream, its `mean_loss` that of guessing each pixel's mean over training clips: about 1.
    """

    path: Path
    record: RunRecord
    history: tuple[dict[str, float], ...]


def pretrain(
    dataset: Path,
    *,
    config: PretrainConfig,
    out: Path,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> PretrainReport:
    """Pre-train the transformer on the training subjects of `dataset` and write it to the folder `out`.

    An interruption leaves nothing under `out`.

    Raises
    ------
    DatasetError
        The dataset is missing, or lacks the split, a stream, or runs of enough frames.
    ModelError
        The options contradict each other, the loss ceased to be a number, or memory did not suffice.
    """
    require_folder_free(out, marker=RUN_NAME, overwrite=overwrite)
    recipe = recipe_of(config.as_training)
    data = open_dataset(dataset, split_name=config.split, fold=config.fold)
    sessions = data.split("train")
    if not sessions:
        raise DatasetError(f"wanted sessions in the 'train' split, found none: {dataset}")
    on_gpu = config.device == "auto" and torch.cuda.is_available()
    device = torch.device("cuda" if on_gpu else "cpu")
    started = time.monotonic()
    with (
        torch_settings(seed=config.seed, threads=config.threads),
        new_folder(out, marker=RUN_NAME, overwrite=overwrite) as folder,
    ):
        options = recipe.options
        if not isinstance(options, TransformerOptions):
            raise ModelError(f"wanted options of the transformer, found {type(options).__name__}")
        model = MaskedAutoencoder(VideoTransformer(options)).to(device)
        feed = _Feed(sessions, data, recipe.inputs, memory_mb=config.memory_mb)
        fitted = _fit(model, feed, recipe, config, device=device, on_progress=on_progress)
        encoder = model.encoder.cpu()
        record = RunRecord(
            model="transformer",
            options=options.model_dump(mode="json"),
            inputs=recipe.inputs,
            dimensions=(),
            config=config.as_training,
            loss=PRETRAINED,
            n_parameters=sum(p.numel() for p in encoder.parameters()),
            dataset=path_from(out, dataset),
            dataset_schema=data.record.schema_version,
            dataset_sha256=sha256_of_dataset(data),
            simulated=data.record.simulated,
            split_by=data.split_by,
            training_subjects=tuple(sorted({s.subject for s in sessions})),
            validation_subjects=(),
            training_means={},
            n_clips=fitted.n_clips,
            n_steps=fitted.n_steps,
            n_epochs=len(fitted.history),
            kept_epoch=len(fitted.history),
            seconds=round(time.monotonic() - started, 3),
            device=str(device),
            precision="fp32",
            software={name: version(name) for name in ("mavfer", "torch", "numpy")},
            created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        write_run(folder, record=record, state=encoder.state_dict(), history=fitted.history)
        write_card(folder)
    return PretrainReport(out, record, fitted.history)


@dataclass(frozen=True, slots=True)
class _Fitted:
    history: tuple[dict[str, float], ...]
    n_clips: int
    n_steps: int


def _fit(
    model: MaskedAutoencoder,
    feed: "_Feed",
    recipe: Recipe,
    config: PretrainConfig,
    *,
    device: torch.device,
    on_progress: Callable[[int, int], None] | None,
) -> _Fitted:
    optimizer = optimizer_of(model, name="adam", lr=config.lr)
    phase = np.random.default_rng(config.seed)
    chance = torch.Generator().manual_seed(config.seed)
    max_seconds = None if config.max_minutes is None else 60 * config.max_minutes
    history: list[dict[str, float]] = []
    step, share, n_clips, started = 0, 0.0, 0, time.monotonic()
    while share < 1:
        losses, in_epoch = [], 0
        source = None
        for source, clips in feed.batches(config.batch, phase):
            if step == 0:
                known = source.inputs(_some(source), device)
                model.measure({name: torch.cat([x, x.flip(-1)]) for name, x in known.items()})
            for group in optimizer.param_groups:
                group["lr"] = config.lr * lr_share(step, share)
            inputs = flipped(source.inputs(clips, device), chance)
            options = model.encoder.options
            mask = draw_mask(len(clips), options, share=config.mask_share, chance=chance)
            optimizer.zero_grad()
            loss = _loss(model, inputs, mask, device=device)
            norm = nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_LIMIT)
            if not (torch.isfinite(loss) and torch.isfinite(norm)):
                raise ModelError(
                    f"pre-training diverged: wanted finite numbers, found others at step {step + 1} in layer "
                    f"{non_finite_layer(model)!r}; lower --lr"
                )
            optimizer.step()
            losses.append(float(loss.detach()))
            step, in_epoch = step + 1, in_epoch + len(clips)
            share = share_done(step / recipe.steps, time.monotonic() - started, max_seconds)
            if on_progress is not None:
                on_progress(min(step, recipe.steps), recipe.steps)
            if share >= 1:
                break
        if source is None:
            raise DatasetError(
                f"wanted runs of at least {recipe.inputs.n_frames} usable frames to draw clips from, "
                f"found none: {feed.path}"
            )
        n_clips = max(n_clips, in_epoch)
        row = {"epoch": len(history) + 1, "step": step, "seconds": round(time.monotonic() - started, 3)}
        row |= {"train_loss": float(np.mean(losses)), **reconstruction(model, source, config, device=device)}
        history.append(row)
    return _Fitted(tuple(history), n_clips, step)


def _loss(
    model: MaskedAutoencoder, inputs: Mapping[str, Tensor], mask: Mask, *, device: torch.device
) -> Tensor:
    """Return the loss, whose gradient is in the weights."""
    try:
        loss = model.training_loss(inputs, mask)
        loss.backward()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise lower_batch(len(mask.seen), "a step of", device=device) from error
    return loss


def flipped(inputs: Mapping[str, Tensor], chance: torch.Generator) -> dict[str, Tensor]:
    """Return every other clip mirrored, by chance, all its streams together.

    Light stays as it is: a change of it is all that would be learned about color.
    """
    n = len(next(iter(inputs.values())))
    flip = torch.rand(n, generator=chance) < 0.5
    return {
        name: torch.where(flip.to(x.device)[:, None, None, None, None], x.flip(-1), x)
        for name, x in inputs.items()
    }


def reconstruction(
    model: MaskedAutoencoder, source: ClipSource, config: PretrainConfig, *, device: torch.device
) -> dict[str, float]:
    """Return {"loss", "mean_loss"} over hidden places of up to 32 clips: as guessed, and of the means."""
    clips = _some(source)
    inputs = source.inputs(clips, device)
    seeded = torch.Generator().manual_seed(config.seed)
    mask = draw_mask(len(clips), model.encoder.options, share=config.mask_share, chance=seeded)
    hidden = mask.hidden.to(device)
    model.eval()
    with torch.inference_mode():
        guessed = model(inputs, mask)
        means = {name: model.get_buffer(f"mean_{name}").expand_as(x) for name, x in guessed.items()}
        found = {
            "loss": model.errors(guessed, inputs).gather(1, hidden).mean().item(),
            "mean_loss": model.errors(means, inputs).gather(1, hidden).mean().item(),
        }
    model.train()
    return found


def _some(source: ClipSource) -> list[ClipIndex]:
    """Return up to 32 clips from all over the sessions."""
    found = source.test_clips()
    return found[:: max(1, len(found) // N_MEASURED)][:N_MEASURED]


class _Feed:
    """The clips of many sessions, of which so many are in memory as `memory_mb` allows, one at the least."""

    def __init__(
        self, sessions: Sequence[DatasetSession], data: Dataset, options: InputOptions, *, memory_mb: float
    ) -> None:
        self.path = data.path
        self._sessions, self._options = list(sessions), options
        side_px = data.record.config.size_px
        per_frame = sum(3 if CHANNELS[name] == 3 else 2 for name in options.modalities) * side_px**2
        self._sizes = [session.n_frames * per_frame for session in self._sessions]
        self._limit = memory_mb * 2**20
        self._whole: ClipSource | None = None
        if sum(self._sizes) <= self._limit:
            self._whole = ClipSource(self._sessions, options=options, dimensions=())

    def batches(
        self, batch: int, phase: np.random.Generator
    ) -> Iterator[tuple[ClipSource, Sequence[ClipIndex]]]:
        """Yield one epoch: shuffled batches of clips of the sessions in memory, group after group."""
        for source in self._sources(phase):
            clips = source.training_clips(phase)
            size = min(batch, len(clips))
            order = phase.permutation(len(clips))
            for first in range(0, len(clips) - size + 1, max(1, size)):
                if clips:
                    yield source, [clips[i] for i in order[first : first + size]]

    def _sources(self, phase: np.random.Generator) -> Iterator[ClipSource]:
        if self._whole is not None:
            yield self._whole
            return
        group: list[int] = []
        for number in phase.permutation(len(self._sessions)).tolist():
            if group and sum(self._sizes[i] for i in (*group, number)) > self._limit:
                yield self._source(group)
                group = []
            group.append(number)
        yield self._source(group)

    def _source(self, group: Sequence[int]) -> ClipSource:
        return ClipSource([self._sessions[i] for i in group], options=self._options, dimensions=())
