"""On PYTHONPATH, this lets every recorder write down each frame whose storing has returned: its device time.

The file lies in the folder ACKNOWLEDGED and is named after the process; what was written outlives a kill.
"""

import os
import struct
import sys
from pathlib import Path

if "recorder" in sys.orig_argv and "ACKNOWLEDGED" in os.environ:
    from mavfer.capture.session_writer import SessionWriter

    store = SessionWriter.append
    place = Path(os.environ["ACKNOWLEDGED"]) / str(os.getpid())
    notebook = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def append(writer, frames):
        """Store, then acknowledge."""
        store(writer, frames)
        for frame in frames:
            os.write(notebook, struct.pack("<q", frame.device_time_ns))

    SessionWriter.append = append
