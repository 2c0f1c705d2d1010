"""Steps about who has the camera: opening it, another program, letting it go."""

import contextlib
import json
import re
import subprocess
import sys
import time

import tomlkit

from ...errors import CameraError
from .bench import FIRST_FRAME_S, Bench
from .person_steps import FILMS
from .stamps import gaps_of
from .steps import NOT_ASKED, SKIPPED, Outcome, Step, Value

SECOND_PROGRAM_S = 90.0
SHARED = "the Kinect SDK 2.0 lets several programs use the sensor at once"
SERVED = "a network camera may serve several viewers"
DOCUMENTS = {"flir_a65": "genicam.xml", "kinect_v2": "factory_calibration.json"}


def says_busy(error: str) -> bool:
    """Whether an error tells an operator that somebody else has the camera."""
    return re.search(r"\b(in use|busy|(an)?other program|claimed)\b", error, re.IGNORECASE) is not None


def _open(bench: Bench) -> Outcome:
    seconds = bench.open()
    return Outcome("ok", f"open after {seconds:.1f} s", {"open_s": seconds})


def _nodes(bench: Bench) -> Outcome:
    documents = {name: len(text.encode()) for name, text in bench.documents.items()}
    words = ", ".join(f"{name} ({n_bytes / 1000:.0f} kB)" for name, n_bytes in documents.items()) or "none"
    found = f"{len(bench.nodes)} settings; documents: {words}"
    measured: dict[str, Value] = {f"{name}_bytes": n_bytes for name, n_bytes in documents.items()}
    measured["n_nodes"] = len(bench.nodes)
    wanted = DOCUMENTS.get(bench.kind)
    if wanted is not None and wanted not in documents:
        return Outcome("doubtful", f"{found}; {wanted} is missing", measured)
    return Outcome("ok" if bench.nodes else "doubtful", found, measured)


def _why_shared(bench: Bench) -> str:
    """Return why it is right that two programs have this camera at once; "" where it is not."""
    return SHARED if bench.kind == "kinect_v2" else SERVED if bench.is_networked else ""


def _second_program(bench: Bench) -> Outcome:
    watch = bench.watch
    n_before = watch.n_frames
    text = tomlkit.dumps(bench.rig.model_dump(mode="json", exclude_none=True))
    words = [sys.executable, "-P", "-m", f"{__package__}.second_program", bench.name]
    with subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as other:
        assert other.stdin is not None
        try:
            with contextlib.suppress(OSError):  # it broke off at once; it says why
                other.stdin.write(text)
                other.stdin.close()
            watch.until(lambda: other.poll() is not None, timeout_s=SECOND_PROGRAM_S)
        finally:
            other.kill()
        assert other.stdout is not None
        assert other.stderr is not None
        told, complaint = other.stdout.read(), other.stderr.read()
    n_absent = gaps_of(watch.stamps(max(0, n_before - 1))).n_absent
    went_on = watch.n_frames > n_before
    measured: dict[str, Value] = {"n_absent": n_absent, "stream_went_on": went_on}
    try:
        answer = json.loads(told.strip().splitlines()[-1])
    except (IndexError, ValueError):
        last = complaint.strip().splitlines()[-1:] or ["it did not answer"]
        return Outcome("failed", f"the other program broke off: {last[0]}", measured)
    measured["opened"] = bool(answer["opened"])
    if not went_on:
        return Outcome("failed", f"our stream stopped when another program came: {answer['error']}", measured)
    lost = f"; frames that our stream lost: {n_absent}" if n_absent else "; our stream went on"
    if answer["opened"]:
        why = _why_shared(bench)
        good = why and not n_absent
        why = why or "nothing keeps it from taking the camera over"
        return Outcome("ok" if good else "doubtful", f"it opened as well: {why}{lost}", measured)
    busy = measured["said_busy"] = says_busy(answer["error"])
    why = "" if busy or bench.is_networked else "; it does not say that the camera is in use"
    ok = (busy or bench.is_networked) and not n_absent
    return Outcome("ok" if ok else "doubtful", f"refused: {answer['error']}{why}{lost}", measured)


