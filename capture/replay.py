"""A recorded session as a live camera: the frames of one of its recorders, at their own times once more.

What is played is the session as `synchronize` sees it, without the jitter of the day: a replay has the
session's own tuples, and its recorders stay together. replay_moments.py reads what came when.
"""

import numpy as np

from ..errors import CameraEnded, CameraError, CameraGone, SessionError
from .camera import Capture, ClockReading
from .clock import Clock, VirtualClock
from .payload import decode, jpeg_of
from .replay_moments import NONE, Moments, read_moments, recorder_to_replay, sha256_of_recorded
from .replay_settings import ReplaySettings
from .session import RECORD_NAME, Session, open_session
from .streams import Frame, StreamSpec

GAP_PERIODS = 1.5
"""Where the next frame is more periods away the camera was gone, or its frames were lost."""
SHOWN_LATE_NS = 500_000_000
"""Before a take, a session that lacks more than this at its beginning is shown without the wait."""
EMPTY = np.empty(0, np.uint8)


class ReplayCamera:
    """One recorder of a session, played from the plan's first tick on, as if it filmed now.

    A frame comes as long after the first tick as its own time, that of its recorder's clock and pings, lies
    after the session's first tick. Device times, ids, flags and the camera's own JPEGs are those that were
    recorded. A lost frame is lost again and counted; a longer gap is a camera that is gone and comes back.
    Whoever reads late gets late frames, and none is dropped.

    Parameters
    ----------
    clock : on a VirtualClock nothing is waited for
    decode : give the pixels of color stored as JPEG, too; what is stored as it is does not need them
    """

    def __init__(self, settings: ReplaySettings, *, clock: Clock, decode: bool = True) -> None:
        self._settings = settings
        self._clock = clock
        self._decode = decode
        self._played: _Played | None = None
        self._begin_ns: int | None = None
        self._next = 0

    @property
    def specs(self) -> tuple[StreamSpec, ...]:
        """The streams of the recorder that hold frames."""
        return self._opened().specs

    @property
    def fps(self) -> float:
        """Frames per second that the recorder kept."""
        return self._opened().moments.fps

    def open(self) -> None:
        """Open the session; raises CameraError if it is none, is torn, or has nothing to replay."""
        try:
            session = open_session(self._settings.session)
            self._played = _Played(session, self._settings.recorder, decode=self._decode)
        except SessionError as error:
            raise CameraError(str(error)) from error

    def start(self, first_tick_ns: int) -> None:
        """Play from the beginning; the session's first tick is `first_tick_ns` on the host's clock.

        With the first tick ahead it is a take. Before one, what comes first shows every stream, and soon.
        """
        moments = self._opened().moments
        self._begin_ns, self._next = first_tick_ns, 0
        if first_tick_ns > self._clock.now_ns():
            return
        self._next = moments.first_whole
        late_ns = moments.first_of(moments.after_ns, self._next)
        most_ns = 0 if self._is_virtual else SHOWN_LATE_NS  # no virtual clock jumps while it is measured
        if late_ns > most_ns:
            self._begin_ns -= late_ns

    def grab(self, timeout_s: float) -> Capture:
        """Wait for the next moment.

        Raises
        ------
        CameraEnded
            The session is over: what it was planned to last has passed.
        CameraGone
            The session has a gap here that is longer than `timeout_s`.
        CameraError
            Nothing is due within `timeout_s`.
        """
        played, moments = self._opened(), self._opened().moments
        if self._begin_ns is None:
            raise CameraError(f"wanted a camera that plays, call start() first: {self._settings.session}")
        at_end = self._next == len(moments)
        after_ns = moments.end_ns if at_end else moments.first_of(moments.after_ns, self._next)
        self._wait(after_ns, timeout_s)
        if at_end:
            raise CameraEnded(f"the replay has ended after {self._next} moments: {self._settings.session}")
        self._next += 1
        return played.capture(self._next - 1, begin_ns=self._begin_ns)

    def nodes(self) -> dict[str, str | int | float | bool]:
        """Return what was replayed, beside the settings of the camera that was recorded."""
        return self._opened().nodes

    def health(self) -> dict[str, float]:
        """A session tells nothing of itself."""
        return {}

    def notices(self) -> tuple[str, ...]:
        """Return that moments are left out, if any are."""
        n_unplaced = self._opened().moments.n_unplaced
        left_out = f"{n_unplaced} moments of the replayed session are left out: nothing says when they came"
        return (left_out,) if n_unplaced else ()

    def documents(self) -> dict[str, str]:
        """Return what the recorded camera left with its session, and the session's own record."""
        return self._opened().documents

    def clock_readings(self) -> tuple[ClockReading, ...]:
        """What was read of the camera's clock is in the frames' times already."""
        return ()

    def close(self) -> None:
        """Let the session go; frames that wait to be stored can still be read."""
        self._played = self._begin_ns = None

    @property
    def _is_virtual(self) -> bool:
        return isinstance(self._clock, VirtualClock)

    def _wait(self, after_ns: int, timeout_s: float) -> None:
        """Return when so much has passed since the first tick; raise as `grab` where that takes too long."""
        assert self._begin_ns is not None
        now_ns, due_ns = self._clock.now_ns(), self._begin_ns + after_ns
        if self._is_virtual or due_ns - now_ns <= timeout_s * 1e9:
            self._clock.wait_until_ns(due_ns)
            return
        moments = self._opened().moments
        before_ns = moments.first_of(moments.after_ns, self._next - 1) if self._next else 0
        self._clock.wait_until_ns(now_ns + round(timeout_s * 1e9))
        if after_ns - before_ns > GAP_PERIODS * 1e9 / moments.fps:
            raise CameraGone(
                f"the replayed session has no frame for {(after_ns - before_ns) / 1e9:.1f} s here: "
                f"{self._settings.session}"
            )
        raise CameraError(f"no frame came within {timeout_s:g} s: {self._settings.session}")

    def _opened(self) -> "_Played":
        if self._played is None:
            raise CameraError(f"wanted an open camera, call open() first: {self._settings.session}")
        return self._played


