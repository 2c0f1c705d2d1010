"""A YuNet face detector from a user's ONNX file, run by OpenCV.

mavfer ships none. OpenCV's model zoo has the file (`face_detection_yunet`, MIT).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import FaceError
from ..rows.template import LEFT_EYE, NOSE_TIP, RIGHT_EYE, TEMPLATE
from .policy import box_called_for

SCORE = 0.6
OVERLAP = 0.3  # of two boxes that show one face
MOST_FACES = 100
ROW = 15  # left, top, width, height; five points; score
TRIAL_SIDE_PX = 64

_FIRST = 17  # TEMPLATE begins at landmark 17
PLACES = np.stack(
    [
        TEMPLATE[LEFT_EYE.start - _FIRST : LEFT_EYE.stop - _FIRST].mean(axis=0),
        TEMPLATE[RIGHT_EYE.start - _FIRST : RIGHT_EYE.stop - _FIRST].mean(axis=0),
        TEMPLATE[NOSE_TIP - _FIRST],
        TEMPLATE[48 - _FIRST],
        TEMPLATE[54 - _FIRST],
    ]
)
"""YuNet's five points in the mean face: eyes, tip of the nose, corners of the mouth; left first as seen."""


class YunetDetector:
    """YuNet (Wu and others 2023, Machine Intelligence Research 20) through `cv2.FaceDetectorYN`.

    YuNet draws its boxes around the whole face, dlib from above the brows to below the mouth; landmarks
    need dlib's. So its five points are laid on the mean face, and the box is the one dlib draws there
    (`policy.BOX_CENTER`, `BOX_WIDTH`; measured on simulated subjects and a real video).

    Raises
    ------
    FaceError
        The file is missing, no ONNX model, or none with YuNet's twelve outputs.
    """

    min_face_px = 20

    def __init__(self, path: Path) -> None:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise FaceError(f"wanted a YuNet model, found {error.strerror}: {path}") from error
        self.name = f"YuNet {hashlib.sha256(content).hexdigest()[:8]}"
        self._net = _opened(content, path)

    def detect(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return boxes (n, 4) in pixels of `picture`, as dlib draws them, and scores (n,) in [0, 1].

        Parameters
        ----------
        picture : (H, W, 3) uint8, red green blue, or (H, W) gray
        """
        to_blue_first = cv2.COLOR_GRAY2BGR if picture.ndim == 2 else cv2.COLOR_RGB2BGR
        rows = _run(self._net, cv2.cvtColor(picture, to_blue_first).astype(np.uint8, copy=False))
        points = rows[:, 4:14].reshape(-1, 5, 2)
        boxes = [box_called_for(five, places=PLACES) for five in points]
        return np.array(boxes, np.float64).reshape(-1, 4), rows[:, 14].astype(np.float64)


def _opened(content: bytes, path: Path) -> cv2.FaceDetectorYN:
    """Return the network, after one run that shows whether it is a YuNet."""
    wanted = (
        f"wanted a YuNet model (ONNX), found something else; get face_detection_yunet from OpenCV: {path}"
    )
    if not content:
        raise FaceError(wanted)
    model, side = np.frombuffer(content, np.uint8), TRIAL_SIDE_PX
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(
        cv2.utils.logging.LOG_LEVEL_SILENT
    )  # OpenCV prints what it dislikes in a file; one line is said here
    try:
        net = cv2.FaceDetectorYN.create(
            "onnx", model, np.zeros(0, np.uint8), (side, side), SCORE, OVERLAP, MOST_FACES
        )
        _run(net, np.zeros((side, side, 3), np.uint8))
    except (cv2.error, SystemError, ValueError, IndexError) as error:
        raise FaceError(wanted) from error
    finally:
        cv2.utils.logging.setLogLevel(level)
    return net


def _run(net: cv2.FaceDetectorYN, picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return what the network finds in a picture (H, W, 3), blue green red, one row for each face."""
    net.setInputSize((picture.shape[1], picture.shape[0]))
    _, found = net.detect(np.ascontiguousarray(picture))
    if found is None:
        return np.zeros((0, ROW))
    rows = np.asarray(found, np.float64)
    return rows[np.isfinite(rows).all(axis=1) & (rows[:, 2] > 0)]
