"""What comes out of a stream: whole frames, with their own numbers, times and sizes.

laws_of_frames.py CTI LAW, in a network that holds the two cameras of cameras.py.
"""

import ctypes
import os
import socket
import struct
from contextlib import contextmanager

import consumer as c
from cameras import (
    HEIGHT,
    LINE,
    LINES,
    PACKET_SIZE,
    QUIET_MS,
    STREAM_ADDRESS,
    STREAM_PORT,
    WIDTH,
    a65,
    fake_camera,
    picture,
    word,
)
from consumer import Producer, refused, run_law

MONO16, OF_128_BITS = 0x01100007, 0x01800007
LOST_REGISTER = 8
"""Of the data stream's own registers; that of the incomplete frames follows."""


def frames_come_whole_in_order_and_counted_on_beyond_16_bits(cti):
    gentl = Producer(cti)
    camera = fake_camera(gentl)
    camera.start(n_buffers=8)
    ids, times = [], []
    while not ids or ids[-1] < 65_600:
        buffer = camera.fetch()
        ids.append(camera.about(buffer, c.FRAME_ID))
        times.append(camera.about(buffer, c.TIMESTAMP_NS))
        assert camera.about(buffer, c.NEW_DATA)
        assert not camera.about(buffer, c.NEW_DATA)
        assert not camera.about(buffer, c.INCOMPLETE)
        assert bytes(camera.buffers[buffer]) == picture(ids[-1])
        camera.queue(buffer)
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert ids[0] < 65_536 < ids[-1]
    assert times == sorted(set(times))
    assert camera.count(c.DELIVERED) == len(ids)
    assert camera.count(c.UNDERRUN) == 0
    camera.stop()
    camera.close()


def a_frame_tells_its_own_size_not_the_buffers(cti):
    gentl = Producer(cti)
    camera = fake_camera(gentl)
    gentl.write(camera.port, WIDTH, word(100))
    gentl.write(camera.port, HEIGHT, word(50))
    camera.start()
    buffer = camera.fetch()
    told = [camera.about(buffer, each) for each in (c.WIDTH, c.HEIGHT, c.DELIVERED_HEIGHT, c.FILLED, c.SIZE)]
    assert told == [100, 50, 50, 5000, LINE * LINES]
    assert camera.about(buffer, c.PIXEL_FORMAT) == 0x01080001  # Mono8
    camera.stop()
    camera.close()


def a_frame_larger_than_its_buffer_is_incomplete_and_stays_inside(cti):
    gentl = Producer(cti)
    camera = fake_camera(gentl)
    camera.n_bytes = 10_000
    guarded = ctypes.create_string_buffer(b"\xff" * 20_000, 20_000)
    buffer = gentl.handle("DSAnnounceBuffer", camera.stream, guarded, camera.n_bytes, None)
    camera.buffers[buffer] = guarded
    camera.start()
    assert camera.fetch() == buffer
    assert camera.about(buffer, c.INCOMPLETE)
    assert guarded.raw[camera.n_bytes :] == b"\xff" * 10_000
    camera.stop()
    camera.close()


def a_frame_whose_sizes_cannot_be_is_incomplete(cti):
    gentl = Producer(cti)
    camera = fake_camera(gentl)
    sizes = (
        (MONO16, 2, 2, True),
        (MONO16, 0, 9, True),
        (MONO16, 2**31, 2**31, False),
        (MONO16, 1, 2**32 - 1, False),
        (OF_128_BITS, 2**31, 2**29, False),  # a product that is 0 in 64 bits
    )
    with _another_sender(gentl, camera) as other:
        for frame_id, (pixel_format, width, height, possible) in enumerate(sizes, 1):
            _send(other, frame_id, pixel_format, width, height)
            buffer = camera.fetch()
            assert camera.about(buffer, c.FRAME_ID) == frame_id
            assert camera.about(buffer, c.INCOMPLETE) != possible, (width, height)
            if possible:
                assert [camera.about(buffer, each) for each in (c.WIDTH, c.HEIGHT)] == [width, height]
    gentl.DSStopAcquisition(camera.stream, 1)
    camera.close()


