from pathlib import Path

import numpy as np
import pytest

import mavfer.capture.simulated
from mavfer.capture.simulated.head import EYES, SKIN, Pose, load_head
from mavfer.capture.simulated.person import load_person, shape_of
from mavfer.capture.simulated.subjects import subject

NAMES = [f"S{k:02d}" for k in range(1, 11)]


def test_the_asset_is_at_most_one_megabyte():
    folder = Path(mavfer.capture.simulated.__path__[0])
    assert (folder / "head.npz").stat().st_size <= 1_000_000


def test_landmarks_are_places_on_the_skin():
    head = load_head()
    assert head.landmark_corners.shape == (68, 3)
    assert np.all(head.part[head.landmark_corners] == SKIN)
    assert np.all(head.landmark_weights >= 0)
    np.testing.assert_allclose(head.landmark_weights.sum(1), 1, atol=1e-5)


def test_landmarks_lie_where_the_scheme_says():
    head = load_head()
    x, y, z = (head.xyz[head.landmark_corners] * head.landmark_weights[..., None]).sum(1).T
    assert np.all(np.diff(x[:17]) > 0)  # the jaw, from the picture's left to its right
    assert y[8] == y.max()  # the chin is lowest
    assert z[30] == z.min()  # the tip of the nose is foremost
    assert x[36] < x[39] < x[27] < x[42] < x[45]  # eye corners either side of the ridge
    assert np.all(y[17:27] < y[36:48].min())  # brows above eyes
    assert y[33] < y[51] < y[62] <= y[66] < y[57] < y[8]  # nose, lips from above, chin
    assert x[48] < x[60] < x[64] < x[54]
    np.testing.assert_allclose(x[:17], -x[:17][::-1], atol=1.0)  # the mean head is symmetric


@pytest.mark.parametrize(("unit", "lower"), [("jawOpen", (57, 66, 8)), ("mouthFrownLeft", (54,))])
def test_face_shapes_move_the_landmarks_they_name_down(unit, lower):
    head = load_head()
    move = (head.units[unit][head.landmark_corners] * head.landmark_weights[..., None]).sum(1)
    assert all(move[k, 1] > 2.0 for k in lower)


def test_a_smile_raises_the_corners_of_the_mouth():
    head = load_head()
    for unit, corner in (("mouthSmileLeft", 54), ("mouthSmileRight", 48)):
        move = (head.units[unit][head.landmark_corners] * head.landmark_weights[..., None]).sum(1)
        assert move[corner, 1] < -3.0


def test_subjects_differ_in_shape_by_millimetres():
    faces = [shape_of(subject(name))[load_head().landmark_corners[:, 0]] for name in NAMES]
    for i, one in enumerate(faces):
        for other in faces[i + 1 :]:
            assert np.sqrt(((one - other) ** 2).sum(1).mean()) > 1.0


def test_any_name_is_a_person_and_always_the_same_one():
    assert subject("somebody") == subject("somebody")
    assert subject("somebody") != subject("somebody else")
    assert abs(sum(subject("somebody").people.values()) - 1) < 1e-9
    assert np.isfinite(shape_of(subject("somebody"))).all()


def test_warmth_at_rest_differs_by_little():
    assert max(abs(subject(name).warmth_c) for name in NAMES) <= 0.3


def test_yaw_turns_the_head_but_not_the_chest():
    person = load_person("S01")
    straight = person.figure.posed({}, Pose((0.0, 0.0, 900.0)))
    turned = person.figure.posed({}, Pose((0.0, 0.0, 900.0), yaw_deg=20.0))
    moved = np.linalg.norm(turned - straight, axis=1)
    assert moved[person.part == EYES[0]].min() > 15
    assert moved[load_head().rigid.argmin()] < 1.0


def test_the_eyes_can_look_aside_without_the_face_moving():
    person = load_person("S01")
    straight = person.figure.posed({}, Pose((0.0, 0.0, 900.0)))
    aside = person.figure.posed({}, Pose((0.0, 0.0, 900.0), gaze_yaw_deg=15.0))
    moved = np.linalg.norm(aside - straight, axis=1) > 0.01
    assert np.all(np.isin(person.part[moved], EYES))
    assert moved.any()
