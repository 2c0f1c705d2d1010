"""Where buffers are, and that nobody writes into one at the wrong time.

laws_of_buffers.py CTI LAW, in a network that holds the two cameras of cameras.py.
"""

import ctypes
from ctypes import byref, c_void_p

import consumer as c
from cameras import fake_camera
from consumer import Producer, refused, run_law


def buffers_go_where_a_flush_says(cti):
    gentl = Producer(cti)
    camera = fake_camera(gentl)
    camera.announce(4)
    where = lambda: (camera.count(c.QUEUED), camera.count(c.AWAITING))  # noqa: E731
    for buffer in camera.buffers:
        camera.queue(buffer)
    assert (camera.count(c.ANNOUNCED), *where()) == (4, 4, 0)
    first = next(iter(camera.buffers))
    refused(c.RESOURCE_IN_USE, camera.queue, first)
    refused(c.BUSY, gentl.DSRevokeBuffer, camera.stream, first, None, None)
    gentl.DSFlushQueue(camera.stream, c.INPUT_TO_OUTPUT)
    assert where() == (0, 4)
    assert gentl.info("EventGetInfo", camera.event, 1) == 4
    buffer = camera.fetch(0)
    assert buffer == first  # in the order they were queued
    assert not camera.about(buffer, c.NEW_DATA)
    assert not camera.about(buffer, c.INCOMPLETE)
    assert camera.count(c.DELIVERED) == 0  # it holds no frame
    refused(c.NOT_AVAILABLE, camera.about, buffer, c.FRAME_ID)
    gentl.DSFlushQueue(camera.stream, c.UNQUEUED_TO_INPUT)
    assert where() == (1, 3)
    gentl.DSFlushQueue(camera.stream, c.OUTPUT_DISCARD)
    assert where() == (1, 0)
    refused(c.TIMEOUT, camera.fetch, 0)
    gentl.DSFlushQueue(camera.stream, c.ALL_TO_INPUT)
    assert where() == (4, 0)
    gentl.DSFlushQueue(camera.stream, c.INPUT_TO_OUTPUT)
    gentl.EventFlush(camera.event)
    assert where() == (0, 0)
    gentl.DSFlushQueue(camera.stream, c.ALL_TO_INPUT)
    gentl.DSFlushQueue(camera.stream, c.ALL_DISCARD)
    assert where() == (0, 0)
    refused(c.INVALID_PARAMETER, gentl.DSFlushQueue, camera.stream, 5)
    camera.close()


def a_revoked_buffer_gives_back_what_it_was_announced_with(cti):
    gentl = Producer(cti)
    camera = fake_camera(gentl)
    camera.announce(1)
    ((buffer, memory),) = camera.buffers.items()
    assert camera.about(buffer, c.BASE) == ctypes.addressof(memory)
    assert camera.about(buffer, c.SIZE) == len(memory)
    assert camera.about(buffer, c.USER) == 1000
    given, user = c_void_p(), c_void_p()
    gentl.DSRevokeBuffer(camera.stream, buffer, byref(given), byref(user))
    assert (given.value, user.value) == (ctypes.addressof(memory), 1000)
    refused(c.INVALID_HANDLE, camera.queue, buffer)
    own = gentl.handle("DSAllocAndAnnounceBuffer", camera.stream, 4096, None)
    assert camera.about(own, c.BASE)
    gentl.DSRevokeBuffer(camera.stream, own, byref(given), byref(user))
    assert given.value is None  # its memory is the producer's, and gone
    refused(c.INVALID_PARAMETER, gentl.handle, "DSAnnounceBuffer", camera.stream, None, 10, None)
    assert camera.count(c.ANNOUNCED) == 0
    camera.close()


def a_flush_in_full_stream_loses_no_buffer(cti):
    gentl = Producer(cti)
    camera = fake_camera(gentl)
    camera.start(n_buffers=6)
    for _ in range(10):
        camera.queue(camera.fetch())  # perhaps the rest of a frame that a flush has cut
        gentl.DSFlushQueue(camera.stream, c.ALL_DISCARD)
        assert (camera.count(c.QUEUED), camera.count(c.AWAITING)) == (0, 0)
        gentl.DSFlushQueue(camera.stream, c.UNQUEUED_TO_INPUT)
        camera.queue(camera.fetch())
        gentl.DSFlushQueue(camera.stream, c.INPUT_TO_OUTPUT)
        assert camera.count(c.AWAITING) == 6
        gentl.DSFlushQueue(camera.stream, c.ALL_TO_INPUT)
    camera.stop()
    camera.close()


def frames_without_a_buffer_are_counted(cti):
    gentl = Producer(cti)
    camera = fake_camera(gentl)
    camera.start(n_buffers=3)
    ids = []
    while not ids or ids[-1] - ids[0] + 1 == len(ids):
        held = [camera.fetch() for _ in range(3)]
        refused(c.TIMEOUT, camera.fetch, 50)  # about ten frames find no buffer
        ids += [camera.about(one, c.FRAME_ID) for one in held if not camera.about(one, c.INCOMPLETE)]
        for one in held:
            camera.queue(one)
    missing = ids[-1] - ids[0] + 1 - len(ids)
    assert 0 < camera.count(c.UNDERRUN) <= missing
    camera.stop()
    camera.close()


def nothing_is_written_after_a_stop(cti):
    gentl = Producer(cti)
    camera = fake_camera(gentl)
    camera.start()
    camera.frame_ids(3)
    gentl.DSStopAcquisition(camera.stream, 1)  # the camera itself is not told and goes on
    gentl.DSFlushQueue(camera.stream, c.ALL_TO_INPUT)
    for memory in camera.buffers.values():
        ctypes.memset(memory, 0xFF, len(memory))  # which no pixel is
    refused(c.TIMEOUT, camera.fetch, 200)
    assert all(bytes(memory) == b"\xff" * len(memory) for memory in camera.buffers.values())
    assert camera.count(c.QUEUED) == len(camera.buffers)
    gentl.write(camera.port, *camera.stop_register)
    camera.close()


if __name__ == "__main__":
    run_law(globals())
