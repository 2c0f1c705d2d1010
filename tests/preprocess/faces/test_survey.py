"""Laws of choosing the subject: by size, depth and continuity; passers-by come and go; said in words."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from mavfer.preprocess.faces.follower import FULL_SEARCH_S, FaceFollower
from mavfer.preprocess.faces.survey import DepthOf, SubjectChoice, survey

SUBJECT = ("S01", 150, 180, 1.0)
FAR = ("S05", 900, 230, 0.62)
NEAR = ("S05", 780, 120, 1.35)
Room = Callable[..., NDArray[np.uint8]]


def center_x(box_px: NDArray) -> float:
    return float(box_px[0] + box_px[2]) / 2


def depth_by_width(box_px: NDArray) -> float:
    """A face 160 pixels wide is at 0.94 m."""
    return 0.94e3 * 160 / float(box_px[2] - box_px[0])


def look(*pictures: NDArray[np.uint8], depth_of: DepthOf | None = depth_by_width) -> SubjectChoice:
    return survey((float(k), picture, depth_of) for k, picture in enumerate(pictures))


def test_an_only_face_is_the_subject_and_the_words_say_so(room_with: Room) -> None:
    choice = look(room_with(SUBJECT), room_with(SUBJECT), room_with())
    assert choice.n_people == 1
    assert choice.words.startswith("the only face, seen in 2 of 3 moments, at 0.")


def test_a_session_without_a_face_leaves_the_choice_open(room_with: Room) -> None:
    choice = look(room_with(), room_with())
    assert choice.n_people == 0
    assert "no face in 2 moments" in choice.words
    assert not choice.contradicts(np.array([0.0, 0, 500, 500]), 300.0)


def test_of_two_people_who_stay_the_nearer_is_the_subject(room_with: Room) -> None:
    choice = look(*[room_with(SUBJECT, FAR)] * 3)
    assert choice.n_people == 2
    assert choice.center_px[0] < 640
    assert "of 2 people the one whose face is seen in 3 of 3 moments" in choice.words
    assert "largest in 3 of these" in choice.words
    assert "the other is at 1." in choice.words


def test_who_stands_nearer_for_a_moment_is_not_the_subject(room_with: Room) -> None:
    alone, visited = room_with(SUBJECT), room_with(SUBJECT, NEAR)
    choice = look(alone, alone, visited, alone)
    assert choice.center_px[0] < 640
    assert "in 4 of 4 moments" in choice.words
    assert "in 1 of 4" in choice.words


def test_without_depth_the_words_tell_sizes(room_with: Room) -> None:
    choice = look(room_with(SUBJECT, FAR), depth_of=None)
    assert "times as large" in choice.words
    assert np.isnan(choice.depth_mm).all()


@pytest.mark.parametrize("depth_of", [depth_by_width, None])
def test_a_passer_by_who_is_there_first_does_not_become_the_subject(
    room_with: Room, depth_of: DepthOf | None
) -> None:
    alone = room_with(SUBJECT)
    choice = look(alone, alone, alone, depth_of=depth_of)
    follower = FaceFollower(choice=choice)
    assert follower.find(room_with(("S05", 780, 200, 0.55)), t_s=0, depth_of=depth_of) is None
    face = follower.find(room_with(SUBJECT, NEAR), t_s=0.25, depth_of=depth_of)
    assert face is not None
    assert center_x(face.box_px) < 640


def test_a_passer_by_who_stands_nearer_does_not_take_over(room_with: Room) -> None:
    choice = look(*[room_with(SUBJECT)] * 3)
    follower = FaceFollower(choice=choice)
    for k in range(8):
        picture = room_with(SUBJECT, NEAR) if k > 1 else room_with(SUBJECT)
        face = follower.find(picture, t_s=k * FULL_SEARCH_S / 4, depth_of=depth_by_width)
        assert face is not None
        assert center_x(face.box_px) < 640
    assert face is not None
    assert face.n_faces == 2


def test_while_the_subject_is_away_another_at_another_distance_is_not_taken(room_with: Room) -> None:
    choice = look(*[room_with(SUBJECT)] * 3)
    follower = FaceFollower(choice=choice)
    depths = {"asked": 0}

    def at_two_metres(_: NDArray) -> float:
        depths["asked"] += 1
        return 2000.0

    assert follower.find(room_with(SUBJECT), t_s=0, depth_of=depth_by_width) is not None
    for k in range(1, 5):
        other = room_with(("S05", 700, 200, 0.9))  # as large, but farther: a large face
        assert follower.find(other, t_s=k / 4, depth_of=at_two_metres) is None
    assert depths["asked"] > 0
    assert follower.find(room_with(SUBJECT), t_s=2.0, depth_of=depth_by_width) is not None


def test_a_subject_who_leaves_and_returns_is_taken_up_again(room_with: Room) -> None:
    choice = look(*[room_with(SUBJECT)] * 3)
    follower = FaceFollower(choice=choice)
    lefts = [150, 60, -120, -400, None, None, -400, -60, 150]
    found = [
        follower.find(
            room_with(*([] if left is None else [("S01", left, 180, 1.0)])), t_s=0.5 * k, depth_of=None
        )
        is not None
        for k, left in enumerate(lefts)
    ]
    assert found[:2] == [True, True]
    assert found[3:7] == [False] * 4
    assert found[8]


def test_a_followed_stranger_is_given_up_for_the_subject(room_with: Room) -> None:
    choice = look(*[room_with(SUBJECT)] * 3)
    follower = FaceFollower(choice=SubjectChoice("nobody known"))
    stranger = ("S05", 780, 150, 0.55)
    assert follower.find(room_with(stranger), t_s=0) is not None
    follower._choice = choice  # as if the stranger had been followed until now
    face = None
    for k in range(1, 14):
        face = follower.find(room_with(stranger, SUBJECT), t_s=0.9 * k, depth_of=depth_by_width)
    assert face is not None
    assert center_x(face.box_px) < 640


def test_depth_is_not_asked_while_one_face_is_followed(room_with: Room) -> None:
    follower = FaceFollower(choice=look(room_with(SUBJECT)))
    assert follower.find(room_with(SUBJECT), t_s=0, depth_of=depth_by_width) is not None

    def never(_: NDArray) -> float:
        raise AssertionError("asked")

    for k in range(1, 4):
        assert follower.find(room_with(SUBJECT), t_s=0.25 * k, depth_of=never) is not None
