"""A network of a test's own: loopback alone, so that what cameras are asked by broadcast reaches nobody."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mavfer.capture.gentl.build import build_producer

WAIT_S = 120.0


def refuse(why: str) -> None:
    """Do without what a test needs; where everything must be tested that is a failure."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(why)


class Wire:
    """A network with loopback alone, held by a process that ends with its standard input."""

    def __init__(self) -> None:
        if sys.platform != "linux":
            pytest.skip("networks of a test's own are Linux's")
        for program in ("unshare", "nsenter", "ip"):
            if shutil.which(program) is None:
                refuse(f"{program!r} is not installed")
        self._started: list[subprocess.Popen[str]] = []
        self._holder = subprocess.Popen(
            [
                "unshare",
                "--user",
                "--map-root-user",
                "--net",
                "sh",
                "-c",
                "ip link set lo up && echo up && cat",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "up\n":
            refuse(f"no network of the test's own can be made here: {self._holder.communicate()[1].strip()}")
        target = ("--target", str(self._holder.pid), "--user", "--net", "--preserve-credentials")
        self.inside: tuple[str, ...] = ("nsenter", *target, "--")

    def run(self, *words: object, **settings: Any) -> subprocess.CompletedProcess[str]:
        """Run a process in this network to its end; a failure is the test's."""
        command = [*self.inside, *map(str, words)]
        settings = {"capture_output": True, "text": True, "timeout": WAIT_S, "check": False} | settings
        done = subprocess.run(command, **settings)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done

    def start(self, *words: object, **settings: Any) -> subprocess.Popen[str]:
        """Start a process in this network; it ends with the test at the latest."""
        command = [*self.inside, *map(str, words)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._started.append(subprocess.Popen(command, **(pipes | settings)))
        return self._started[-1]

    def simulated_a65(self, *options: object) -> "Device":
        """Start a simulated A65 in this network and return it once it answers."""
        return Device(self.start(sys.executable, "-m", "mavfer", "simulate-a65", *options))

    def close(self) -> None:
        """End what was started, and the network with it."""
        for process in self._started:
            if process.poll() is None:
                process.terminate()
            process.communicate()
        self._holder.communicate()


class Device:
    """A simulated A65 in a process of its own.

    Attributes
    ----------
    clock_start_ns, scene_start_ns : when its clock and its scene began, on this machine's monotonic clock
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        said = self._read()
        assert said.startswith("ready "), said
        told = dict(word.split("=") for word in said.split() if "=" in word)
        self.clock_start_ns = int(told["clock_start_ns"])
        self.scene_start_ns = int(told["scene_start_ns"])

    def tell(self, command: str) -> str:
        """Tell it what to do; return its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        answer = self._read()
        assert answer.startswith("ok "), answer
        return answer

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@pytest.fixture
def wire() -> Iterator[Wire]:
    """Return a network of the test's own."""
    made = Wire()
    yield made
    made.close()


@pytest.fixture(scope="session")
def producer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the project's own GenTL producer, compiled."""
    return build_producer(tmp_path_factory.mktemp("producer"))
