"""Laws of a rebuild's splits: whoever is known stays where they are, and what cannot stay is said."""

from collections.abc import Callable
from pathlib import Path

import pytest
from numpy.typing import NDArray

from mavfer.capture.video import import_video
from mavfer.preprocess.build import build_dataset
from mavfer.preprocess.build_report import BuildReport
from mavfer.preprocess.dataset.checking import check_dataset
from mavfer.preprocess.dataset.record import ClipConfig, Part, SessionRecord, SplitConfig, SplitScheme
from mavfer.preprocess.splits.standing import splits_after
from mavfer.preprocess.splits.store import add_split

Write = Callable[..., Path]
BY_HAND = SplitScheme(
    by="subject", subjects={"S01": "train", "S02": "test", "S03": "validation", "S04": "train"}
)
FOLDS = SplitScheme(name="kfold2", by="fold", folds={"S01": 0, "S02": 1, "S03": 0, "S04": 0})
TIME = SplitScheme(
    name="in-time",
    by="time",
    parts={f"take-S0{i}": (Part(split="train", start=0, stop=9),) for i in range(5)},
)
DRAWN = SplitScheme(by="subject", subjects={**BY_HAND.subjects, "S01": "test"})


def built(*subjects: str, n_frames: int = 9) -> list[SessionRecord]:
    """Return a session of each subject."""
    return [
        SessionRecord(id=f"take-{one.upper()}", subject=one, simulated=True, fate="built", n_frames=n_frames)
        for one in subjects
    ]


def after(sessions: list[SessionRecord], *, asked: bool = False, drawn: SplitScheme = DRAWN):
    """Return the splits after a rebuild with these sessions, and the remarks."""
    remarks: list[str] = []
    standing = (BY_HAND, FOLDS, TIME)
    return splits_after(standing, sessions, draw=lambda: drawn, asked=asked, remarks=remarks), remarks


def test_all_splits_stay_where_every_subject_is_known() -> None:
    assert after(built("S01", "S02", "S03", "S04")) == ((BY_HAND, FOLDS, TIME), [])


def test_a_session_that_fails_moves_nobody_and_parts_left_empty_are_said() -> None:
    splits, remarks = after(built("S01", "S03", "S04"))
    assert splits == (BY_HAND, FOLDS, TIME)
    assert remarks == ["split 'default' has nobody in test now", "split 'kfold2' has nobody in fold 1 now"]


def test_a_new_subject_has_the_default_drawn_anew_and_the_others_dropped_each_in_a_line() -> None:
    drawn = SplitScheme(by="subject", subjects={"S01": "test", "S02": "train", "S09": "train"})
    splits, remarks = after(built("S01", "S02", "S09"), drawn=drawn)
    assert splits == (drawn,)
    assert remarks == [
        "split 'default' is drawn anew: it does not know subject 'S09'; 2 subjects are in another part now, "
        "so a run that was trained before may have seen whom it would be tested on",
        "split 'kfold2' is dropped: it does not know subject 'S09'; make another with `mavfer dataset split`",
        "split 'in-time' is dropped: it does not know session 'take-S09'; make another with `mavfer dataset "
        "split`",
    ]


def test_a_split_that_is_asked_for_is_drawn_anew_and_the_named_ones_stay() -> None:
    drawn = BY_HAND.model_copy(update={"seed": 5})
    splits, remarks = after(built("S01", "S02", "S03", "S04"), asked=True, drawn=drawn)
    assert splits == (drawn, FOLDS, TIME)
    assert remarks == []  # nobody is elsewhere
    _, remarks = after(built("S01", "S02", "S03", "S04"), asked=True)
    assert "drawn anew: how is given with this build; subject 'S01' is in another part now" in remarks[0]


def test_another_spelling_of_a_subject_stays_in_that_persons_part() -> None:
    splits, remarks = after(built("s02", "S01", "S03"))
    assert splits[0].subjects == {**BY_HAND.subjects, "s02": "test"}
    assert splits[1].folds == {**FOLDS.folds, "s02": 1}
    assert remarks == []


def test_a_split_in_time_is_dropped_where_its_sessions_have_other_frames() -> None:
    splits, remarks = after(built("S01", "S02", "S03", "S04", n_frames=18))
    assert splits == (BY_HAND, FOLDS)
    assert remarks == [
        "split 'in-time' is dropped: it parts 9 frames of session 'take-S01', which has 18; make another "
        "with `mavfer dataset split`"
    ]


def test_without_a_dataset_that_stood_there_the_default_is_drawn() -> None:
    remarks: list[str] = []
    splits = splits_after((), built("S01"), draw=lambda: DRAWN, asked=False, remarks=remarks)
    assert (splits, remarks) == ((DRAWN,), [])


@pytest.mark.parametrize("given", [None, SplitConfig()])
def test_a_dataset_that_is_built_over_keeps_the_splits_that_people_made(
    tmp_path: Path, color_frames: NDArray, write_video: Write, given: SplitConfig | None
) -> None:
    video = write_video(tmp_path / "v.mp4", [frame[::2, ::2] for frame in color_frames])
    films = [import_video(video, out=tmp_path / f"v{i}", subject=f"S0{i}") for i in (1, 2, 3)]

    def build(sessions: list[Path], split: SplitConfig | None) -> BuildReport:
        return build_dataset(
            sessions,
            calibration=None,
            traces=None,
            out=tmp_path / "d",
            config=ClipConfig(fps=1),
            split=split,
            overwrite=True,
            n_workers=1,
        )

    build(films, SplitConfig(seed=1))
    folds = SplitScheme(name="kfold3", by="fold", folds={"S01": 0, "S02": 1, "S03": 2})
    swapped = SplitScheme(by="subject", subjects={"S01": "validation", "S02": "test", "S03": "train"})
    add_split(tmp_path / "d", folds)
    wanted = add_split(tmp_path / "d", swapped, overwrite=True).splits
    for sessions in (films, [films[0], films[2]], [*films[:2], tmp_path / "gone"]):
        report = build(sessions, given)
        assert report.record.splits == wanted
        assert not check_dataset(tmp_path / "d").problems
    assert "split 'default' has nobody in train now" in report.warnings
    drawn = build(films, SplitConfig(n_test_subjects=0, n_validation_subjects=0))
    assert drawn.record.scheme("kfold3") == folds
    assert set(drawn.record.scheme().subjects.values()) == {"train"}
    assert any("split 'default' is drawn anew: how is given" in warning for warning in drawn.warnings)