class _Played:
    """The recorder that is replayed: its moments, and a way to each one's pictures."""

    def __init__(self, session: Session, wanted: str | None, *, decode: bool) -> None:
        recorder = recorder_to_replay(session, wanted)
        self._session = session
        self._decode = decode
        self.moments: Moments = read_moments(session, recorder)
        if not len(self.moments):
            raise SessionError(
                f"wanted frames to replay, nothing ties the {self.moments.n_unplaced} moments of recorder "
                f"{recorder!r} to the plan's clock: {session.path}"
            )
        self.specs = tuple(session.spec(stream) for stream in self.moments.streams)
        self._flags = [session.flags(stream) for stream in self.moments.streams]
        record, recorded = session.record, session.record.recorders[recorder]
        self.nodes = recorded.nodes | {
            "replay_session": record.id,
            "replay_recorder": recorder,
            "replay_camera": recorded.camera,
            "replay_sha256": sha256_of_recorded(session, self.moments),
        }
        if record.simulated:
            self.nodes["simulated"] = True
        text = (session.path / RECORD_NAME).read_text(encoding="utf-8")
        self.documents = session.documents(recorder) | {f"replay_{RECORD_NAME}": text}

    def capture(self, moment: int, *, begin_ns: int) -> Capture:
        """Return a moment as it comes when the first tick is at `begin_ns`."""
        moments = self.moments
        present = [s for s in range(len(self.specs)) if moments.picture[moment, s] != NONE]
        flags = {s: self._flags[s].get(int(moments.frame_id[moment, s]), ()) for s in present}

        def retrieve() -> tuple[Frame, ...]:
            return tuple(self._frame(moment, s, begin_ns=begin_ns, flags=flags[s]) for s in present)

        return Capture(
            frame_id=int(moments.number[moment]),
            device_time_ns=moments.first_of(moments.device_time_ns, moment),
            host_time_ns=begin_ns + moments.first_of(moments.after_ns, moment),
            retrieve=retrieve,
            flags=tuple(dict.fromkeys(flag for s in present for flag in flags[s])),
        )

    def _frame(self, moment: int, s: int, *, begin_ns: int, flags: tuple[str, ...]) -> Frame:
        """Return one picture of a moment; a JPEG stays the one that was recorded, byte for byte."""
        spec, moments = self.specs[s], self.moments
        payload, codec = self._session.payload(spec.stream, int(moments.picture[moment, s]))
        is_jpeg = spec.dtype == "uint8" and (codec or "jpeg").startswith("jpeg")
        return Frame(
            spec.stream,
            decode(payload, spec, codec) if self._decode or not is_jpeg else EMPTY,
            int(moments.device_time_ns[moment, s]),
            begin_ns + int(moments.after_ns[moment, s]),
            int(moments.frame_id[moment, s]),
            encoded=jpeg_of(payload) if is_jpeg else None,
            flags=flags,
        )
