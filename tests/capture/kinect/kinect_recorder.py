"""A recorder whose Kinect runtime is a stand-in: `python kinect_recorder.py NAME RIG PICTURES`.

The sensor makes 30 frames a second in real time, of the pictures in PICTURES (.npz) in turn; frame n is
exposed n periods of its clock after the first.
"""

import sys
import threading
import time
from pathlib import Path

import kinect20  # beside this file
import numpy as np

from mavfer.capture import recorder
from mavfer.capture.rig import read_rig

PERIOD_TICKS = 333_333
EPOCH_TICKS = 71_000_000


def film(sdk: kinect20.Sdk, raw: list) -> None:
    """Let the sensor see one picture after another, for as long as this process lives."""
    begun_s, n = time.monotonic(), 0
    while True:
        with sdk.changed:
            sdk.changed.wait_for(sdk.readable)
        n = max(n + 1, int((time.monotonic() - begun_s) * 1e7 / PERIOD_TICKS))
        time.sleep(max(0.0, begun_s + n * PERIOD_TICKS / 1e7 - time.monotonic()))
        ticks = EPOCH_TICKS + n * PERIOD_TICKS
        sdk.show(kinect20.Shot(*raw[n % len(raw)], ticks, ticks - 20_000))


name, file, pictures = sys.argv[1:]
rig = read_rig(Path(file))
assert rig.master is not None
with np.load(pictures) as stored:
    trios = zip(stored["color"], stored["depth"], stored["infrared"], strict=True)
    raw = [kinect20.as_sensor(*trio) for trio in trios]
sdk = kinect20.Sdk()
sdk.install(setattr)
threading.Thread(target=film, args=(sdk, raw), daemon=True).start()
recorder.run_recorder(
    name,
    rig=rig,
    master=f"tcp://127.0.0.1:{rig.master.port}",
    stays=True,
    folder=rig.recorders[name].folder,
)
