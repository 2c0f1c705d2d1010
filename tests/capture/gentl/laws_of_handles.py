"""Who is asked, who answers, and who may: handles, closing, waiting, access.

laws_of_handles.py CTI LAW, in a network that holds the two cameras of cameras.py.
"""

import ctypes
import os
import subprocess
import sys
from ctypes import byref, c_size_t, c_uint8, c_void_p
from threading import Barrier

import consumer as c
from cameras import COMMAND, NAME_REGISTER, SERIAL, a65, fake_camera, word
from consumer import GenTLError, Producer, in_thread, refused, run_law


def every_function_wants_gcinitlib_and_counts_it(cti):
    gentl = Producer(cti, begin=False)
    refused(c.NOT_INITIALIZED, gentl.handle, "TLOpen")
    refused(c.NOT_INITIALIZED, gentl.GCCloseLib)
    assert gentl.info("GCGetInfo", 9) == 1  # the version may be asked before
    assert gentl.info("GCGetInfo", 10) == 5
    assert gentl.info("GCGetInfo", 6) == str(cti)
    gentl.GCInitLib()
    gentl.GCInitLib()
    system = gentl.handle("TLOpen")
    gentl.GCCloseLib()
    assert gentl.number("TLGetNumInterfaces", system) == 1
    gentl.GCCloseLib()
    refused(c.NOT_INITIALIZED, gentl.number, "TLGetNumInterfaces", system)
    gentl.GCInitLib()
    refused(c.INVALID_HANDLE, gentl.number, "TLGetNumInterfaces", system)


def each_thread_has_its_own_last_error(cti):
    gentl = Producer(cti)
    refused(c.INVALID_HANDLE, gentl.TLClose, None)
    thread, result = in_thread(gentl.last_error)
    thread.join()
    assert result == [(0, "no error")]
    assert gentl.last_error()[0] == c.INVALID_HANDLE
    assert gentl.last_error()[0] == c.INVALID_HANDLE  # to ask does not forget


def an_answer_tells_its_size_and_refuses_a_small_buffer(cti):
    gentl = Producer(cti)
    size = c_size_t()
    gentl.GCGetInfo(1, None, None, byref(size))
    assert size.value == len("mavfer") + 1
    small = ctypes.create_string_buffer(3)
    size.value = 3
    refused(c.BUFFER_TOO_SMALL, gentl.GCGetInfo, 1, None, small, byref(size))
    assert size.value == len("mavfer") + 1
    refused(c.NOT_IMPLEMENTED, gentl.GCGetInfo, 999, None, None, byref(size))
    refused(c.INVALID_PARAMETER, gentl.GCGetInfo, 1, None, None, None)


def a_handle_that_is_none_is_refused_by_every_function(cti):
    gentl = Producer(cti)
    camera = fake_camera(gentl)
    camera.announce(1)
    (buffer,) = camera.buffers
    alive = [camera.system, camera.interface, camera.device, camera.port, camera.stream, buffer, camera.event]
    camera.close()
    other = gentl.handle("TLOpen")
    place = ctypes.create_string_buffer(256)
    for name, types in c.HANDLES.items():
        fill = [b"x" if kind is ctypes.c_char_p else place if kind is c_void_p else 0 for kind in types]
        for handle in (None, 1, 0xDEADBEEF, ctypes.addressof(place), *alive):
            refused(c.INVALID_HANDLE, getattr(gentl, name), handle, *fill)
        if not name.startswith(("TL", "GC")):
            refused(c.INVALID_HANDLE, getattr(gentl, name), other, *fill)


def closing_in_any_order_closes_what_is_below(cti):
    gentl = Producer(cti)
    closers = ("DSClose", "stream"), ("DevClose", "device"), ("IFClose", "interface"), ("TLClose", "system")
    for name, attribute in closers:
        camera = a65(gentl)
        camera.start()
        buffer = camera.fetch()
        getattr(gentl, name)(getattr(camera, attribute))
        refused(c.INVALID_HANDLE, camera.about, buffer, c.FRAME_ID)
        refused(c.INVALID_HANDLE, camera.fetch)
        refused(c.INVALID_HANDLE, camera.count, c.DELIVERED)
        for later, below in closers[closers.index((name, attribute)) + 1 :]:
            getattr(gentl, later)(getattr(camera, below))
    camera = a65(gentl)
    camera.start()
    gentl.GCCloseLib()  # everything at once, while it streams
    gentl.GCInitLib()
    a65(gentl).close()


