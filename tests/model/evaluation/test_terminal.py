"""Laws of scores on a terminal: whatever its width, no number is broken in two."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from rich.console import Console

from mavfer.model.evaluation.evaluate import summed_up
from mavfer.model.evaluation.evaluation_file import Evaluation
from mavfer.model.evaluation.groups import GroupScores, GroupsEvaluation
from mavfer.model.evaluation.series import SessionPrediction
from mavfer.model.evaluation.terminal import Row, print_evaluation, print_groups, print_scores

SCORES = {name: {"rmse": 0.25, "cc": -0.5, "ccc": -0.00001} for name in ("valence", "arousal")}
LIMITS = {name: dict.fromkeys(("rmse", "cc", "ccc"), (-0.111, 0.222)) for name in SCORES}


def printed(show: Callable[[Console], None], *, width: int) -> list[str]:
    """Return the lines that `show` prints on a terminal of that many columns."""
    file = io.StringIO()
    show(Console(file=file, width=width, highlight=False, markup=False))
    return file.getvalue().splitlines()


def group(value: str, run: str) -> GroupScores:
    return GroupScores(
        value=value,
        run=run,
        fine_tuned=run == "female",
        subjects=("S1", "S2"),
        n_frames=96,
        scores=SCORES,
        stage_one=SCORES,
    )


@pytest.mark.parametrize("width", [200, 80, 72])
def test_scores_and_their_limits_stay_whole_at_any_width(width: int) -> None:
    rows = [Row("post-processed", SCORES, LIMITS), Row("constant", SCORES)]
    lines = printed(lambda console: print_scores(console, tuple(SCORES), rows), width=width)
    assert all(len(line) <= width for line in lines)
    text = "\n".join(lines)
    assert text.count("(-0.111 .. 0.222)") == 6
    assert text.count("0.250") == text.count("-0.500") == 4
    for heading in ("valence RMSE", "valence CCC", "arousal CC"):
        assert heading in text
    assert "-0.000" not in text  # a minus before nothing


def test_scores_of_both_dimensions_stand_side_by_side_where_there_is_room() -> None:
    rows = [Row("mran", SCORES, LIMITS)]
    wide = printed(lambda console: print_scores(console, tuple(SCORES), rows), width=200)
    narrow = printed(lambda console: print_scores(console, tuple(SCORES), rows), width=80)
    assert len(wide) == 2
    assert len(narrow) == 5  # with a line between them


def test_groups_are_shown_in_80_columns_with_stage_one_below_each_network() -> None:
    found = GroupsEvaluation(
        by="sex",
        split="test",
        split_name="default",
        fold=None,
        groups=(group("female", "female"), group("male", "stage-one")),
        together=group("all", ""),
        gain={"valence": {"ccc": (-0.1, 0.2)}},
        simulated=True,
        unseen_subjects=True,
    )
    lines = printed(lambda console: print_groups(console, found), width=80)
    assert all(len(line.rstrip()) <= 80 for line in lines)
    words = [line.split() for line in lines]
    assert sum(line[:4] == ["female", "2", "own", "network"] for line in words) == 2  # valence and arousal
    assert sum(line[:3] == ["male", "2", "stage-one"] for line in words) == 2
    assert sum(line[:1] == ["stage-one"] for line in words) == 4
    assert lines[-2].startswith("valence CCC: the groups' networks change it by +0.000 (-0.100 .. +0.200)")
    assert lines[-1] == "96 simulated frames of 2 subjects never trained on"


def test_an_evaluation_with_limits_fits_a_terminal_of_80_columns(
    draw_session: Callable[..., SessionPrediction], draw_evaluation: Callable[..., Evaluation], tmp_path
) -> None:
    sessions = tuple(draw_session(f"S{k}", np.random.default_rng(k)) for k in range(6))
    evaluation = summed_up(draw_evaluation(tmp_path, sessions))
    lines = printed(lambda console: print_evaluation(console, evaluation), width=80)
    table = lines[: next(i for i, line in enumerate(lines) if line.startswith("in brackets"))]
    assert all(len(line) <= 80 for line in table)
    assert sum(" .. " in line for line in table) == 2  # the run, and the run post-processed
