"""Laws of the film's pictures: where a score stands, and what scale it has."""

import numpy as np
import pytest

from mavfer.model.use.film import BOX, CURVES, DOUBTED, draw_moment
from mavfer.model.use.scores import RowScores

HEIGHT_PX, WIDTH_PX = 300, 640
STRIP_TOP_PX = HEIGHT_PX
VALENCE = ("valence",)


def scores_of(
    values: np.ndarray, *, names: tuple[str, ...] = ("valence",), covered: bool = True
) -> RowScores:
    """Return rows at 4 per second whose face is at the same place."""
    n = len(values)
    return RowScores(
        names=names,
        time_s=np.arange(n) / 4,
        scores=values.reshape(n, -1).astype(np.float64),
        covered=np.full(n, covered),
        found=np.zeros(n, np.uint8),
        reason=np.zeros(n, np.uint8),
        box_px=np.tile(np.array([100, 50, 200, 150], np.float32), (n, 1)),
        n_clips=n,
    )


def drawn(scores: RowScores) -> np.ndarray:
    color = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    return draw_moment(color, t_s=float(scores.time_s[-1]), scores=scores)


def curve_px(picture: np.ndarray) -> float:
    """Return the mean height of the first curve among its own pixels, pixels from the strip's top."""
    area = picture[STRIP_TOP_PX:, 60 : WIDTH_PX - 195]
    return float(np.nonzero((area == CURVES[0]).all(-1))[0].mean())


@pytest.mark.parametrize("names", [VALENCE, ("happy",)])
def test_a_higher_score_stands_higher_and_the_ends_of_the_scale_at_its_outer_lines(
    names: tuple[str, ...],
) -> None:
    low = -1.0 if names == VALENCE else 0.0
    heights = [curve_px(drawn(scores_of(np.full(40, value), names=names))) for value in (low, 0.5, 1.0)]
    assert heights[0] > heights[1] > heights[2]
    strip_px = drawn(scores_of(np.ones(40), names=names)).shape[0] - HEIGHT_PX
    assert heights[2] == pytest.approx(8, abs=1.5)
    assert heights[0] == pytest.approx(strip_px - 8, abs=1.5)


def test_the_scale_is_written_beside_the_curves() -> None:
    strip = drawn(scores_of(np.zeros(40)))[STRIP_TOP_PX:, :40]
    rows = np.nonzero((strip > 100).any((1, 2)))[0]
    thirds = np.array_split(np.arange(len(strip)), 3)
    assert all(np.isin(rows, third).any() for third in thirds)  # 1, 0 and -1, from above


def test_a_box_that_no_clip_covers_has_the_color_of_doubt() -> None:
    sure, doubted = (drawn(scores_of(np.zeros(8), covered=covered)) for covered in (True, False))
    assert (sure[50, 110:190] == BOX).all(-1).mean() > 0.9
    assert (doubted[50, 110:190] == DOUBTED).all(-1).mean() > 0.9
