"""Laws of the regions that RAN looks at."""

import math

import pytest
import torch

from mavfer.model.regions import crops, drawn_boxes, fixed_boxes, landmark_boxes, painted, random_boxes


def _ramp(size_px: int) -> torch.Tensor:
    """Return (1, 2, S, S): each pixel holds its own centre's x and y in shares of the frame."""
    centres = (torch.arange(size_px) + 0.5) / size_px
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    return torch.stack([x, y])[None]


def test_the_box_of_the_whole_frame_returns_the_frame() -> None:
    frames = torch.randn(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    whole = torch.tensor([0.5, 0.5, 1.0]).expand(2, 1, 3)
    torch.testing.assert_close(crops(frames, whole)[:, 0], frames)


def test_a_crop_shows_the_coordinates_of_its_box() -> None:
    x, y, side = 0.6, 0.45, 0.5
    cut = crops(_ramp(40), torch.tensor([[[x, y, side]]]))[0, 0]
    wanted = (torch.arange(40) + 0.5) / 40 * side - side / 2
    torch.testing.assert_close(cut[0], (x + wanted).expand(40, 40), atol=1e-5, rtol=0)
    torch.testing.assert_close(cut[1], (y + wanted)[:, None].expand(40, 40), atol=1e-5, rtol=0)


def test_what_lies_outside_the_frame_is_neutral() -> None:
    cut = crops(torch.ones(1, 1, 16, 16), torch.tensor([[[0.0, 0.5, 0.5]]]))[0, 0, 0]
    assert cut[:, :7].abs().max() == 0
    assert (cut[:, 9:] == 1).all()


def test_random_boxes_lie_in_the_frame_with_sides_of_the_paper() -> None:
    boxes = random_boxes(400, generator=torch.Generator().manual_seed(1)).flatten(0, 1)
    half = boxes[:, 2:] / 2
    assert (boxes[:, :2] - half >= -1e-6).all()
    assert (boxes[:, :2] + half <= 1 + 1e-6).all()
    assert 0.7 <= boxes[:, 2].min() < 0.71
    assert 0.94 < boxes[:, 2].max() <= 0.95


def test_boxes_drawn_for_evaluation_never_change() -> None:
    torch.manual_seed(3)
    first = drawn_boxes()
    torch.rand(7)
    assert torch.equal(drawn_boxes(), first)


def test_landmark_boxes_are_centred_on_eyes_nose_and_mouth() -> None:
    landmarks = torch.full((1, 68, 2), 0.5)
    landmarks[:, 36:42], landmarks[:, 42:48] = torch.tensor([0.3, 0.4]), torch.tensor([0.7, 0.4])
    landmarks[:, 48], landmarks[:, 54] = torch.tensor([0.35, 0.7]), torch.tensor([0.65, 0.7])
    boxes = landmark_boxes(landmarks, side=0.4)
    wanted = torch.tensor([[0.3, 0.4], [0.7, 0.4], [0.5, 0.5], [0.35, 0.7], [0.65, 0.7]])
    torch.testing.assert_close(boxes[0, :, :2], wanted)
    assert (boxes[..., 2] == 0.4).all()


def test_landmark_boxes_stay_in_the_frame() -> None:
    landmarks = torch.zeros(1, 68, 2)
    torch.testing.assert_close(landmark_boxes(landmarks, side=0.5)[0], torch.tensor([[0.25, 0.25, 0.5]] * 5))


def test_only_frames_with_an_unknown_landmark_get_the_fixed_boxes() -> None:
    landmarks = torch.full((2, 68, 2), 0.5)
    landmarks[1, 10, 0] = math.nan
    boxes = landmark_boxes(landmarks, side=0.5)
    assert torch.equal(boxes[1], fixed_boxes())
    assert torch.equal(boxes[0], torch.tensor([[0.5, 0.5, 0.5]] * 5))


@pytest.mark.parametrize("weights", [[1.0, 1.0], [0.2, 0.9]])
def test_painted_weights_have_mean_one_and_stand_where_the_box_is(weights: list[float]) -> None:
    boxes = torch.tensor([[[0.5, 0.5, 1.0], [0.25, 0.25, 0.5]]])
    found = painted(torch.tensor([weights]), boxes, size_px=32)
    assert found.mean().item() == pytest.approx(1)
    inside, outside = found[0, :16, :16], found[0, 16:, 16:]
    assert (inside == inside[0, 0]).all()
    assert (inside[0, 0] / outside[0, 0]).item() == pytest.approx((weights[0] + 4 * weights[1]) / weights[0])