def of_threads_that_open_the_same_at_once_one_gets_it(cti):
    gentl = Producer(cti)
    system = gentl.handle("TLOpen")
    interface = gentl.text("TLGetInterfaceID", system, 0).encode()
    for _ in range(300):
        gentl.IFClose(_the_one_of_threads(gentl, "TLOpenInterface", system, interface))
    camera = fake_camera(gentl)
    gentl.DSClose(camera.stream)
    for _ in range(300):
        gentl.DSClose(_the_one_of_threads(gentl, "DevOpenDataStream", camera.device, b"stream0"))
    gentl.DevClose(camera.device)
    for _ in range(3):
        opened = _the_one_of_threads(gentl, "IFOpenDevice", camera.interface, camera.id, c.READONLY)
        gentl.DevClose(opened)
    gentl.TLClose(camera.system)
    gentl.TLClose(system)


def several_threads_may_open_a_camera_each(cti):
    gentl = Producer(cti)
    for _ in range(3):
        threads = [in_thread(open_camera, gentl) for open_camera in (a65, fake_camera)]
        for thread, result in threads:
            thread.join()
            result[0].close()


def _the_one_of_threads(gentl, function, *arguments, n_threads=4):
    together = Barrier(n_threads)

    def open_it():
        together.wait()
        return gentl.handle(function, *arguments)

    threads = [in_thread(open_it) for _ in range(n_threads)]
    for thread, _ in threads:
        thread.join()
    results = [result[0] for _, result in threads]
    refusals = [each.code for each in results if isinstance(each, GenTLError)]
    assert refusals == [c.RESOURCE_IN_USE] * (n_threads - 1), results
    return next(each for each in results if not isinstance(each, GenTLError))


def a_wait_ends_when_it_is_killed_or_its_stream_goes(cti):
    gentl = Producer(cti)
    camera = fake_camera(gentl)
    gentl.EventKill(camera.event)  # before the wait: the next one ends at once
    refused(c.ABORT, camera.fetch, c.FOREVER)
    waiting = [in_thread(camera.fetch, c.FOREVER) for _ in range(3)]
    for _ in waiting:
        gentl.EventKill(camera.event)
    for thread, result in waiting:
        thread.join()
        assert result[0].code == c.ABORT
    refused(c.TIMEOUT, camera.fetch, 0)  # each kill ended one wait, none is left
    thread, result = in_thread(camera.fetch, c.FOREVER)
    gentl.GCUnregisterEvent(camera.stream, c.NEW_BUFFER)
    thread.join()
    assert result[0].code in (c.ABORT, c.INVALID_HANDLE)
    camera.event = gentl.handle("GCRegisterEvent", camera.stream, c.NEW_BUFFER)
    refused(c.RESOURCE_IN_USE, gentl.handle, "GCRegisterEvent", camera.stream, c.NEW_BUFFER)
    thread, result = in_thread(camera.fetch, c.FOREVER)
    gentl.DSClose(camera.stream)
    thread.join()
    assert result[0].code in (c.ABORT, c.INVALID_HANDLE)


def a_stream_may_be_closed_while_others_fetch_and_queue(cti):
    gentl = Producer(cti)
    for _ in range(5):
        camera = a65(gentl)
        camera.start()
        threads = [in_thread(camera.pass_on) for _ in range(3)]
        camera.fetch()
        gentl.DevClose(camera.device)
        for thread, result in threads:
            thread.join()
            assert result[0].code in (c.ABORT, c.INVALID_HANDLE)
        gentl.TLClose(camera.system)


def a_stream_may_be_closed_while_others_announce_and_register(cti):
    gentl = Producer(cti)
    memory = ctypes.create_string_buffer(100)
    camera = a65(gentl)
    gentl.DSClose(camera.stream)

    def announce(stream):
        while True:
            gentl.handle("DSAnnounceBuffer", stream, memory, len(memory), None)

    def register(stream):
        while True:
            gentl.handle("GCRegisterEvent", stream, c.NEW_BUFFER)
            gentl.GCUnregisterEvent(stream, c.NEW_BUFFER)

    def flush(stream):
        while True:
            gentl.DSFlushQueue(stream, c.ALL_TO_INPUT)
            gentl.DSFlushQueue(stream, c.ALL_DISCARD)

    for _ in range(20):
        stream = gentl.handle("DevOpenDataStream", camera.device, b"stream0")
        threads = [in_thread(function, stream) for function in (announce, register, flush)]
        while gentl.info("DSGetInfo", stream, c.ANNOUNCED) < 20:
            continue
        gentl.DSClose(stream)
        for thread, result in threads:
            thread.join()
            assert result[0].code == c.INVALID_HANDLE
    gentl.TLClose(camera.system)


