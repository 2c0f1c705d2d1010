"""Write frames where the disk is full for a while, and print what was stored: `stuck_disk.py FOLDER [stuck]`.

A limit on the size of files makes the system refuse a message when half of it is written. "stuck" has it
refuse to cut files as well.
"""

import ctypes
import json
import platform
import resource
import struct
import sys
from pathlib import Path

import numpy as np

from mavfer.capture.session import SessionRecord, write_record
from mavfer.capture.session_writer import SessionWriter
from mavfer.capture.streams import Frame, Stream, StreamSpec

FTRUNCATE = {"x86_64": 77, "aarch64": 46}
EIO = 5


def refuse_to_cut_files():
    """Have the system answer every ftruncate of this process with EIO (seccomp(2), classic BPF)."""
    rules = (
        struct.pack("<HBBI", 0x20, 0, 0, 0),  # load the number of the system call
        struct.pack("<HBBI", 0x15, 0, 1, FTRUNCATE[platform.machine()]),
        struct.pack("<HBBI", 0x06, 0, 0, 0x00050000 | EIO),  # return an error
        struct.pack("<HBBI", 0x06, 0, 0, 0x7FFF0000),  # allow
    )
    code = ctypes.create_string_buffer(b"".join(rules))
    program = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", len(rules), ctypes.addressof(code)))
    system = ctypes.CDLL(None, use_errno=True)
    if system.prctl(38, 1, 0, 0, 0) or system.prctl(22, 2, program, 0, 0):
        print(json.dumps({"skip": "this system does not let a process forbid itself a system call"}))
        sys.exit()


folder = Path(sys.argv[1])
spec = StreamSpec(Stream.DEPTH, (40, 50), "uint16", "mm")
record = {
    "id": folder.name,
    "subject": "S01",
    "rig": "test",
    "simulated": False,
    "state": "recording",
    "started_utc": "2026-01-01T00:00:00Z",
    "plan": {"first_tick_ns": 1, "fps": 30.0, "n_ticks": 100},
    "recorders": {"cam": {"camera": "test", "streams": ["depth"]}},
}
write_record(folder, SessionRecord.model_validate(record))
if "stuck" in sys.argv:
    refuse_to_cut_files()
writer = SessionWriter(folder, recorder="cam", specs=(spec,))
writer.begin({"session": record}, now_ns=1)
stored, refused = [], []
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
for i in range(100):
    pixels = np.random.default_rng(i).integers(0, 65535, spec.shape).astype(np.uint16)
    try:
        writer.append([Frame(spec.stream, pixels, i + 1, i + 1, i)])
        stored.append(i)
    except OSError as error:
        refused.append((i, error.strerror))
    if len(refused) == 3:  # there is room again
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
try:
    finished = list(writer.finish())
except OSError as error:
    finished = str(error)
print(json.dumps({"stored": stored, "refused": refused, "finished": finished}))
