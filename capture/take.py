"""One take on a crew of recorders: open, arm, send one plan, watch, stop, and close the session."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import OutputError
from .crew import Crew
from .desk import Desk, NextStep, Quit, Start, Stop
from .interrupts import uninterrupted
from .losses import Losses
from .lsl.lab_streams import LabStreams
from .messages import Beat
from .now import monotonic_ns
from .place import Place
from .rejoining import last_words, take_in_log
from .session import RecorderRecord, SessionRecord, write_record
from .simulated.truth import truth_path
from .status import Marker, RecorderStatus, TakeStatus
from .take_notes import TakeNotes
from .take_opening import Answers, open_cameras, places, require_room_for
from .take_report import (
    TakeFailed,
    TakeReport,
    TakeStopped,
    ends_take,
    last_common_tick,
    outcome_of,
    told,
)
from .trigger import LEAD_NS, Plan

STEP_TIMEOUT_S = 60.0
START_TIMEOUT_S = 5.0
STOP_TIMEOUT_S = 30.0
WATCH_EVERY_S = 0.1
DISARM_TIMEOUT_S = 5.0

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
        self._notes = TakeNotes(path, lab)
        self._n_malformed = crew.n_malformed
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
        protocol = self._record.protocol
        self._notes.notice = protocol.unreached(self._seconds) if protocol is not None else ""
        self._show("starting")
        if self._lab is not None:
            self._lab.require(self._crew.listen)
        answers = self._open()
        require_room_for(answers, rig=self._rig, seconds=self._seconds)
        place = Place(self._path, overwrite=overwrite)
        place.make()
        try:
            write_record(self._path, self._record)
            self._crew.command_each("arm", places(self._rig, self._path), timeout_s=STEP_TIMEOUT_S)
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
        self._notes.begin(self._record, markers=markers)
        self._notes.tell("rejoined", "another master took the take over")
        for member in self._crew.members():
            folder = self._record.recorders[member.name].folder
            member.disk = "" if folder else str(self._path)  # the others are not asked any more
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
        self._losses = Losses(self._crew, self._path, virtual=self._rig.is_virtual)
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

    def _open(self) -> Answers:
        """Open all cameras; return what each recorder told."""
        answers, recorders = open_cameras(
            self._crew,
            self._rig,
            self._path,
            subject=self._record.subject,
            seconds=self._seconds,
            previews=self._previews,
        )
        stand_ins = any(one.nodes.get("simulated") for one in recorders.values())
        simulated = self._record.simulated or stand_ins
        self._record = self._record.model_copy(update={"recorders": recorders, "simulated": simulated})
        return answers

    def _start(self) -> None:
        """Send the plan, once, ahead of its first tick."""
        first_tick_ns = monotonic_ns() + LEAD_NS
        plan = self._record.plan.model_copy(update={"first_tick_ns": first_tick_ns})
        self._record = self._record.model_copy(update={"plan": plan})
        self._notes.begin(self._record)
        header = self._record.model_dump(mode="json")
        write_record(self._path, self._record)  # first: whoever finds the take alone must know its plan
        body = {"plan": plan.model_dump(), "session": header}
        timeout_s = LEAD_NS / 1e9 + START_TIMEOUT_S
        self._crew.command_all("start", body, timeout_s=timeout_s, deadline_ns=first_tick_ns)

    def _disarm(self) -> None:
        """Let nothing half-started stay behind."""
        self._notes.discard()
        self._crew.end_take(self._record.id, 0)
        undone = self._crew.command_living("disarm", {"session": self._record.id}, wait_s=DISARM_TIMEOUT_S)
        if undone and self._last:
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
                self._losses.look(self._record)
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
                self._notes.mark(request)
            elif isinstance(request, NextStep):
                self._notes.ask_next_step(now_ns)
            elif isinstance(request, Stop | Quit):
                self.told_to_quit = self.told_to_quit or isinstance(request, Quit)
                ending = "stopped"
            elif isinstance(request, Start):
                self._notes.tell("refused", "a start was asked for while the take runs")
        over = self._notes.follow_steps(now_ns)
        return ending or ("complete" if over else "")

    def _serve_marks(self) -> None:
        """Write down the marks that came while the take was being closed."""
        for request in self._desk.take_requests():
            if isinstance(request, Marker):
                self._notes.mark(request)
            self.told_to_quit = self.told_to_quit or isinstance(request, Quit)

    def _note_what_happened(self) -> None:
        """Write down who fell silent or was heard again, and who was refused."""
        for name, silent in self._crew.silences():
            self._notes.tell("silence", f"recorder {name} {'fell silent' if silent else 'was heard again'}")
        for line in self._crew.take_refusals():
            self._notes.tell("refused", line)

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
        wait_s = STEP_TIMEOUT_S if self._losses.all_heard() else 1.0
        undone = self._crew.command_living("stop", body, only=at_work, wait_s=wait_s)
        for name, refusal in undone.items():
            if refusal:  # it is told once more as long as it goes on
                self._notes.tell("refused", f"recorder {name!r} did not stop: {refusal}")
        end_s = time.monotonic() + STOP_TIMEOUT_S
        while not self._crew.all_finished() and time.monotonic() < end_s:
            self._crew.listen(WATCH_EVERY_S)
            self._serve_marks()
            self._show("closing")

    def _close(self) -> TakeReport:
        """Bring the counts home and write the session's final record."""
        state = self._state
        recorders = {}
        for status in self._crew.statuses():
            outcome = outcome_of(
                status,
                self._record.recorders[status.name],
                self._path,
                n_ticks=self._record.plan.n_ticks,
                slack=round(self._rig.fps),
                stopped=self._state == "stopped",
            )
            recorders[status.name] = outcome.record
            self._complaints += outcome.complaints
            state = "failed" if outcome.failed else state
        update: dict[str, Any] = {"state": state, "recorders": recorders}
        self._serve_marks()
        if self._record.master is not None:
            self._complaints += self._notes.end_streams()
            for complaint in self._complaints:
                self._notes.tell("complaint", complaint)
            self._tell_malformed()
            files, complaints = self._notes.finish()
            written = (*self._record.master.files, *files)
            update["master"] = self._record.master.model_copy(update={"files": written})
            self._complaints += complaints
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
            ticks_lacking=self._ticks_lacking(recorders),
            complaints=tuple(self._complaints),
            elsewhere={name: known.folder for name, known in recorders.items() if known.folder},
        )
        self._show(
            "ended" if self._last else "closing",
            notice=told(report),
            bad=state == "failed" or report.has_gaps,
        )
        return report

    def _ticks_lacking(self, recorders: dict[str, RecorderRecord]) -> dict[str, int]:
        """Return, by recorder, how many ticks have no frame, where each is to have one."""
        if self._rig.keep != "nearest":
            return {}
        n_ticks = self._record.plan.n_ticks
        lacking = {name: n_ticks - recorder.frames_kept for name, recorder in recorders.items()}
        return {name: n for name, n in lacking.items() if n > 0}

    def _tell_malformed(self) -> None:
        n_malformed = {status.name: status.n_malformed for status in self._crew.statuses()}
        n_malformed["the master"] = self._crew.n_malformed - self._n_malformed
        for name, n in n_malformed.items():
            if n:
                self._notes.tell("malformed", f"{n} messages to {name} were malformed and had no effect")

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
                markers=self._notes.markers,
                step=self._notes.step(now_ns),
                beside=self._notes.problems(),
                notice=notice or self._notes.notice,
                notice_is_bad=bad,
            )
        )
        return statuses

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
