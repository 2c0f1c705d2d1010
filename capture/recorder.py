"""One process per sensor: it opens its camera, carries out the plans of its master, and tells how it goes.

It serves one master at a time and outlives it: a running plan is carried out, the files are closed in order,
and another master may join. recording.py has the take itself.
"""

import math
import os
import platform
import secrets
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import __version__
from ..config import parse
from ..errors import ConfigError, MavferError, RecordError
from .cameras import make_camera, make_clock
from .clock import boot_id
from .collect.send_files import Sender, files_to_send, session_folder
from .disk import disk_of, estimate_bytes_per_s, write_speed_bytes_per_s
from .keys import read_recorder_keys
from .link import RecorderLink
from .messages import Beat, Command, Hello, Join, Report, SendFiles, StopTake
from .payload import encode_json
from .pings import Pinger
from .plan_clock import PlanClock
from .recording import Recording
from .rig import Rig
from .sensor import Sensor
from .software import software_versions
from .trigger import Plan

BEAT_EVERY_S = 0.25
HEALTH_EVERY_S = 1.0
HELLO_EVERY_S = 0.3
MASTER_LOST_S = 3.0
"""A master that was silent for so long may be replaced by another."""
ORPHAN_S = 30.0
"""A recorder that its master had started ends when the master was silent for so long and no take runs."""
PING_WAIT_S = 5.0


