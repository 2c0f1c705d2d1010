"""The two cameras in the network of these tests, as the laws use them.

One is Debian's fake camera, which can be told all sizes and sends the pixel (x + y + n) % 255 at (x, y) of
its frame number n (16 bits). It sees that it was stopped or let go only when its next frame is due, and not
at all when it is taken again before: what starts often is tried on the simulated A65.
"""

import struct

from consumer import Camera

SERIAL, A65_SERIAL = "FAKE01", "65000001"
QUIET_MS = 200
"""Without a frame for so long the fake camera has seen that it was stopped."""
A65_START, A65_STOP, A65_BYTES = 0xD314, 0xD318, 640 * 512
COMMAND, WIDTH, HEIGHT, PERIOD_US = 0x124, 0x100, 0x104, 0x138
STREAM_PORT, PACKET_SIZE, STREAM_ADDRESS = 0xD00, 0xD04, 0xD18
NAME_REGISTER = 0x48
LINE, LINES = 256, 64
"""A frame small enough for any socket buffer, as the fake camera sends it in one burst."""
RAMP = bytes(range(255)) * 3


def word(number):
    return struct.pack(">I", number)


def fake_camera(gentl, **settings):
    fixed = {"start": (COMMAND, word(1)), "stop": (COMMAND, word(0)), "n_bytes": LINE * LINES}
    camera = Camera(gentl, SERIAL, **fixed, **settings)
    for register, value in ((WIDTH, LINE), (HEIGHT, LINES), (PERIOD_US, 5000)):
        gentl.write(camera.port, register, word(value))
    return camera


def a65(gentl):
    fixed = {"start": (A65_START, word(1)), "stop": (A65_STOP, word(1)), "n_bytes": A65_BYTES}
    return Camera(gentl, A65_SERIAL, **fixed)


def picture(frame_id):
    """Return what the fake camera sends as this frame."""
    n = (frame_id - 1) % 65_535 + 1
    return b"".join(RAMP[(y + n) % 255 :][:LINE] for y in range(LINES))
