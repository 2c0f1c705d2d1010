"""What a program sees that reaches cameras through harvesters.

harvest.py CTI FUNCTION [...], in a network that holds cameras. Each function prints what it saw, a line of
JSON.
"""

import json
import sys
import time
import warnings
from itertools import pairwise

with warnings.catch_warnings():
    from genicam.gentl import GenericException, TimeoutException
    from harvesters.core import Harvester

WAIT_S = 60.0


def _load(cti):
    harvester = Harvester()
    harvester.add_file(cti)
    harvester.update()
    return harvester


def _open(harvester, serial):
    until_s = time.monotonic() + WAIT_S
    while serial not in [info.serial_number for info in harvester.device_info_list]:
        assert time.monotonic() < until_s, "no such camera"
        harvester.update()
    acquirer = harvester.create({"serial_number": serial})
    acquirer.num_buffers = 16
    return acquirer


def _fetch(acquirer):
    """Return id and timestamp of the next whole frame; harvesters answers None for one that is not."""
    while True:
        buffer = acquirer.fetch(timeout=WAIT_S)
        if buffer is not None:
            with buffer:
                component = buffer.payload.components[0]
                size = (component.width, component.height, len(component.data))
                return buffer.module.frame_id, buffer.timestamp_ns, size


def stream(cti, serial, last_id, resend):
    """Stream up to a frame number, with lost packets sent again or not."""
    harvester = _load(cti)
    acquirer = _open(harvester, serial)
    acquirer.remote_device.node_map.PixelFormat.value = "Mono14"
    nodes = acquirer.data_streams[0].node_map
    nodes.StreamPacketResendEnable.value = resend == "resend"
    assert nodes.StreamPacketResendEnable.value == (resend == "resend")
    acquirer.start()
    frames = [_fetch(acquirer)]
    while frames[-1][0] < int(last_id):
        frames.append(_fetch(acquirer))
    counters = {
        name: getattr(nodes, name).value
        for name in (
            "StreamDeliveredFrameCount",
            "StreamIncompleteFrameCount",
            "StreamLostFrameCount",
            "StreamPacketResendReceivedPacketCount",
        )
    }
    acquirer.stop()
    acquirer.destroy()
    harvester.reset()
    print(json.dumps({"frames": frames, "counters": counters}))


def two_at_once(cti, first, second, count):
    """Take so many frames of two cameras in turn."""
    harvester = _load(cti)
    acquirers = [_open(harvester, serial) for serial in (first, second)]
    for acquirer in acquirers:
        acquirer.start()
    frames = [[_fetch(acquirer) for acquirer in acquirers] for _ in range(int(count))]
    for acquirer in acquirers:
        acquirer.stop()
        acquirer.destroy()
    harvester.reset()
    print(json.dumps([[pair[i] for pair in frames] for i in range(2)]))


def gone_and_back(cti, serial):
    """Stream, say so, wait until the camera is gone, say so, and look for it until it streams again."""
    harvester = _load(cti)
    acquirer = _open(harvester, serial)
    acquirer.start()
    _fetch(acquirer)
    print("streaming", flush=True)
    seen = {"silence": False, "register": "", "opened": ""}
    while not seen["silence"]:
        try:
            acquirer.fetch(timeout=1.0)
        except TimeoutException:
            seen["silence"] = True
    times = [time.monotonic()]
    try:
        acquirer.remote_device.port.read(0, 4)
    except GenericException as error:
        seen["register"] = str(error)
    times.append(time.monotonic())
    for let_go in (acquirer.stop, acquirer.destroy):
        try:
            let_go()
        except GenericException as error:
            seen[let_go.__name__] = str(error)
        times.append(time.monotonic())
    try:
        harvester.create({"serial_number": serial})
    except GenericException as error:
        seen["opened"] = str(error)
    times.append(time.monotonic())
    print("gone", flush=True)
    assert sys.stdin.readline() == "look\n"
    acquirer = _open(harvester, serial)
    acquirer.start()
    seen["back"] = [_fetch(acquirer)[0] for _ in range(5)]
    acquirer.stop()
    acquirer.destroy()
    harvester.reset()
    seen["took_s"] = [round(after - before, 2) for before, after in pairwise(times)]
    print(json.dumps(seen))


if __name__ == "__main__":
    globals()[sys.argv[2]](sys.argv[1], *sys.argv[3:])
