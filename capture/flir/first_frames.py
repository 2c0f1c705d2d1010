"""What the first frames of a camera, which nobody sees, tell of it: rate, time stamps, order of bytes."""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import CameraError
from ..flir_settings import FlirSettings
from .device import PACKET_SIZE, Delivered, Device
from .latch import FREQUENCY
from .pictures import is_swapped
from .stamps import Stamps, choose_stamps

N_FRAMES = 10
WITHIN_S = 2.5
SMALL_PACKET_BYTES = 1500
"""The largest that every network takes (Ethernet's standard MTU)."""


@dataclass(frozen=True, slots=True)
class FirstFrames:
    """How frames are stamped, their rate per second, and the last one's time on the camera's clock."""

    stamps: Stamps
    fps: float
    device_ns: int


def see_first_frames(device: Device, settings: FlirSettings) -> FirstFrames:
    """Start an open camera and return what its first frames tell; 0.3 s at 30 frames a second.

    Where none arrives whole, and the rig file asks for no packet size, small packets are tried.

    Raises
    ------
    CameraError
        No frames come, or the bytes of their pixels look exchanged.
    """
    device.start()
    first = _fetch_some(device)
    if not first and settings.packet_size_bytes is None:
        device.stop()
        device.nodes.set(PACKET_SIZE, SMALL_PACKET_BYTES)
        device.start()
        first = _fetch_some(device)
        if first:
            device.nodes.doubts.append(
                f"no frame arrived whole until packets had {SMALL_PACKET_BYTES} bytes: let the network card "
                f"take jumbo frames"
            )
    if len(first) < 2:
        size = device.nodes.read(PACKET_SIZE)
        what = f"{device.n_incomplete} broken frames" if device.n_incomplete else "nothing"
        advice = [f"let UDP packets of {size} bytes through network card, switch and firewall"]
        if size != SMALL_PACKET_BYTES:
            advice.append(f"set packet_size_bytes = {SMALL_PACKET_BYTES} in the rig file")
        if device.n_incomplete and not settings.resend:
            advice.append("set resend = true in the rig file")
        if not device.n_incomplete:
            advice.append("look whether it waits for a sync signal")
        raise CameraError(f"the camera is open, but sends {what}: {', or '.join(advice)}: {device.camera}")
    if settings.swap_bytes is None and any(is_swapped(pixels_of(one, device, settings)) for one in first):
        raise CameraError(
            f"the bytes of the pixels look exchanged: neighbours differ more in the high byte than in "
            f"the low one; set swap_bytes = true in the rig file, or false if they are right: {device.camera}"
        )
    frequency = device.nodes.number(FREQUENCY)
    stamps = choose_stamps([one.times for one in first], frequency=round(frequency) if frequency else None)
    if stamps.source == "host":
        device.nodes.doubts.append(
            "the frames carry no time of the camera's clock: they are stamped when they arrive"
        )
    device_ns = stamps.device_ns(first[-1].times)
    passed_s = (device_ns - stamps.device_ns(first[0].times)) / 1e9
    device.n_incomplete = 0  # of frames that nobody sees
    n_frames = max(len(first) - 1, (first[-1].raw_id or 0) - (first[0].raw_id or 0))
    return FirstFrames(stamps, round(n_frames / passed_s, 3) if passed_s > 0 else 30.0, device_ns)


def pixels_of(delivered: Delivered, device: Device, settings: FlirSettings) -> NDArray[np.uint16]:
    """Return a frame's pixels (H, W) as little-endian numbers."""
    order = ">u2" if settings.swap_bytes else "<u2"
    pixels = np.frombuffer(delivered.pixels, order).reshape(device.height, device.width)
    return pixels.astype("<u2", copy=False)


def _fetch_some(device: Device) -> list[Delivered]:
    first: list[Delivered] = []
    until_s = time.monotonic() + WITHIN_S
    while len(first) < N_FRAMES and time.monotonic() < until_s:
        if (delivered := device.fetch(0.2)) is not None:
            first.append(delivered)
    return first
