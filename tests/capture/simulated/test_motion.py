import numpy as np
import pytest

from mavfer.capture.simulated.motion import LEAN_MM, REST_MM, Take
from mavfer.capture.simulated.scene import SceneSettings
from mavfer.capture.simulated.subjects import subject

SESSIONS = [(seconds, seed) for seconds in (20.0, 40.0, 60.0) for seed in (0, 1, 2)]


def take(seconds: float = 20.0, seed: int = 0, name: str = "S01") -> Take:
    return Take(SceneSettings(seed=seed), subject=subject(name), seconds=seconds)


@pytest.mark.parametrize(("seconds", "seed"), SESSIONS)
def test_valence_and_arousal_span_the_range_in_any_session(seconds, seed):
    t = np.linspace(0, seconds, 600)
    for curve in (take(seconds, seed).valence(t), take(seconds, seed).arousal(t)):
        assert curve.min() < -0.99
        assert curve.max() > 0.99
        assert 0.4 < curve.std() < 0.7


@pytest.mark.parametrize(("seconds", "seed"), SESSIONS)
def test_valence_arousal_and_mask_hardly_correlate(seconds, seed):
    t = np.linspace(0, seconds, 600)
    one = take(seconds, seed)
    correlation = np.corrcoef([one.valence(t), one.arousal(t), one.mask(t)])
    assert np.abs(correlation[np.triu_indices(3, 1)]).max() < 0.25


def test_curves_are_smooth():
    t = np.arange(0, 20, 1 / 30)
    step = np.abs(np.diff(take().valence(t)))
    assert step.max() < 0.1  # a thirtieth of a second is a small part of the 4 s between turns


def test_the_face_hides_part_of_valence_and_adds_an_act():
    t = np.linspace(0, 60, 1200)
    shares = [
        np.corrcoef(one.valence(t), one.shown(t))[0, 1]
        for one in (take(60.0, seed, name) for seed in range(4) for name in ("S01", "S02"))
    ]
    assert 0.65 < np.mean(shares) < 0.92
    assert max(shares) < 0.95


def test_skin_carries_all_of_valence_and_distance_carries_arousal():
    one = take()
    t = np.linspace(0, 20, 200)
    moments = [one.at(float(at)) for at in t]
    np.testing.assert_allclose([m.warmth.valence for m in moments], one.valence(t))
    distance = np.array([m.pose.place_mm[2] for m in moments])
    assert np.corrcoef(distance, one.arousal(t))[0, 1] < -0.9
    assert np.abs(distance - REST_MM).max() < LEAN_MM + 50


def test_head_turns_stay_within_what_a_face_detector_takes():
    takes = [take(20.0, seed) for seed in range(5)]
    poses = [one.at(t).pose for one in takes for t in np.linspace(0, 20, 100)]
    assert max(abs(pose.yaw_deg) for pose in poses) <= 18
    assert max(abs(pose.pitch_deg) for pose in poses) <= 10


def test_the_same_seed_is_the_same_take_and_another_is_another():
    assert take(seed=3).at(4.2) == take(seed=3).at(4.2)
    assert take(seed=3).at(4.2) != take(seed=4).at(4.2)
    assert take(name="S01").at(4.2) != take(name="S02").at(4.2)


def test_blinks_close_the_eyes_now_and_then():
    one = take(60.0)
    closed = [one.weights(float(t))["eyeBlinkLeft"] > 0.7 for t in np.arange(0, 60, 1 / 30)]
    assert 0.005 < np.mean(closed) < 0.2


def test_a_session_of_half_a_second_has_curves_too():
    t = np.linspace(-1, 2, 50)
    assert np.all(np.abs(take(0.5).valence(t)) <= 1)
