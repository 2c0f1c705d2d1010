"""The camera's process as the recorder holds it: started, read, asked, ended."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..flir_settings import FlirSettings
from .messages import Head, read_message

HOST = (sys.executable, "-P", "-m", "mavfer.capture.flir.host")
"""-P: a file in the operator's folder must not stand in for a module of the same name."""
PIPE_BYTES = 1024 * 1024
"""A frame and a half: on Linux, where the size of a pipe can be set, a frame is handed over in one go."""


class HostProcess:
    """A running `mavfer.capture.flir.host`; read by one thread, asked and ended by any."""

    def __init__(self, cti: Path, settings: FlirSettings) -> None:
        asked = json.dumps({"cti": str(cti), "settings": settings.model_dump(mode="json")})
        environment = {**os.environ, "MAVFER_GENTL_RESEND": "1" if settings.resend else "0"}
        if settings.address is not None:
            environment["MAVFER_GENTL_ADDRESS"] = settings.address
        flags = subprocess.CREATE_NO_WINDOW if sys.platform == "win32" else 0
        self._process = subprocess.Popen(
            [*HOST, asked],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            creationflags=flags,
        )
        if sys.platform == "linux":
            import fcntl

            assert self._process.stdout is not None
            with suppress(OSError):  # more than this user may have
                fcntl.fcntl(self._process.stdout, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def messages(self) -> Iterator[tuple[Head, NDArray[np.uint8]]]:
        """Yield what the process sends, until it ends; raises CameraError for what is no message."""
        assert isinstance(self._process.stdout, BufferedReader)
        while (message := read_message(self._process.stdout)) is not None:
            yield message

    def ask(self, command: str) -> None:
        """Send a command; harmless when the process has ended."""
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):
            self._process.stdin.write(f"{command}\n".encode())
            self._process.stdin.flush()

    def ask_to_end(self) -> None:
        """Let the process close its camera and end; it must still be read meanwhile."""
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):
            self._process.stdin.close()

    def kill(self) -> None:
        """End the process now; its reader then finds the end."""
        self._process.kill()

    def reap(self) -> str:
        """Return how the process ended, once it has; nothing of it is left then."""
        self.ask_to_end()
        status = self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        return f"signal {-status}" if status < 0 else f"exit {status}"