def a_list_changes_when_cameras_come_and_wants_addresses(cti):
    gentl = Producer(cti)
    system, interface = gentl.interface()
    gentl.wait_for_camera(interface, SERIAL)
    changed = c_uint8(7)
    gentl.IFUpdateDeviceList(interface, byref(changed), 1000)
    assert changed.value == 0
    os.environ["MAVFER_GENTL_ADDRESS"] = "127.0.0.2"
    gentl.IFUpdateDeviceList(interface, byref(changed), 1000)
    assert (changed.value, list(gentl.cameras(interface))) == (1, [SERIAL])
    os.environ["MAVFER_GENTL_ADDRESS"] = "127.0.0.1"
    gentl.IFUpdateDeviceList(interface, byref(changed), 0)  # no time to ask anybody
    assert (changed.value, list(gentl.cameras(interface))) == (0, [SERIAL])
    os.environ["MAVFER_GENTL_ADDRESS"] = "127.0.0.2 camera.lab"
    refused(c.INVALID_PARAMETER, gentl.IFUpdateDeviceList, interface, None, 1000)
    assert "camera.lab" in gentl.last_error()[1]
    for of_many in ("0.0.0.0", "255.255.255.255", "224.0.0.1", "::1"):
        os.environ["MAVFER_GENTL_ADDRESS"] = of_many
        refused(c.INVALID_PARAMETER, gentl.IFUpdateDeviceList, interface, None, 1000)
    assert list(gentl.cameras(interface)) == [SERIAL]
    refused(c.INVALID_INDEX, gentl.text, "IFGetDeviceID", interface, 1)
    refused(c.INVALID_ID, gentl.handle, "IFOpenDevice", interface, b"nobody", c.EXCLUSIVE)
    gentl.TLClose(system)


def a_camera_in_use_is_refused_and_says_so(cti):
    gentl = Producer(cti)
    system, interface = gentl.interface()
    camera_id = gentl.wait_for_camera(interface, SERIAL)
    status = lambda: gentl.info("IFGetDeviceInfo", interface, camera_id, c.ACCESS_STATUS)  # noqa: E731
    assert status() == c.READWRITE
    other = subprocess.Popen(
        [sys.executable, __file__, cti, "_hold"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "held\n"
    assert status() == c.STATUS_BUSY
    refused(c.ACCESS_DENIED, gentl.handle, "IFOpenDevice", interface, camera_id, c.EXCLUSIVE)
    other.communicate("let go\n")
    assert status() == c.READWRITE
    device = gentl.handle("IFOpenDevice", interface, camera_id, c.EXCLUSIVE)
    assert gentl.info("DevGetInfo", device, c.ACCESS_STATUS) == c.OPEN_READWRITE
    refused(c.RESOURCE_IN_USE, gentl.handle, "IFOpenDevice", interface, camera_id, c.CONTROL)
    gentl.TLClose(system)


def a_camera_open_to_be_read_is_free_for_others_and_cannot_be_changed(cti):
    gentl = Producer(cti)
    system, interface = gentl.interface()
    camera_id = gentl.wait_for_camera(interface, SERIAL)
    reader = gentl.handle("IFOpenDevice", interface, camera_id, c.READONLY)
    assert gentl.info("DevGetInfo", reader, c.ACCESS_STATUS) == c.OPEN_READONLY
    port = gentl.handle("DevGetPort", reader)
    assert gentl.read(port, NAME_REGISTER, 6) == b"Aravis"
    refused(c.ACCESS_DENIED, gentl.write, port, COMMAND, word(1))
    refused(c.ACCESS_DENIED, gentl.handle, "DevOpenDataStream", reader, b"stream0")
    subprocess.run([sys.executable, __file__, cti, "_hold"], input="", check=True, text=True)
    gentl.TLClose(system)


def _hold(cti):
    camera = fake_camera(Producer(cti))
    print("held", flush=True)
    sys.stdin.readline()
    camera.close()


def opening_and_closing_leaves_nothing_behind(cti):
    import psutil

    process = psutil.Process()
    gentl = Producer(cti)
    fds, kilobytes = [], []
    for _ in range(20):
        camera = a65(gentl)
        camera.start()
        camera.frame_ids(1)
        camera.stop()
        camera.close()
        gentl.GCCloseLib()
        gentl.GCInitLib()
        fds.append(process.num_fds())
        kilobytes.append(process.memory_info().rss // 1024)
    assert len(set(fds[2:])) == 1, fds
    assert kilobytes[-1] - kilobytes[4] < 2048, kilobytes


if __name__ == "__main__":
    run_law(globals())
