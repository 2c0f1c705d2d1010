"""The table `[recorders.NAME.kinect_v2]` of a rig file."""

from typing import Literal

from ...config import StrictModel


class KinectSettings(StrictModel):
    """How a Kinect v2 is reached.

    Attributes
    ----------
    driver : None takes the first that this machine has, in this order
    serial : of several Kinects on one machine (libfreenect2 alone can tell them apart)
    pipeline : what computes depth with libfreenect2; None takes the fastest that this machine has
    """

    driver: Literal["kinect_next", "pykinect2", "libfreenect2"] | None = None
    serial: str | None = None
    pipeline: Literal["cuda", "opencl", "opengl", "cpu"] | None = None
