"""What the tests of faces look at: simulated heads, alone and two in one picture, with their truth."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mavfer.capture.simulated.renderer import KinectView
from mavfer.capture.simulated.rig import simulated_rig
from mavfer.capture.simulated.scene import SceneSettings

SIDE_PX = 720


@dataclass(frozen=True, slots=True)
class Shot:
    """A square of a color picture around a head, and the truth."""

    picture: NDArray[np.uint8]
    landmarks_px: NDArray[np.float64]
    yaw_deg: float


@lru_cache(maxsize=4)
def view_of(subject: str, light: float) -> KinectView:
    scene = SceneSettings(clock="virtual", light=light, seed=1)
    return KinectView(scene, subject=subject, seconds=12.0)


@pytest.fixture(scope="session")
def shoot() -> Callable[..., Shot]:
    """A function that films a subject turned by an angle; the same moment with other noise by `frame_id`."""

    def film(
        subject: str, *, yaw_deg: float, light: float = 1.0, t_s: float = 3.0, frame_id: int = 0
    ) -> Shot:
        view = view_of(subject, light)
        moment = type(view.take).at(view.take, t_s)
        turned = replace(moment, pose=replace(moment.pose, yaw_deg=yaw_deg, gaze_yaw_deg=-0.6 * yaw_deg))
        view.take.at = lambda _: turned
        try:
            color = view.color(t_s, frame_id)
        finally:
            del view.take.at
        assert view.person is not None
        truth = simulated_rig().color.project(view.person.landmark_places(turned))
        left, top = np.rint(truth.mean(axis=0) - SIDE_PX / 2).astype(int)
        top = min(max(top, 0), 1080 - SIDE_PX)
        part = color[top : top + SIDE_PX, left : left + SIDE_PX].copy()
        return Shot(part, truth - (left, top), yaw_deg)

    return film


@pytest.fixture(scope="session")
def heads(shoot: Callable[..., Shot]) -> dict[str, NDArray[np.uint8]]:
    """The heads of three people, (H, W, 3), the box of each face about 160 pixels wide."""
    pictures = {}
    for name in ("S01", "S05", "S08"):
        shot = shoot(name, yaw_deg=4.0)
        x, y = np.rint(shot.landmarks_px.mean(axis=0)).astype(int)
        pictures[name] = shot.picture[y - 190 : y + 150, x - 160 : x + 160]
    return pictures


@pytest.fixture(scope="session")
def room_with(heads: dict[str, NDArray[np.uint8]]) -> Callable[..., NDArray[np.uint8]]:
    """A function that returns a 1280x720 room with heads at (name, left, top, size against its own)."""

    def compose(*people: tuple[str, int, int, float]) -> NDArray[np.uint8]:
        room = np.full((720, 1280, 3), 150, np.uint8)
        room[::40] = 130
        for name, left, top, size in sorted(people, key=lambda person: person[3]):
            head = cv2.resize(heads[name], None, fx=size, fy=size, interpolation=cv2.INTER_AREA)
            height, width = head.shape[:2]
            x0, x1 = max(left, 0), min(left + width, 1280)
            y0, y1 = max(top, 0), min(top + height, 720)
            if x1 > x0 and y1 > y0:
                room[y0:y1, x0:x1] = head[y0 - top : y1 - top, x0 - left : x1 - left]
        return room

    return compose
