"""One take on a crew of recorders: open, arm, send one plan, watch, stop, and close the session."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import OutputError
from .crew import Crew
from .desk import Desk, NextStep, Quit, Start, Stop
from .interrupts import uninterrupted
from .lsl.lab_streams import LabStreams
from .member import Member
from .messages import Beat
from .now import monotonic_ns
from .place import Place
from .rejoining import last_words, take_in_log
from .session import RecorderRecord, SessionRecord, write_record
from .session_writer import recorder_files
from .simulated.truth import truth_path
from .status import Marker, RecorderStatus, TakeStatus
from .steps import SOURCE, StepClock, step_requests
from .take_log import TakeLog
from .take_opening import recorder_records, require_room_for
from .take_report import TakeFailed, TakeReport, TakeStopped, ends_take, last_common_tick, told
from .trigger import LEAD_NS, Plan

STEP_TIMEOUT_S = 60.0
START_TIMEOUT_S = 5.0
OPEN_TIMEOUT_S = 240.0
"""A simulated camera compiles its renderer the first time that it is opened on a machine."""
STOP_TIMEOUT_S = 30.0
WATCH_EVERY_S = 0.1
LOST_S = 15.0
DISARM_TIMEOUT_S = 5.0
GRACE_S = 60.0
"""A recorder that was not heard for LOST_S is given up GRACE_S after the plan's end, not while it may go on
recording behind a cut cable; on a virtual clock, where there is no cable, at once."""
REPLACED_S = 5.0
"""A recorder whose name another process has had for so long, without the take, is given up."""

OnStatus = Callable[[tuple[RecorderStatus, ...]], None]
OnProgress = Callable[[int, int], None]


class Take:
    """The steps of one take; each either succeeds for all recorders or raises.

    Parameters
    ----------
    record : the session's record as far as it is known before the cameras are open
    desk : where the take is shown and asked for marks and its end
    previews : let the cameras show what they see, once they are opened
    last : no further take comes after it
    lab : Lab Streaming Layer, if the rig wants it
    """

    def __init__(
        self,
        path: Path,
        record: SessionRecord,
        crew: Crew,
        *,
        desk: Desk,
        seconds: float,
        previews: bool = False,
        last: bool = True,
        lab: LabStreams | None = None,
        on_progress: OnProgress | None = None,
        on_status: OnStatus | None = None,
    ) -> None:
        assert record.settings is not None
        self._path = path
        self._record = record
        self._rig = record.settings
        self._crew = crew
        self._desk = desk
        self._seconds = seconds
        self._previews = previews
        self._last = last
        self._lab = lab
        self._on_progress = on_progress
        self._on_status = on_status
        self._state = "complete"
        self._complaints: list[str] = []
        self._log: TakeLog | None = None
        self._steps: StepClock | None = None
        self._stepped_ns = 0
        self._peers: dict[str, str] = {}
        self._replaced_s: dict[str, float] = {}
        self._n_malformed = crew.n_malformed
        self._notice = ""
        self.told_to_quit = False
        """Whether the desk asked for the end of the program, not of this take alone."""

    def run(self, *, overwrite: bool) -> TakeReport:
        """Carry the take out.

        Raises
        ------
        TakeFailed
            It began, and a recorder was lost; what was recorded is kept.
        RecordError
            It did not start, and nothing of it is left.
        OutputError
            The session's folder cannot be made.
        TakeStopped
            Ctrl-C; the take was ended in order.
        """
        self._show("starting")
        if self._lab is not None:
            self._lab.require(self._crew.listen)
        answers = self.open()
        require_room_for(answers, rig=self._rig, seconds=self._seconds)
        place = Place(self._path, overwrite=overwrite)
        place.make()
        try:
            write_record(self._path, self._record)
            self._crew.command_all("arm", self._bodies(), timeout_s=STEP_TIMEOUT_S, per_recorder=True)
            self._start()
        except BaseException:
            try:
                self._disarm()
            finally:
                place.undo()
            raise

        def begun() -> None:
            place.keep()
            truth_path(self._path).unlink(missing_ok=True)

        return self._carry_through(begun)

    def take_over(self) -> TakeReport:
        """Carry on with a take that another master began and did not end; as `run` from its start on.

        The crew has heard who is left. Recorders of this machine that have ended tell by their files how far
        they came.
        """
        Place(self._path, overwrite=False).keep()  # the claim of a master that died as the take began
        self._record, markers = take_in_log(self._path, self._record)
        self._begin_log(markers)
        self._tell("rejoined", "another master took the take over")
        for member in self._crew.members():
            folder = self._record.recorders[member.name].folder
            if member.joined and member.hello is not None and member.hello.session == self._record.id:
                continue
            words = "" if folder else last_words(self._path, member.name, self._record)
            if isinstance(words, Beat):
                member.beat = words
            elif member.joined:
                member.gone = f"holds the take no more; its files lie in {folder}"
            else:
                member.gone = words
        return self._carry_through(lambda: None, begun_elsewhere=True)

    def _carry_through(self, begun: Callable[[], None], *, begun_elsewhere: bool = False) -> TakeReport:
        self._crew.take = self._record.id
        self._peers = {member.name: member.peer for member in self._crew.members()}
        stopped = self._watch(begun)
        if begun_elsewhere and self._state == "complete":
            self._see_early_end()
        with uninterrupted():
            report = self._close()
            try:
                self._write_truth()
            except (OSError, OutputError) as error:
                why = error.__cause__ or error
                self._show(
                    "ended", notice=f"the truth of the simulation could not be written ({why})", bad=True
                )
        if stopped:
            raise TakeStopped(report)
        if report.state == "failed":
            raise TakeFailed(report)
        return report

    def open(self) -> dict[str, dict[str, Any]]:
        """Open all cameras; return what each recorder told."""
        settings = self._rig
        common = {
            "rig": settings.model_dump(mode="json", exclude_none=True),
            "subject": self._record.subject,
            "seconds": self._seconds,
            "previews": self._previews,
        }
        bodies = {name: common | body for name, body in self._bodies().items()}
        self._crew.forget_take()
        answers = self._crew.command_all("open", bodies, timeout_s=OPEN_TIMEOUT_S, per_recorder=True)
        recorders = recorder_records(answers, settings)
        stand_ins = any(one.nodes.get("simulated") for one in recorders.values())
        simulated = self._record.simulated or stand_ins
        self._record = self._record.model_copy(update={"recorders": recorders, "simulated": simulated})
        return answers

    def _bodies(self) -> dict[str, dict[str, Any]]:
        """Return, by recorder, where it writes: into the session's folder, if it runs on this machine."""
        return {
            name: {"session": self._record.id} | ({"folder": str(self._path)} if settings.spawned else {})
            for name, settings in self._rig.recorders.items()
        }

    def _start(self) -> None:
        """Send the plan, once, ahead of its first tick."""
        first_tick_ns = monotonic_ns() + LEAD_NS
        plan = self._record.plan.model_copy(update={"first_tick_ns": first_tick_ns})
        self._record = self._record.model_copy(update={"plan": plan})
        self._begin_log()
        header = self._record.model_dump(mode="json")
        write_record(self._path, self._record)  # first: whoever finds the take alone must know its plan
        body = {"plan": plan.model_dump(), "session": header}
        timeout_s = LEAD_NS / 1e9 + START_TIMEOUT_S
        self._crew.command_all("start", body, timeout_s=timeout_s, deadline_ns=first_tick_ns)

    def _begin_log(self, markers: tuple[Marker, ...] = ()) -> None:
        """Make the master's own file; `markers` are those of masters before this one."""
        plan = self._record.plan
        header: dict[str, object] = {"session": self._record.model_dump(mode="json")}
        self._log = TakeLog(self._path, header=header, begin_ns=plan.first_tick_ns, markers=markers)
        if self._record.protocol is not None and self._record.protocol.steps:
            steps = self._record.protocol.steps
            self._steps = StepClock(steps, plan.first_tick_ns, step_requests(steps, markers))
            stepped = [marker.t_ns for marker in markers if marker.source == SOURCE]
            self._stepped_ns = max(stepped, default=plan.first_tick_ns - 1)

        if self._lab is not None:
            done = plan.nearest_tick(monotonic_ns()) + 1
            self._lab.begin(self._log, self._record.id, plan, tick=max(0, min(done, plan.n_ticks - 1)))

    def _disarm(self) -> None:
        """Let nothing half-started stay behind."""
        if self._lab is not None:
            self._lab.end()
        if self._log is not None:
            self._log.discard()
        self._crew.end_take(self._record.id, 0)
        silent = self._crew.command_living("disarm", {"session": self._record.id}, wait_s=DISARM_TIMEOUT_S)
        if silent and self._last:
            self._crew.end()

    def _watch(self, begun: Callable[[], None]) -> bool:
        """Let the old session go and wait for the end of the take; return whether Ctrl-C stopped it."""
        n_ticks = self._record.plan.n_ticks
        try:
            begun()
            while not self._crew.all_finished():
                self._crew.listen(WATCH_EVERY_S)
                wanted = self._serve_desk()
                self._note_what_happened()
                self._give_up_the_lost()
                statuses = self._show("recording")
                if self._on_progress is not None:
                    done = min(status.tick for status in statuses) + 1
                    self._on_progress(min(n_ticks, done), n_ticks)
                if wanted or any(ends_take(status) for status in statuses):
                    self._state = wanted or self._state
                    self._stop()
                    return False
        except KeyboardInterrupt:
            self._state = "stopped"
            self._stop_in_order()
            return True
        except BaseException as error:
            self._state = "failed"
            self._complaints.append(f"the master broke off: {type(error).__name__}: {error}")
            self._stop_in_order()
            with uninterrupted():
                self._close()
            raise
        return False

    def _stop_in_order(self) -> None:
        """Stop; who is interrupted once more does not wait for the recorders any longer."""
        try:
            self._stop()
        except KeyboardInterrupt:
            self._complaints.append("interrupted while the recorders closed their files")

    def _serve_desk(self) -> str:
        """Do what the desk is asked; return the state in which the take is to end, or ""."""
        now_ns = monotonic_ns()
        ending = ""
        for request in self._desk.take_requests():
            if isinstance(request, Marker):
                self._mark(request)
            elif isinstance(request, NextStep) and self._steps is not None:
                self._steps = self._steps.asked(now_ns)
            elif isinstance(request, Stop | Quit):
                self.told_to_quit = self.told_to_quit or isinstance(request, Quit)
                ending = "stopped"
            elif isinstance(request, Start):
                self._tell("refused", "a start was asked for while the take runs")
        if self._steps is not None and self._log is not None:
            for marker in self._steps.markers(self._stepped_ns, now_ns):
                self._mark(marker)
            self._stepped_ns = max(self._stepped_ns, now_ns)
            if self._steps.ended(now_ns) and not ending:
                ending = "complete"
        return ending

    def _serve_marks(self) -> None:
        """Write down the marks that came while the take was being closed."""
        for request in self._desk.take_requests():
            if isinstance(request, Marker):
                self._mark(request)
            self.told_to_quit = self.told_to_quit or isinstance(request, Quit)

    def _mark(self, marker: Marker) -> None:
        if self._log is not None:
            self._log.mark(marker)
        if self._lab is not None:
            self._lab.mark(marker)

    def _note_what_happened(self) -> None:
        """Write down who fell silent or was heard again, and who was refused."""
        for name, silent in self._crew.silences():
            self._tell("silence", f"recorder {name} {'fell silent' if silent else 'was heard again'}")
        for line in self._crew.take_refusals():
            self._tell("refused", line)

    def _give_up_the_lost(self) -> None:
        virtual = self._rig.is_virtual
        over = monotonic_ns() > self._record.plan.end_ns + GRACE_S * 1e9
        for member in self._crew.members():
            silent_s = time.monotonic() - member.heard_s
            if (virtual or over) and silent_s > LOST_S and not member.finished and not member.gone:
                member.gone = f"was silent for {silent_s:.0f} s"
            self._give_up_if_replaced(member)

    def _give_up_if_replaced(self, member: Member) -> None:
        """Give a recorder up whose place another process of its name has taken, one without the take."""
        if not member.joined or member.peer == self._peers[member.name] or member.gone:
            self._replaced_s.pop(member.name, None)
        elif member.hello is not None and member.hello.session == self._record.id:
            self._peers[member.name] = member.peer
        elif time.monotonic() - self._replaced_s.setdefault(member.name, time.monotonic()) > REPLACED_S:
            folder = self._record.recorders[member.name].folder
            member.gone = f"was started anew; what it recorded until then lies in {folder or self._path}"

    def _see_early_end(self) -> None:
        """Cut the plan to what was carried out, where the take had ended before another master came."""
        plan = self._record.plan
        ends = {status.name: status.tick + 1 for status in self._crew.statuses() if status.finished}
        n_ticks = max(ends.values(), default=plan.n_ticks)
        slack = round(self._rig.fps)
        if n_ticks + slack < plan.n_ticks:
            self._record = self._record.model_copy(update={"plan": plan.cut(n_ticks)})
            self._state = "stopped"
        for name, end in ends.items():
            if end + slack < n_ticks:
                self._complaints.append(f"recorder {name!r} ended after {end} of {n_ticks} ticks")
                self._state = "failed"

    def _stop(self) -> None:
        """End the plan with the tick that is due, and wait until the files of all that answer are closed."""
        plan: Plan = self._record.plan
        if self._rig.is_virtual:
            n_ticks = last_common_tick(self._crew.statuses()) + 1
        else:
            n_ticks = plan.nearest_tick(monotonic_ns()) + 1
        self._record = self._record.model_copy(update={"plan": plan.cut(n_ticks)})
        n_ticks = self._record.plan.n_ticks
        self._crew.end_take(self._record.id, max(1, n_ticks))  # 0 is for a take that never began
        self._show("closing")
        body = {"session": self._record.id, "n_ticks": n_ticks}
        at_work = [member.name for member in self._crew.members() if not member.finished]
        wait_s = STEP_TIMEOUT_S if self._all_heard() else 1.0
        self._crew.command_living("stop", body, only=at_work, wait_s=wait_s)
        end_s = time.monotonic() + STOP_TIMEOUT_S
        while not self._crew.all_finished() and time.monotonic() < end_s:
            self._crew.listen(WATCH_EVERY_S)
            self._serve_marks()
            self._show("closing")

    def _all_heard(self) -> bool:
        return all(not status.gone and status.silent_s < LOST_S for status in self._crew.statuses())

    def _close(self) -> TakeReport:
        """Bring the counts home and write the session's final record."""
        recorders: dict[str, RecorderRecord] = {}
        state = self._state
        for status in self._crew.statuses():
            known = self._record.recorders[status.name]
            files = status.files or (() if known.folder else recorder_files(self._path, status.name))
            if not status.finished:
                cause = status.gone or "did not close its files in time"
                self._complaints.append(f"recorder {status.name!r} {cause}")
            self._complaints += [f"recorder {status.name!r}: {line}" for line in status.complaints]
            recorders[status.name] = known.model_copy(
                update={"files": files, "frames_kept": status.kept, "frames_lost": status.lost}
            )
            done, n_ticks = status.tick + 1, self._record.plan.n_ticks
            if status.finished and not status.failed and done + round(self._rig.fps) < n_ticks:
                self._complaints.append(f"recorder {status.name!r} ended after {done} of {n_ticks} ticks")
                state = "failed"
            broken = self._state != "stopped" and ends_take(status)
            if broken or not status.finished or not status.files:
                state = "failed"
        update: dict[str, Any] = {"state": state, "recorders": recorders}
        self._serve_marks()
        if self._log is not None and self._record.master is not None:
            self._complaints += self._lab.end() if self._lab is not None else ()
            for complaint in self._complaints:
                self._log.tell("complaint", complaint)
            self._tell_malformed()
            written = (*self._record.master.files, *self._log.finish())
            update["master"] = self._record.master.model_copy(update={"files": written})
            self._complaints += [self._log.complaint] if self._log.complaint else []
        self._record = self._record.model_copy(update=update)
        try:
            write_record(self._path, self._record)
        except OutputError as error:  # the disk is full: what was recorded is there, and must be told
            state = "failed"
            cause = error.__cause__.strerror if isinstance(error.__cause__, OSError) else error
            self._complaints.append(f"the session's record cannot be closed ({cause})")
        report = TakeReport(
            path=self._path,
            state=state,
            n_ticks=self._record.plan.n_ticks,
            frames_kept={name: recorder.frames_kept for name, recorder in recorders.items()},
            frames_lost={name: recorder.frames_lost for name, recorder in recorders.items()},
            complaints=tuple(self._complaints),
            elsewhere={name: known.folder for name, known in recorders.items() if known.folder},
        )
        self._show(
            "ended" if self._last else "closing",
            notice=told(report),
            bad=state == "failed" or report.n_lost > 0,
        )
        return report

    def _tell_malformed(self) -> None:
        n_malformed = {status.name: status.n_malformed for status in self._crew.statuses()}
        n_malformed["the master"] = self._crew.n_malformed - self._n_malformed
        for name, n in n_malformed.items():
            if n:
                self._tell("malformed", f"{n} messages to {name} were malformed and had no effect")

    def _tell(self, kind: str, text: str) -> None:
        self._notice = text
        if self._log is not None:
            self._log.tell(kind, text)

    def _show(self, state: str, *, notice: str = "", bad: bool = False) -> tuple[RecorderStatus, ...]:
        """Lay the take out on the desk."""
        statuses = self._crew.statuses()
        if self._on_status is not None and state == "recording":
            self._on_status(statuses)
        now_ns = monotonic_ns()
        plan = self._record.plan
        errors = [status.tick_error_ms for status in statuses if status.kept]
        self._desk.show(
            TakeStatus(
                state=state,
                now_ns=now_ns,
                rig=self._record.rig,
                session=self._path,
                subject=self._record.subject,
                tick=min((status.tick for status in statuses), default=-1),
                n_ticks=plan.n_ticks,
                elapsed_s=(now_ns - plan.first_tick_ns) / 1e9 if plan.first_tick_ns else 0.0,
                seconds=self._seconds,
                skew_ms=max(errors) - min(errors) if len(errors) > 1 else None,
                recorders=statuses,
                markers=self._log.markers if self._log is not None else (),
                step=self._steps.status(now_ns) if self._steps is not None else None,
                beside=self._beside(),
                notice=notice or self._notice,
                notice_is_bad=bad,
            )
        )
        return statuses

    def _beside(self) -> tuple[str, ...]:
        """Return what is wrong with the master's own file and the lab's streams, one line each."""
        written = (self._log.complaint,) if self._log is not None and self._log.complaint else ()
        return (*written, *(self._lab.problems() if self._lab is not None else ()))

    def _write_truth(self) -> None:
        if not self._rig.is_simulated:
            return
        import numpy as np

        from .simulated.truth import write_truth

        write_truth(
            truth_path(self._path),
            scene=self._rig.scene,
            subject=self._record.subject,
            seconds=self._seconds,
            tick_s=np.arange(self._record.plan.n_ticks) / self._rig.fps,
        )
