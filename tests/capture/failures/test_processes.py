"""Recorders that are missing, refuse, are told to end before a take, or hear the same command twice."""

import os
import secrets
import signal
import subprocess
import sys
import time

import psutil
import pytest

from mavfer.capture.clock import boot_id
from mavfer.capture.link import MasterLink
from mavfer.capture.messages import Command
from mavfer.capture.rig import Rig
from mavfer.capture.session import open_session
from mavfer.capture.streams import Stream
from mavfer.capture.synchronize import synchronize
from mavfer.capture.take import TakeReport
from mavfer.errors import RecordError

WAIT_S = 60.0
MIB = 2**20
posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


class HandMaster:
    """A master that sends what it is told to, one command at a time, as often as it is told to."""

    def __init__(self, port):
        self.link = MasterLink(port=port)
        self.master = secrets.token_hex(8)
        self.peer = ""
        self.beats = []
        self._n = 0

    def close(self):
        self.link.close()

    def hear(self, found, *, keep_s=WAIT_S):
        """Return the first message of which `found` is true."""
        end_s = time.monotonic() + keep_s
        while time.monotonic() < end_s:
            for heard in self.link.receive(0.1):
                if heard.message.__class__.__name__ == "Beat":
                    self.beats.append(heard.message)
                elif found(heard.message):
                    self.peer = heard.peer
                    return heard.message
        raise AssertionError("it was not heard in time")

    def join(self):
        """Wait for a recorder, let it join, and let it measure its clock."""
        self.hear(lambda message: message.kind == "hello")
        ports = {"ping_port": self.link.ping_port, "status_port": self.link.status_port}
        self.tell("join", ports | {"boot_id": boot_id(), "host": "here"}, number=0)
        while not self.beats or self.beats[-1].n_pings == 0:
            self.hear(lambda message: True, keep_s=0.2) if self.link is None else self._listen()

    def _listen(self):
        for heard in self.link.receive(0.1):
            if heard.message.__class__.__name__ == "Beat":
                self.beats.append(heard.message)

    def tell(self, do, body, *, number=None, late_s=0.0):
        """Send a command and return the answer to it."""
        self._n += 1
        command = Command(
            master=self.master,
            id=self._n if number is None else number,
            do=do,
            deadline_ns=time.monotonic_ns() + round((20.0 - late_s) * 1e9),
            body=body,
        )
        self.link.send(self.peer, command)
        return self.hear(lambda message: message.kind != "hello" and message.id == command.id)


@pytest.fixture
def hand_master(lab):
    master = HandMaster(lab.port)
    yield master
    master.close()


def waiting_rig(lab, **settings):
    """Return a rig of two recorders that wait; see odd_recorder.py for the thermal one."""
    tables = {"cam": {"camera": "video", "path": str(lab.film)}, "thermal": {"camera": "simulated_a65"}}
    return lab.rig(recorders=tables | settings.pop("tables", {}), color="lossless", **settings)


def only(rig, name):
    return rig.model_copy(update={"recorders": {name: rig.recorders[name]}})


def bring_home(report):
    """Copy the files of a take from its recorders' folders into the session."""
    from pathlib import Path

    for folder in report.elsewhere.values():
        for file in Path(folder).iterdir():
            (report.path / file.name).write_bytes(file.read_bytes())
    return open_session(report.path)