class Recorder:
    """The recorder `name` of `rig`; the main thread handles its commands.

    Parameters
    ----------
    master : the master's address
    stays : wait for the next master when one has left; otherwise end
    folder : where it keeps sessions, where the master does not say
    """

    def __init__(self, name: str, *, rig: Rig, master: str, stays: bool, folder: Path) -> None:
        if name not in rig.recorders:
            raise ConfigError(f"wanted one of the rig's recorders {', '.join(rig.recorders)}, found {name!r}")
        self._name = name
        self._own_rig = self._rig = rig
        self._stays = stays
        self._sessions = folder.absolute()
        self._folder = self._sessions  # of the take
        self._clock = make_clock(rig, name)
        keys = read_recorder_keys(rig.keys, name) if rig.keys is not None else None
        peer = f"{name}.{secrets.token_hex(4)}"
        self._link = RecorderLink(peer, master=master, keys=keys, on_refusal=self._say)
        self._sensor: Sensor | None = None
        self._sensor_key: object = None
        self._take: Recording | None = None
        self._made_folder: Path | None = None  # for a take that has not started
        self._sender: Sender | None = None
        self._pings = PlanClock()
        self._pinger: Pinger | None = None
        self._master = ""
        self._master_boot_id = ""
        self._heard_s = time.monotonic()
        self._state = "waiting"
        self._health: dict[str, float] = {}
        self._notices: tuple[str, ...] = ()
        self._answers: dict[int, Report] = {}
        self._told_to_quit = False
        self._terminated = False

    def terminate(self) -> None:
        """End the take with the tick that is due and close the files; safe to call from a signal handler."""
        self._terminated = True

    def run(self) -> None:
        """Serve masters until told to quit, or until `terminate` is called.

        Raises
        ------
        RecordError
            Another recorder of this name is at work, or the master that started this one fell silent.
        """
        said_s = beat_s = health_s = 0.0
        try:
            while not self._told_to_quit and not self._terminated:
                command = self._link.receive(0.05)
                if command is not None:
                    self._obey(command)
                now_s = time.monotonic()
                silent_s = now_s - self._heard_s
                if (not self._master or silent_s > MASTER_LOST_S) and now_s - said_s > HELLO_EVERY_S:
                    said_s = now_s
                    self._link.send(Report(kind="hello", body=self._hello()))
                self._look_after_take()
                if now_s - health_s > HEALTH_EVERY_S:
                    health_s = now_s
                    self._look_at_health()
                if self._master and now_s - beat_s > BEAT_EVERY_S:
                    beat_s = now_s
                    self._link.send_beat(self._beat())
                if not self._stays and silent_s > ORPHAN_S and self._state != "recording":
                    raise RecordError(f"the master was silent for {ORPHAN_S:g} s; {self._kept()}")
        finally:
            self._close()

    def _obey(self, command: Command) -> None:
        """Carry out a command once, however often it comes, and acknowledge it each time."""
        if command.do == "turn_away":
            if self._heard_lately() or (self._take is not None and self._take.running):
                return  # whoever that is: this one has a master, or frames to store
            where = command.body.get("host", "another machine")
            raise RecordError(
                f"another recorder {self._name!r}, on {where}, is at work for this master; end that one first"
            )
        if command.do == "join":
            self._link.send(self._answer(command, lambda body: self._join(body, master=command.master)))
            return
        if command.master != self._master:
            refusal = {"error": "wanted a command of the master that was joined, found another's"}
            self._link.send(Report(kind="refused", master=command.master, id=command.id, body=refusal))
            return
        if command.do != "stay" and command.id not in self._answers:
            work: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
                "open": self._open,
                "measure": self._measure,
                "arm": self._arm,
                "disarm": self._disarm,
                "start": self._start,
                "stop": self._stop,
                "send": self._send_files,
                "leave": self._leave,
                "quit": self._quit,
            }
            self._answers[command.id] = self._answer(command, work[command.do])
        self._heard_s = time.monotonic()  # after the command: opening a camera takes its time
        if command.do != "stay":
            answer = self._answers[command.id]
            self._link.send(answer)
            if command.do == "leave" and answer.kind == "done":
                self._forget_master()

    def _answer(self, command: Command, work: Callable[[dict[str, Any]], dict[str, Any]]) -> Report:
        """Carry out a command now and return what became of it."""
        body: dict[str, Any]
        try:
            if command.do == "join" and self._joined_to_another(command.master):
                raise RecordError(f"wanted a recorder without a master, found {self._name!r} joined to one")
            knows_time = command.do != "join" and self._pings.n_pings > 0 and not self._rig.is_virtual
            if knows_time and self._master_ns() > command.deadline_ns:
                raise RecordError(f"the command {command.do!r} came after its deadline")
            kind, body = "done", work(command.body)
        except Exception as error:  # no command may end a recorder, least of all one in the middle of a take
            kind, body = "refused", {"error": _reason(error)}
        return Report(kind=kind, master=command.master, id=command.id, body=body)

    def _joined_to_another(self, master: str) -> bool:
        return self._master != master and self._heard_lately()

    def _heard_lately(self) -> bool:
        """Whether there is a master that has not fallen silent."""
        return bool(self._master) and time.monotonic() - self._heard_s < MASTER_LOST_S

    def _join(self, body: dict[str, Any], *, master: str) -> dict[str, Any]:
        join = parse(body, Join, where="the command 'join'")
        if master != self._master:
            self._say(f"joined by the master on {join.host}")
            self._stop_sending()
            if self._pinger is not None:
                self._pinger.stop()
            if join.boot_id != self._master_boot_id and not (self._take is not None and self._take.running):
                self._pings = PlanClock()
            self._answers = {}
            self._master, self._master_boot_id = master, join.boot_id
            self._link.publish_to(join.status_port)
            self._pinger = self._link.pinger(join.ping_port, clock=self._clock, on_ping=self._take_ping)
        self._heard_s = time.monotonic()
        return self._hello()

    def _open(self, body: dict[str, Any]) -> dict[str, Any]:
        """Open the camera, or show again what it sees; tell what a take will cost."""
        if self._take is not None and self._take.running:
            raise RecordError(f"a take runs: {self._take.folder}")
        self._stop_sending("a take is to be recorded, which comes first")
        rig = parse(body["rig"], Rig, where="the command 'open'")
        own = self._own_rig.recorders[self._name]
        settings = rig.recorders[self._name]
        if self._stays:  # its own machine's paths; all else is the master's to say
            settings = settings.with_places_of(own)
            rig = rig.model_copy(update={"recorders": rig.recorders | {self._name: settings}})
        subject, seconds = str(body["subject"]), float(body["seconds"])
        scene = (rig.scene, subject, seconds) if settings.simulated else None
        key = (settings, rig.color, scene, bool(body["previews"]))
        given_up = self._take is not None and self._take.camera_given_up
        if self._sensor is None or self._sensor_key != key or given_up or self._sensor.hangs():
            self._close_camera()
            camera = make_camera(settings, rig=rig, subject=subject, seconds=seconds, clock=self._clock)
            try:
                camera.open()
                preview = self._send_preview if body["previews"] and not rig.is_virtual else None
                sensor = Sensor(camera, clock=self._clock, color=rig.color, send_preview=preview)
                sensor.measure()
            except BaseException:
                camera.close()
                raise
            self._sensor, self._sensor_key = sensor, key
        self._discard()  # of a master that died before it started the take
        self._rig, self._state, self._take = rig, "open", None
        self._sensor.rest()
        if self._pinger is not None:
            self._pinger.measured.wait(timeout=PING_WAIT_S)
        self._folder = self._take_folder(body)
        camera = self._sensor.camera
        disk = disk_of(self._folder)
        return {
            "streams": [spec.stream.value for spec in camera.specs],
            "fps": camera.fps,
            "nodes": camera.nodes(),
            "boot_id": boot_id(),
            "software": software_versions(),
            "host": platform.node(),
            "bytes_per_s": self._estimated_bytes_per_s(),
            "disk": f"{boot_id()}:{disk.device}",
            "disk_free_bytes": disk.free_bytes,
            "folder": str(self._folder),
        }

    def _measure(self, _: dict[str, Any]) -> dict[str, Any]:
        """Measure how fast the disk takes what is written."""
        return {"write_bytes_per_s": write_speed_bytes_per_s(self._folder)}

    def _take_folder(self, body: dict[str, Any]) -> Path:
        """Return where the take will lie: where the master says, on one machine; else in the own folder."""
        if body.get("folder") and not self._stays:
            return Path(body["folder"])
        session = str(body["session"])
        if Path(session).name != session or session in ("", ".", ".."):
            raise RecordError(f"wanted a session's name that can name a folder, found {session!r}")
        return self._sessions / session

    def _arm(self, body: dict[str, Any]) -> dict[str, Any]:
        """Make the take's files."""
        if self._sensor is None:
            raise RecordError("wanted an open camera to arm, found none")
        if self._sensor.gone:  # it goes on being looked for, and may be there for the next try
            raise RecordError(self._sensor.gone)
        if self._take is not None and not self._take.finished:
            return {}
        self._stop_sending("a take is recorded, which comes first")
        self._folder = self._take_folder(body)
        if self._stays or not body.get("folder"):
            if self._folder.exists() and any(self._folder.iterdir()):
                raise RecordError(f"the recorder's folder holds a session of this name: {self._folder}")
            self._folder.mkdir(parents=True, exist_ok=True)
            self._made_folder = self._folder
        try:
            self._take = Recording(
                self._folder,
                session=str(body["session"]),
                recorder=self._name,
                rig=self._rig,
                settings=self._rig.recorders[self._name],
                sensor=self._sensor,
                clock=self._clock,
                pings=self._pings,
                free_bytes=self._free_bytes,
            )
        except BaseException:
            self._discard()
            raise
        self._sensor.rouse()
        self._state = "armed"
        return {}

    def _disarm(self, body: dict[str, Any]) -> dict[str, Any]:
        """Remove the files of a take that does not start."""
        if self._take is not None and self._take.session != body.get("session"):
            return {}
        self._discard()
        self._state = "open" if self._sensor is not None else "waiting"
        return {}

    def _discard(self) -> None:
        """Let nothing stay of a take that was armed; one that has ended stays."""
        if self._take is not None and not self._take.finished:
            self._take.discard()
            self._take = None
        if self._made_folder is not None:
            with suppress(OSError):  # somebody else has put something there
                self._made_folder.rmdir()
            self._made_folder, self._folder = None, self._sessions

    def _start(self, body: dict[str, Any]) -> dict[str, Any]:
        if self._take is None:
            raise RecordError("wanted an armed recorder to start, found one that is not")
        plan = parse(body["plan"], Plan, where="the command 'start'")
        if self._rig.is_virtual and self._pinger is not None:
            self._pinger.stop()
        header = {"session": body["session"], "boot_id": boot_id(), "master_boot_id": self._master_boot_id}
        self._take.start(plan, header=header)
        self._state, self._made_folder = "recording", None
        self._say(f"records {self._take.folder}")
        return {}

    def _stop(self, body: dict[str, Any]) -> dict[str, Any]:
        order = parse(body, StopTake, where="the command 'stop'")
        if self._take is not None and self._take.session == order.session:
            self._take.stop(order.n_ticks)
        return {}

    def _leave(self, _: dict[str, Any]) -> dict[str, Any]:
        if self._take is not None and self._take.running:
            raise RecordError(f"a take runs: {self._take.folder}")
        self._stop_sending()
        self._discard()
        self._close_camera()
        self._state = "waiting"
        self._told_to_quit = not self._stays
        return {}

    def _send_files(self, body: dict[str, Any]) -> dict[str, Any]:
        """Tell which files of a session lie here, and hand them out until something is to be recorded."""
        if self._state in ("armed", "recording"):
            raise RecordError(f"recording comes first; try again when the take is over: {self._folder}")
        order = parse(body, SendFiles, where="the command 'send'")
        self._stop_sending()
        folder = session_folder(self._sessions, order.session)
        files = files_to_send(folder, self._name)
        if files:
            self._sender = Sender(self._link.connect_files(order.port), folder, recorder=self._name)
            self._say(f"sends {folder}")
        return {"files": files, "folder": str(folder)}

    def _stop_sending(self, reason: str = "") -> None:
        """End the sending of files; the master is told the reason, if there is one."""
        if self._sender is not None:
            self._sender.stop(reason)
            self._sender = None

    def _quit(self, _: dict[str, Any]) -> dict[str, Any]:
        self._told_to_quit = True
        return {}

    def _forget_master(self) -> None:
        """Go back to saying hello."""
        if self._pinger is not None:
            self._pinger.stop()
            self._pinger = None
        self._master, self._answers = "", {}
        self._pings = PlanClock()
        self._say("the master has left; waiting for the next")

    def _look_after_take(self) -> None:
        """Let the take do what is due; see its end."""
        if self._take is None or self._state != "recording":
            return
        self._take.look_after()
        if self._take.finished:
            self._state = "finished"
            self._say(f"recorded {self._take.counters.kept} moments: {self._take.folder}")
            for complaint in self._take.complaints:
                self._say(complaint)

    def _look_at_health(self) -> None:
        if self._sensor is None:
            return
        try:
            camera = self._sensor.camera
            told = camera.health().items()
            self._health = {str(key): float(value) for key, value in told if math.isfinite(value)}
            self._notices = tuple(str(notice) for notice in camera.notices())
            readings = camera.clock_readings()
        except Exception:  # a courtesy: whatever is wrong with it, recording goes on
            self._health, self._notices, readings = {}, (), ()
        if self._take is not None:
            self._take.hear_camera(self._notices, readings)

    def _close(self) -> None:
        """Leave everything in order: the take's files first."""
        if self._take is not None and self._take.running:
            self._take.end("the recorder was told to end")
            self._state = "finished"
        self._discard()
        if self._master and not self._told_to_quit:
            why = "was told to end" if self._terminated else f"ended by itself ({_reason(sys.exc_info()[1])})"
            last = {"cause": why, "beat": self._beat().model_dump()}
            self._link.send(Report(kind="left", master=self._master, body=last))
        self._stop_sending("the recorder was told to end")
        if self._pinger is not None:
            self._pinger.stop()
        self._close_camera()
        self._link.close()

    def _close_camera(self) -> None:
        if self._sensor is not None:
            self._sensor.close()
            self._sensor, self._sensor_key, self._health, self._notices = None, None, {}, ()

    def _hello(self) -> dict[str, Any]:
        return Hello(
            pid=os.getpid(),
            host=platform.node(),
            version=__version__,
            boot_id=boot_id(),
            state=self._state,  # type: ignore[arg-type]
            session=self._take.session if self._take is not None else "",
        ).model_dump()

    def _beat(self) -> Beat:
        clock, now_ns = self._pings.solve(), self._clock.now_ns()
        take, counters = self._take, self._take.counters if self._take is not None else None
        complaints = (*(take.complaints if take is not None else ()),)
        if self._state == "open" and self._sensor is not None and self._sensor.complaint:
            complaints = (*complaints, self._sensor.complaint)
        complaints = (*complaints, *self._notices)
        return Beat(
            state=self._state,  # type: ignore[arg-type]
            session=take.session if take is not None else "",
            tick=counters.tick if counters else -1,
            grabbed=counters.grabbed if counters else 0,
            kept=counters.kept if counters else 0,
            lost=dict(counters.lost) if counters else {},
            waiting=counters.waiting if counters else 0,
            camera_silent_s=self._camera_silent_s(),
            written_bytes=take.written_bytes if take is not None else 0,
            bytes_per_s=(take.bytes_per_s if take is not None else 0) or self._estimated_bytes_per_s(),
            disk_free_bytes=self._free_bytes(),
            tick_error_ms=counters.tick_error_ms if counters else 0.0,
            clock_offset_ms=(clock.at(now_ns) - now_ns) / 1e6,
            clock_residual_ms=clock.residual_ms,
            round_trip_ms=self._pings.round_trip_ms(),
            n_pings=self._pings.n_pings,
            health=self._health,
            failed=take is not None and take.failed,
            n_malformed=self._link.n_malformed,
            files=take.files if take is not None else (),
            complaints=complaints,
        )

    def _free_bytes(self) -> int:
        """Return what the disk of the take still takes; -1 where it does not say."""
        try:
            return disk_of(self._folder).free_bytes
        except MavferError:
            return -1

    def _camera_silent_s(self) -> float:
        if self._take is not None and self._take.running:
            return self._take.camera_silent_s
        return self._sensor.silent_s if self._sensor is not None else 0.0

    def _estimated_bytes_per_s(self) -> float:
        if self._sensor is None:
            return 0.0
        fps = self._sensor.camera.fps
        moments = fps if self._rig.keep == "all" else min(fps, self._rig.fps)
        return estimate_bytes_per_s(self._sensor.sizes, frames_per_s=moments)

    def _take_ping(self, t0_ns: int, t1_ns: int, t2_ns: int, t3_ns: int) -> None:
        self._pings.add((t0_ns, t1_ns, t2_ns, t3_ns))
        take = self._take
        if take is not None:
            take.add_ping((t0_ns, t1_ns, t2_ns, t3_ns), master_boot_id=self._master_boot_id)

    def _send_preview(self, head: dict[str, Any], jpeg: bytes) -> None:
        self._link.send_preview(encode_json(head), jpeg)

    def _master_ns(self) -> int:
        """Return the time on the master's clock, as far as the pings tell."""
        return self._pings.solve().at(self._clock.now_ns())

    def _kept(self) -> str:
        files = self._take.files if self._take is not None else ()
        return f"what was recorded stands in {', '.join(files)}" if files else "nothing was recorded"

    def _say(self, line: str) -> None:
        """Tell whoever sits at a sensor machine."""
        if self._stays:
            print(f"{self._name}: {line}", file=sys.stderr, flush=True)


def _reason(error: BaseException | None) -> str:
    """Return an error in one line, with the file that a system's error is about."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error) if isinstance(error, MavferError) else repr(error)


def run_recorder(name: str, *, rig: Rig, master: str, stays: bool, folder: Path) -> None:
    """Run a recorder in this process; Ctrl-C and SIGTERM end the take in order."""
    import cv2

    cv2.setNumThreads(1)  # small pictures: more threads cost more than they save
    recorder = Recorder(name, rig=rig, master=master, stays=stays, folder=folder)
    breaks = (signal.SIGBREAK,) if sys.platform == "win32" else ()
    for number in (signal.SIGINT, signal.SIGTERM, *breaks):
        signal.signal(number, lambda *_: recorder.terminate())
    recorder.run()