def _open_again(bench: Bench) -> Outcome:
    begun_s = time.monotonic()
    trouble = bench.close()
    closed_s = time.monotonic() - begun_s
    opened_s = bench.open()
    begun_s = time.monotonic()
    watch = bench.watch
    if not watch.until(lambda: watch.n_frames > 0, timeout_s=FIRST_FRAME_S):
        return Outcome("failed", f"it opened again, but no frame came within {FIRST_FRAME_S:g} s")
    first_s = time.monotonic() - begun_s
    measured = {"close_s": closed_s, "open_s": opened_s, "first_frame_s": first_s}
    found = f"closed in {closed_s:.1f} s, open in {opened_s:.1f} s, a frame {first_s:.1f} s later"
    return Outcome("doubtful" if trouble else "ok", f"{found}; {trouble}" if trouble else found, measured)


def _other_program(bench: Bench) -> Outcome:
    if not bench.person.present:
        return NOT_ASKED
    bench.close()
    if not bench.person.ready(OTHER_PROGRAM):
        bench.open()
        return SKIPPED
    refusal = ""
    try:
        bench.open()
    except CameraError as error:
        refusal = str(error)
    bench.close()
    bench.person.tell(f"  With it running: {refusal or 'the camera opened all the same'}")
    if not bench.person.ready("Close that program again."):
        return Outcome("not done", "skipped half-way; " + (refusal or "it opened beside the other program"))
    bench.open()
    if refusal:
        busy = says_busy(refusal)
        found = f"refused while the other had it: {refusal}; free afterwards"
        ok = busy or bench.is_networked
        return Outcome("ok" if ok else "doubtful", found, {"refused": True, "said_busy": busy})
    why = _why_shared(bench)
    found = "it opened beside the other program" + (f": {why}" if why else "")
    return Outcome("ok" if why else "doubtful", found, {"refused": False})


def _close(bench: Bench) -> Outcome:
    if not bench.is_open:
        return Outcome("not done", "it was not open any more")
    begun_s = time.monotonic()
    trouble = bench.close()
    seconds = time.monotonic() - begun_s
    return Outcome(
        "failed" if trouble else "ok", trouble or f"let go in {seconds:.1f} s", {"close_s": seconds}
    )


OTHER_PROGRAM = (
    "The camera is free now. Start its vendor's viewer (SpinView, Kinect Studio, a camera app) until it "
    "shows pictures."
)
OPENING = (
    Step("open", "Opening the camera", "it opens", "how recorders use a camera", _open),
    Step(
        "nodes",
        "Settings and documents of the device",
        "A65: genicam.xml; Kinect v2: factory_calibration.json",
        "kept for comparison: node names of the A65 are from documents, not from a device",
        _nodes,
    ),
)
SHARING = (
    Step(
        "second_program",
        "A second program wants the camera",
        "refused in one line (a Kinect under the SDK, a network camera: shared), and our stream goes on",
        "GigE Vision control access; USB claim; Kinect SDK 2.0",
        _second_program,
        applies=lambda bench: bench.is_device,
    ),
    Step(
        "open_again",
        "Closed and opened again",
        "frames come again",
        "operators do so between subjects",
        _open_again,
        applies=lambda bench: bench.kind in FILMS,
    ),
    Step(
        "other_program",
        "The vendor's program has the camera",
        "refused in one line that says so, and free afterwards",
        "GigE Vision control access; USB claim; Kinect SDK 2.0",
        _other_program,
        applies=lambda bench: bench.is_device,
        asks=OTHER_PROGRAM,
    ),
)
CLOSING = Step(
    "close",
    "Letting the camera go",
    "it is let go without an error",
    "a camera that is not let go is busy for the next program",
    _close,
)
