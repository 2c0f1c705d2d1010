"""Pictures as webcams give them: JPEGs of their own, made whole, or decoded ones; their sizes and pixels."""

from functools import cache

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from ..errors import CameraError

Picture = bytes | NDArray[np.uint8]
"""A JPEG of the camera, or (H, W, 3) uint8, blue green red, or (H, W) gray."""
START = b"\xff\xd8"
SCAN, TABLES = 0xDA, 0xC4
ALONE = (0x01, *range(0xD0, 0xD8))
"""Markers without a length."""


def whole_jpeg(picture: bytes) -> bytes:
    """Return a webcam's JPEG without what a driver pads it with, and with its Huffman tables.

    Motion JPEG typically leaves the tables out where they are the usual ones (jdhuff.c of libjpeg-turbo), and
    not every reader knows those by heart. A JPEG that has its tables is returned byte for byte.
    """
    picture = picture.rstrip(b"\0")
    segments = segments_of(picture)
    scan = next((start for marker, start, _ in segments if marker == SCAN), None)
    if scan is None or any(marker == TABLES for marker, _, _ in segments):
        return picture
    return picture[:scan] + usual_tables() + picture[scan:]


def segments_of(jpeg: bytes) -> list[tuple[int, int, int]]:
    """Return (marker, where it begins, where it ends) of a JPEG's segments up to its first scan.

    ITU-T T.81, B.1.1: a segment is 0xFF, its marker, and a length that counts itself.
    """
    found = []
    at = len(START)
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF:
        marker = jpeg[at + 1]
        if marker == 0xFF:  # fill bytes may stand before a marker
            at += 1
            continue
        length = 0 if marker in ALONE else int.from_bytes(jpeg[at + 2 : at + 4], "big")
        found.append((marker, at, at + 2 + length))
        if marker == SCAN:
            break
        at += 2 + length
    return found


@cache
def usual_tables() -> bytes:
    """Return the segments with the Huffman tables of ITU-T T.81, K.3, which libjpeg writes by default."""
    jpeg = simplejpeg.encode_jpeg(np.zeros((16, 16, 3), np.uint8))
    return b"".join(jpeg[start:end] for marker, start, end in segments_of(jpeg) if marker == TABLES)


def size_of(picture: Picture) -> tuple[int, int]:
    """Return height and width of a picture; raises CameraError if it is none."""
    if not isinstance(picture, bytes):
        return int(picture.shape[0]), int(picture.shape[1])
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(picture)
    except ValueError as error:
        raise CameraError(f"wanted the camera's own JPEG, found none ({error})") from error
    return int(height), int(width)


def pixels_of(picture: Picture) -> NDArray[np.uint8]:
    """Return a picture's pixels, (H, W, 3) red green blue; raises CameraError if they cannot be decoded."""
    import cv2

    if isinstance(picture, bytes):
        try:
            return simplejpeg.decode_jpeg(picture, "RGB")
        except ValueError as error:
            raise CameraError(f"the camera's JPEG cannot be decoded ({error})") from error
    code = cv2.COLOR_GRAY2RGB if picture.ndim == 2 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(picture, code), np.uint8)