def a_frame_without_its_leader_is_incomplete_and_not_lost_too(cti):
    os.environ["MAVFER_GENTL_RESEND"] = "0"
    gentl = Producer(cti)
    camera = fake_camera(gentl)
    with _another_sender(gentl, camera) as other:
        for frame_id in (1, 3, 4, 7):  # of which 3 comes without its leader, 2, 5 and 6 not at all
            _send(other, frame_id, led=frame_id != 3)
        buffers = [camera.fetch() for _ in range(4)]
    assert [camera.about(one, c.INCOMPLETE) for one in buffers] == [False, True, False, False]
    assert [camera.about(buffers[i], c.FRAME_ID) for i in (0, 2, 3)] == [1, 4, 7]
    refused(c.NOT_AVAILABLE, camera.about, buffers[1], c.FRAME_ID)
    lost, incomplete = struct.unpack("<QQ", gentl.read(camera.stream, LOST_REGISTER, 16))
    assert (lost, incomplete) == (3, 1)
    gentl.DSStopAcquisition(camera.stream, 1)
    camera.close()


def a_frame_with_the_number_0_is_a_frame(cti):
    gentl = Producer(cti)
    camera = fake_camera(gentl)
    with _another_sender(gentl, camera) as other:
        for frame_id in range(3):
            _send(other, frame_id)
        for frame_id in range(3):
            buffer = camera.fetch()
            told = [camera.about(buffer, each) for each in (c.FRAME_ID, c.WIDTH, c.HEIGHT, c.INCOMPLETE)]
            assert told == [frame_id, 2, 2, False]
    assert gentl.read(camera.stream, LOST_REGISTER, 8) == bytes(8)
    gentl.DSStopAcquisition(camera.stream, 1)
    camera.close()


@contextmanager
def _another_sender(gentl, camera):
    """Start the stream but not the camera, and yield a socket that sends to where the camera would."""
    camera.announce(8)
    gentl.DSFlushQueue(camera.stream, c.ALL_TO_INPUT)
    gentl.DSStartAcquisition(camera.stream, 0, c.FOREVER)
    address = socket.inet_ntoa(gentl.read(camera.port, STREAM_ADDRESS, 4))
    port = struct.unpack(">I", gentl.read(camera.port, STREAM_PORT, 4))[0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.connect((address, port))
        yield other


def _send(other, frame_id, pixel_format=MONO16, width=2, height=2, *, led=True):
    """Send a frame of 8 bytes: leader, payload and trailer of GigE Vision 1.x."""
    leader = struct.pack(">HHQIIIIIHH", 0, 1, 0, pixel_format, width, height, 0, 0, 0, 0)
    packets = ((0, 1, leader), (1, 3, bytes(8)), (2, 2, bytes(8)))
    for packet, kind, content in packets if led else packets[1:]:
        other.send(struct.pack(">HHI", 0, frame_id, kind << 24 | packet) + content)


def a_packet_size_changed_between_two_starts_gives_whole_pictures(cti):
    gentl = Producer(cti)
    camera = fake_camera(gentl)
    for packet_size in (1500, 8000, 576, 4000, 1500):
        gentl.write(camera.port, PACKET_SIZE, word(packet_size))
        camera.start()
        for _ in range(5):
            buffer = camera.fetch()
            assert bytes(camera.buffers[buffer]) == picture(camera.about(buffer, c.FRAME_ID))
            camera.queue(buffer)
        camera.stop(quiet_ms=QUIET_MS)
    camera.close()


def an_acquisition_of_five_frames_delivers_five(cti):
    gentl = Producer(cti)
    camera = fake_camera(gentl)
    camera.start(5)
    refused(c.RESOURCE_IN_USE, gentl.DSStartAcquisition, camera.stream, 0, 5)
    ids = camera.frame_ids(5)
    assert ids == list(range(ids[0], ids[0] + 5))
    refused(c.TIMEOUT, camera.fetch, 100)
    assert not camera.count(c.GRABBING)
    assert camera.count(c.DELIVERED) == 5
    camera.stop()
    refused(c.RESOURCE_IN_USE, gentl.DSStopAcquisition, camera.stream, 0)
    camera.close()


def a_stream_starts_and_stops_many_times(cti):
    gentl = Producer(cti)
    camera = a65(gentl)
    for _ in range(20):
        camera.start()
        ids = camera.frame_ids(3)
        assert ids == list(range(ids[0], ids[0] + 3))
        camera.stop()
    camera.close()


if __name__ == "__main__":
    run_law(globals())
