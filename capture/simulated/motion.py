"""What the subject feels and does: valence and arousal over time, and what each camera can see of them.

The mapping is ours. A model that learns it shows that recording, calibration, alignment, labels and training
fit together; it shows nothing about reading the affect of real people. It is built so that the modalities can
be told apart:

- The face shows `mask * valence + 0.5 * (1 - mask) * act`: people hide what they feel, and act. `mask`
  wanders between 0.15 and 1 (mostly low), `act` between -1 and 1, per session and apart from valence; so
  color alone cannot tell a hidden feeling from none, nor a played one from a felt one (what is shown
  correlates with valence by about 0.8). Brows and eyes show arousal through a mask of their own (0.35 to 1).
- The skin shows all of the valence: the tip of the nose and, less, the cheeks warm and cool with it (+-1.5 K
  at the tip), forehead and mouth follow arousal. Only the thermal camera sees that. Subjects differ at rest
  by at most 0.3 K.
- Distance shows arousal: the subject leans 55 mm forward or back from the resting place, opens the jaw, and
  breathes faster. The depth camera measures the first; color sees the jaw and, after alignment, no distance.

Everything is a function of (scene seed, subject, seconds, t): two processes that film it agree.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .head import Pose
from .scene import SceneSettings
from .subjects import Subject

Curve = Callable[[ArrayLike], NDArray[np.float64]]
LEAN_MM = 55.0  # how far full arousal brings the head nearer than rest
REST_MM = 940.0  # the middle of the distances at which subjects sit
MARGIN_S = 3.0  # the curves go on for this long before the first and after the last tick


@dataclass(frozen=True, slots=True)
class Warmth:
    """What moves skin temperature: valence and arousal in [-1, 1], breath in [-1, 1] (1: breathing out)."""

    valence: float
    arousal: float
    breath: float


@dataclass(frozen=True, slots=True)
class Moment:
    """The subject at one time: face shapes, pose and skin."""

    weights: dict[str, float]
    pose: Pose
    warmth: Warmth


def wandering(rng: np.random.Generator, *, seconds: float, every_s: float, low: float, high: float) -> Curve:
    """Return a smooth curve that visits all of [low, high], with a turn about every `every_s` seconds.

    Monotone cubic pieces (Fritsch and Carlson 1980) between knots whose values are evenly spread over the
    range and shuffled, so that a short session spans it too.
    """
    from scipy.interpolate import PchipInterpolator

    n_inside = max(5, round(seconds / every_s) + 1)
    step = seconds / (n_inside - 1)
    at = np.linspace(0, seconds, n_inside)
    at[1:-1] += rng.uniform(-0.22, 0.22, n_inside - 2) * step
    values = rng.permutation(np.linspace(low, high, n_inside))
    at = np.concatenate([[-MARGIN_S - step], at, [seconds + MARGIN_S + step]])
    values = np.concatenate([[rng.uniform(low, high)], values, [rng.uniform(low, high)]])
    through = PchipInterpolator(at, values)
    return lambda t: through(np.clip(t, at[0], at[-1]))


def _apart(
    rng: np.random.Generator, others: list[Curve], *, seconds: float, every_s: float, low: float, high: float
) -> Curve:
    """Return the one of 60 wandering curves that correlates least with the others."""
    grid = np.linspace(0, seconds, 200)
    known = [other(grid) for other in others]
    candidates = [wandering(rng, seconds=seconds, every_s=every_s, low=low, high=high) for _ in range(60)]

    def worst(curve: Curve) -> float:
        return max(abs(float(np.corrcoef(curve(grid), other)[0, 1])) for other in known)

    return min(candidates, key=worst)


class Take:
    """One session's performance.

    Attributes
    ----------
    valence, arousal : curves in [-1, 1] over seconds since the first tick
    mask, arousal_mask : curves, the share of each that the face shows
    """

    def __init__(self, scene: SceneSettings, *, subject: Subject, seconds: float) -> None:
        rng = np.random.default_rng([scene.seed, subject.seed, 1])
        seconds = max(seconds, 2.0)
        feeling = {"seconds": seconds, "every_s": 4.0}
        self.valence = wandering(rng, **feeling, low=-1.0, high=1.0)
        self.arousal = _apart(rng, [self.valence], **feeling, low=-1.0, high=1.0)
        felt = [self.valence, self.arousal]
        openness = _apart(rng, felt, seconds=seconds, every_s=5.0, low=0.0, high=1.0)
        self.mask = lambda t: 0.15 + 0.85 * openness(t) ** 1.5
        self._act = _apart(rng, felt, seconds=seconds, every_s=4.0, low=-1.0, high=1.0)
        self.arousal_mask = _apart(rng, [*felt, self.mask], seconds=seconds, every_s=5.0, low=0.35, high=1.0)
        self._subject = subject
        self._yaw, self._pitch, self._roll, self._x, self._y, self._z, self._look_x, self._look_y = (
            wandering(rng, seconds=seconds, every_s=every, low=-reach, high=reach)
            for every, reach in (
                (3.5, 15), (3.0, 6), (4.0, 5), (5.0, 22), (6.0, 9), (6.0, 10), (1.3, 5), (1.7, 2)
            )
        )  # fmt: skip
        self._place = (float(rng.uniform(-25, 25)), float(rng.uniform(-8, 14)), float(rng.uniform(-25, 25)))
        gaps = rng.gamma(4.0, 0.8, int(seconds) + 12)  # 3.2 s between blinks on average
        self._blinks = np.cumsum(gaps) - MARGIN_S
        self._lopsided = 1 + 0.12 * np.random.default_rng(subject.seed).uniform(-1, 1, 2)
        self._breath_t = np.arange(-MARGIN_S - 1, seconds + MARGIN_S + 1, 0.05)
        rate_hz = 0.27 + 0.09 * self.arousal(self._breath_t)
        self._breath_phase = rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.cumsum(rate_hz) * 0.05

    def at(self, t_s: float) -> Moment:
        """Return the subject at one time, seconds since the first tick."""
        arousal = float(self.arousal(t_s))
        breath = float(np.sin(np.interp(t_s, self._breath_t, self._breath_phase)))
        x, y, z = (
            float(base + sway(t_s))
            for base, sway in zip(self._place, (self._x, self._y, self._z), strict=True)
        )
        yaw, pitch, roll = (float(turn(t_s)) for turn in (self._yaw, self._pitch, self._roll))
        pose = Pose(
            place_mm=(x, y, REST_MM + z - LEAN_MM * arousal),
            yaw_deg=yaw,
            pitch_deg=pitch,
            roll_deg=roll,
            gaze_yaw_deg=-0.6 * yaw + float(self._look_x(t_s)),
            gaze_pitch_deg=-0.6 * pitch + float(self._look_y(t_s)),
            chest_mm=2.0 * (1.2 + 0.5 * arousal) * breath,
        )
        return Moment(self.weights(t_s), pose, Warmth(float(self.valence(t_s)), arousal, -breath))

    def shown(self, t_s: ArrayLike) -> NDArray[np.float64]:
        """Return the valence that the face shows, in [-1, 1]."""
        mask = self.mask(t_s)
        return mask * self.valence(t_s) + 0.5 * (1 - mask) * self._act(t_s)

    def weights(self, t_s: float) -> dict[str, float]:
        """Return the face shapes (ARKit names) at one time, each 0 to about 1."""
        shown = float(self.shown(t_s))
        arousal = float(self.arousal(t_s))
        alert = float(self.arousal_mask(t_s)) * arousal
        smile, frown = max(shown, 0.0), max(-shown, 0.0)
        wide, tired = max(alert, 0.0), max(-alert, 0.0)
        shapes = {
            "browInnerUp": 0.80 * wide + 0.35 * frown,
            "jawOpen": 0.02 + 0.34 * ((arousal + 1) / 2) ** 1.6,
        }
        for side, factor in zip(("Left", "Right"), self._lopsided, strict=True):
            shapes |= {
                f"mouthSmile{side}": 1.05 * smile * factor,
                f"cheekSquint{side}": 0.55 * smile,
                f"eyeSquint{side}": 0.30 * smile + 0.15 * frown,
                f"mouthUpperUp{side}": 0.20 * smile,
                f"mouthDimple{side}": 0.35 * smile,
                f"mouthFrown{side}": 0.95 * frown * factor,
                f"browDown{side}": 0.70 * frown * (1 - 0.6 * wide),
                f"mouthPress{side}": 0.20 * frown,
                f"noseSneer{side}": 0.25 * frown,
                f"browOuterUp{side}": 0.70 * wide * factor,
                f"eyeWide{side}": 0.70 * wide,
                f"eyeBlink{side}": min(1.0, self._blink(t_s) + 0.30 * tired),
            }
        return {name: weight * self._subject.expressiveness for name, weight in shapes.items()}

    def _blink(self, t_s: float) -> float:
        """Return how far a blink closes the lids: up to 1 within 70 ms, open again after 150 ms more."""
        since = t_s - self._blinks
        since = since[(since > 0) & (since < 0.22)]
        if not since.size:
            return 0.0
        return float(since[-1] / 0.07 if since[-1] < 0.07 else (0.22 - since[-1]) / 0.15)
