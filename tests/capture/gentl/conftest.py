"""A network that a test makes for itself, loopback and a pair of cards, and the cameras in it.

Discovery is a broadcast on every network card: nothing of it happens outside.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mavfer.capture.gentl.build import FLAGS, SOURCES, build_producer, compile_command, compile_to

HERE = Path(__file__).parent
WAIT_S = 120.0
A65, FAKE = "127.0.0.1", "127.0.0.2"
A65_SERIAL, FAKE_SERIAL = "65000001", "FAKE01"
FAKE_PROGRAM = "arv-fake-gv-camera-0.8"
STRICT = ("-Werror", "-Wshadow", "-Wmissing-prototypes", "-Wstrict-prototypes")
SANITIZED = ("-O1", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def refuse(why):
    """Do without what a test needs; where everything must be tested that is a failure."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(why)


class Lab:
    """A network of its own, held by a process that ends with its standard input."""

    def __init__(self):
        if sys.platform != "linux":
            pytest.skip("networks of a test's own are Linux's")
        for program in ("unshare", "nsenter", "ip", "gcc", "pkg-config", FAKE_PROGRAM):
            if shutil.which(program) is None:
                refuse(f"{program!r} is not installed")
        script = (
            f"ip link set lo up && ip address add {FAKE}/8 dev lo && "
            "ip link add near type veth peer name far && ip link set near up && ip link set far up && "
            "ip address add 10.99.0.1/24 broadcast + dev near && echo up && exec cat"
        )
        self.holder = subprocess.Popen(
            ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if self.holder.stdout.readline() != "up\n":
            refuse(f"no network of the test's own can be made here: {self.holder.communicate()[1].strip()}")
        target = ("--target", str(self.holder.pid), "--user", "--net", "--preserve-credentials")
        self.inside = ("nsenter", *target, "--")
        self.started = []

    def start(self, *words, **environment):
        """Start a process in the network, with pipes."""
        process = subprocess.Popen(
            [*self.inside, *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(**environment),
        )
        self.started.append(process)
        return process

    def run(self, *words, **environment):
        """Run a process in the network to its end; return its output, a failure is the test's."""
        done = self.try_to(*words, **environment)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def try_to(self, *words, **environment):
        return subprocess.run(
            [*self.inside, *map(str, words)],
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
            env=self.environment(**environment),
        )

    @staticmethod
    def environment(**more):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MAVFER_GENTL")}
        return kept | {"MAVFER_GENTL_ADDRESS": f"{A65} {FAKE}", "PYTHONDONTWRITEBYTECODE": "1"} | more

    def close(self):
        for process in self.started:
            end(process)
        self.holder.communicate()


def end(process):
    if process.poll() is None:
        process.terminate()
    process.communicate()


class SimulatedA65:
    """The project's own camera on the wire, steered through its standard input."""

    def __init__(self, lab):
        words = ("-m", "mavfer", "simulate-a65", "--address", A65, "--serial", A65_SERIAL, "--nuc-every", "0")
        self.process = lab.start(sys.executable, *words)
        assert self.process.stdout.readline().startswith("ready "), self.process.communicate()[1]

    def tell(self, line):
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer.startswith("ok "), answer
        return answer

    def counters(self):
        return json.loads(self.tell("counters").removeprefix("ok counters "))


@pytest.fixture(scope="session")
def lab():
    """Return a network of the tests' own."""
    made = Lab()
    yield made
    made.close()


@pytest.fixture(scope="session")
def a65_on(lab):
    return SimulatedA65(lab)


@pytest.fixture
def a65(a65_on):
    """Return the simulated A65 as it is when switched on, whatever the test before has left."""
    a65_on.tell("vanish")
    a65_on.tell("drop 0")
    a65_on.tell("return")
    return a65_on


@pytest.fixture
def fake(lab):
    """Start Debian's fake camera, another peer than our own."""
    process = lab.start(FAKE_PROGRAM, "-i", FAKE, "-s", FAKE_SERIAL)
    yield process
    end(process)


@pytest.fixture(scope="session")
def cti(tmp_path_factory):
    """Return the producer, compiled as a user's is."""
    return build_producer(tmp_path_factory.mktemp("producer"))


@pytest.fixture(scope="session")
def sanitized(tmp_path_factory):
    """Return the producer with AddressSanitizer in it, compiled with all warnings as errors."""
    file = tmp_path_factory.mktemp("sanitized") / "sanitized.cti"
    compile_to(file, compile_command(compiler=["gcc"], flags=(*FLAGS, *STRICT, *SANITIZED)))
    return file


@pytest.fixture(scope="session")
def sanitizers():
    """Return the environment in which Python can load what has sanitizers in it."""
    found = [
        subprocess.check_output(["gcc", f"-print-file-name={name}"], text=True).strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    # Python itself leaves memory behind at its end: leaks are looked for with client.c.
    return {"LD_PRELOAD": ":".join(found), "ASAN_OPTIONS": "detect_leaks=0"}


@pytest.fixture(scope="session")
def client(tmp_path_factory, sanitized):
    """Return a consumer in C that is linked with the sanitized producer."""
    file = tmp_path_factory.mktemp("client") / "client"
    # What the producer does not export is compiled in once more.
    sources = (HERE / "client.c", SOURCES / "frames.c", sanitized)
    flags = ("-std=gnu11", "-Wall", "-Wextra", *STRICT, *SANITIZED, f"-I{SOURCES}")
    compile_to(file, compile_command(sources, compiler=["gcc"], flags=flags))
    return file
