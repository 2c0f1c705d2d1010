"""Steps that want a person at the camera: each says what to do, and measures what comes of it."""

import math

import numpy as np
from numpy.typing import NDArray

from ..streams import Frame, Stream
from .bench import Bench
from .person import show_picture
from .picture_steps import celsius_of
from .stamps import arrival_fps
from .steps import NOT_ASKED, SKIPPED, Outcome, Step, Value, Verdict, percent, signed
from .watch import Watch

FILMS = ("flir_a65", "kinect_v2", "webcam", "simulated_a65", "simulated_kinect")
SKIN_C = (28.0, 38.0)
ACCURACY_C, ACCURACY = 5.0, 0.05
NUC_WITHIN_S = 15.0
RECENT_S = 2.0
SLOW, NORMAL = 0.7, 0.9
SETTLE_S = 4.0


def _skipped(bench: Bench) -> Outcome:
    return SKIPPED if bench.person.present else NOT_ASKED


def _mirror(bench: Bench) -> Outcome:
    if not bench.keeps_pictures:
        return Outcome("not done", "no pictures are kept, so there is nothing to look at")
    if not bench.person.ready(MIRROR):
        return _skipped(bench)
    bench.countdown("picture")
    (frames,) = bench.pictures()
    for file in bench.keep_pictures(frames, "page in the right hand"):
        bench.person.tell(f"  look at {file.absolute()}")
        show_picture(file.absolute())
    answer = bench.person.ask(
        "Is the page on the LEFT side of every picture, and can it be read where it shows letters?"
    )
    if answer == "skip":
        return Outcome("not done", "pictures taken, nobody said what they show")
    if answer == "yes":
        return Outcome("ok", "not mirrored, as the person sees it", {"mirrored": False})
    return Outcome("failed", "mirrored, or not to be read, as the person sees it", {"mirrored": True})


def _thermal(bench: Bench, label: str) -> NDArray[np.float64]:
    """Return a picture in degrees Celsius, kept under a label."""
    (frames,) = bench.pictures()
    bench.keep_pictures(frames, label)
    return celsius_of(frames[0].pixels, bench.camera.specs[0])


def _hand(bench: Bench) -> Outcome:
    if not bench.person.ready(HAND):
        return _skipped(bench)
    bench.countdown("picture")
    t_c = _thermal(bench, "hand")
    warm = t_c[t_c >= np.percentile(t_c, 90)]
    median = float(np.median(warm))
    found = (
        f"the warmest tenth of the picture: {median:.1f} °C in the median, {float(warm.max()):.1f} °C at most"
    )
    ok = SKIN_C[0] <= median <= SKIN_C[1]
    return Outcome(
        "ok" if ok else "doubtful", found, {"warm_median_c": median, "warm_most_c": float(warm.max())}
    )


def _black_body(bench: Bench) -> Outcome:
    if not bench.person.ready(BLACK_BODY):
        return _skipped(bench)
    true_c = bench.person.number("Its temperature in °C, by its display or a thermometer")
    if true_c is None:
        return SKIPPED
    t_c = _thermal(bench, "black body")
    height, width = t_c.shape
    middle = t_c[height // 2 - 10 : height // 2 + 10, width // 2 - 10 : width // 2 + 10]
    seen_c, spread_c = float(np.median(middle)), float(middle.std())
    off_c, limit_c = seen_c - true_c, max(ACCURACY_C, ACCURACY * abs(true_c))
    verdict: Verdict = (
        "ok" if abs(off_c) <= limit_c else "doubtful" if abs(off_c) <= 2 * limit_c else "failed"
    )
    found = (
        f"{seen_c:.1f} °C seen, {true_c:.1f} °C told: {signed(off_c)} K; "
        f"spread over 20x20 pixels {spread_c:.2f} K"
    )
    measured: dict[str, Value] = {"seen_c": seen_c, "told_c": true_c, "off_k": off_c, "spread_k": spread_c}
    return Outcome(verdict, found, measured)


class _Held:
    """Counts pictures that are those before them, and whether the camera said so."""

    def __init__(self) -> None:
        self.n = self.n_nuc = self.n_held = self.n_untold = 0
        self._last: NDArray | None = None

    def take(self, frames: tuple[Frame, ...]) -> None:
        """Look at the next moment."""
        pixels, flags = frames[0].pixels, frames[0].flags
        held = self._last is not None and np.array_equal(pixels, self._last)
        self.n += 1
        self.n_nuc += "nuc" in flags
        self.n_held += held
        self.n_untold += held and not flags
        self._last = pixels


def _nuc(bench: Bench) -> Outcome:
    if not bench.person.ready(NUC):
        return _skipped(bench)
    held, fps = _Held(), bench.camera.fps
    bench.begin_take().fetch(round(NUC_WITHIN_S * fps), held.take, timeout_s=NUC_WITHIN_S + 5)
    measured: dict[str, Value] = {
        "n_frames": held.n,
        "n_nuc": held.n_nuc,
        "n_held": held.n_held,
        "n_held_unflagged": held.n_untold,
    }
    found = f"{held.n_nuc} frames flagged as nuc, {held.n_held} held pictures ({held.n_held / fps:.1f} s)"
    if held.n_untold:
        return Outcome("failed", f"{found}, {held.n_untold} of them without a flag", measured)
    if held.n_nuc and held.n_held:
        return Outcome("ok", found, measured)
    if held.n_nuc:
        return Outcome("doubtful", f"{found}: flagged because it was commanded, nothing was held", measured)
    heard = bench.person.ask(f"No correction was seen within {NUC_WITHIN_S:g} s. Did the shutter click?")
    if heard == "yes":
        return Outcome("failed", f"{found}, yet the shutter was heard", measured)
    return Outcome("doubtful", f"{found}: no correction within {NUC_WITHIN_S:g} s", measured)


def recent_fps(watch: Watch) -> float:
    """Return the rate of arrivals over the last two seconds; nan with fewer than two."""
    stamps = watch.stamps(max(0, watch.n_frames - 300))
    if not len(stamps):
        return math.nan
    return arrival_fps(
        watch.stamps(watch.n_frames - int(np.sum(stamps.elapsed_s[-1] - stamps.elapsed_s < RECENT_S)))
    )


def _dark(bench: Bench) -> Outcome:
    if not bench.person.ready(DARK):
        return _skipped(bench)
    watch, fps, wait_s = bench.watch, bench.camera.fps, bench.patience.person_s
    n_before, begun_s = len(watch.events), watch.elapsed_s

    def slow() -> bool:
        return watch.elapsed_s - begun_s > RECENT_S and recent_fps(watch) < SLOW * fps

    def noticed() -> bool:
        return any(one.kind == "notice" for one in watch.events[n_before:])

    watch.until(lambda: slow() or noticed(), timeout_s=wait_s)
    watch.until(lambda: slow() and noticed(), timeout_s=SETTLE_S)
    fell, told = slow(), noticed()
    dark_fps = recent_fps(watch)
    notice = next((one.text for one in watch.events[n_before:] if one.kind == "notice"), "")
    bench.person.tell("  Light again, please.")
    back = watch.until(lambda: recent_fps(watch) > NORMAL * fps, timeout_s=wait_s)
    measured: dict[str, Value] = {"dark_fps": dark_fps, "noticed": told, "recovered": back}
    found = f"{dark_fps:.1f} of {fps:g} frames a second in the dark, " + (
        f"told as {notice!r}" if told else "and the camera says nothing of it"
    )
    if not back:
        return Outcome("failed", f"{found}; not back at {fps:g} within {wait_s:g} s of light", measured)
    if not fell:
        return Outcome("ok" if told else "doubtful", f"{found}: it did not slow down", measured)
    return Outcome("ok" if told else "failed", found, measured)


def _unplug(bench: Bench) -> Outcome:
    if not bench.person.ready(UNPLUG):
        return _skipped(bench)
    watch, fps, wait_s = bench.watch, bench.camera.fps, bench.patience.person_s
    n_events = len(watch.events)

    def gone() -> bool:
        return any(one.kind in ("gone", "error") for one in watch.events[n_events:])

    bench.person.tell(f"  Unplug it now ({wait_s:g} s).")
    if not watch.until(gone, timeout_s=wait_s):
        return Outcome("failed", f"frames, or silence, for {wait_s:g} s: never seen as gone")
    first = next(one for one in watch.events[n_events:] if one.kind in ("gone", "error"))
    n_frames = watch.n_frames
    bench.person.tell(f"  Seen: {first.text}")
    bench.person.tell(f"  Plug it in again ({3 * wait_s:g} s).")
    came_back = watch.until(lambda: watch.n_frames > n_frames, timeout_s=3 * wait_s)
    told = [one for one in watch.events[n_events:] if one.kind == "gone"]
    named, words = bool(told), (told[0] if told else first).text
    if not came_back:
        return Outcome("failed", f"{words}; not back within {3 * wait_s:g} s", {"named_gone": named})
    if n_frames == 0:
        return Outcome("doubtful", "no frame before it was unplugged; back now", {"named_gone": named})
    edge = watch.stamps(n_frames - 1, n_frames + 1)
    away_s = edge.span_s
    absent, wanted = int(edge.frame_id[1] - edge.frame_id[0]) - 1, round(away_s * fps)
    counted = absent > 0 and abs(absent - wanted) <= 0.1 * wanted + fps
    bench.person.tell(f"  It is back, after {away_s:.1f} s.")
    found = (
        f"away for {away_s:.1f} s, told as {words!r}; {absent} numbers absent, "
        f"{wanted} frames long at {fps:g} a second"
    )
    measured: dict[str, Value] = {
        "away_s": away_s,
        "n_absent": absent,
        "n_wanted": wanted,
        "named_gone": named,
    }
    if not counted:
        return Outcome("failed", f"{found}: the gap is not counted", measured)
    return Outcome("ok" if named else "doubtful", found, measured)


MIRROR = (
    "Face the camera and hold a printed page in your RIGHT hand, arm out to the side; "
    "after Enter there is a countdown."
)
HAND = (
    "Hold your hand before the thermal camera so that it fills a quarter of the picture; a countdown follows."
)
BLACK_BODY = (
    "Put a black body, or a mug of stirred warm water, so that it fills the middle of the thermal picture."
)
NUC = "The stream begins anew, as before a take: listen for the shutter's click."
DARK = "Cover the color lens with your hand, or make the room dark, right after Enter, and keep it so."
UNPLUG = "Get ready to unplug the camera's cable: USB, or network and power."

ASKING = (
    Step(
        "mirror",
        "Mirrored or not",
        "what is held in the right hand is at the left of the picture, and can be read",
        "libfreenect2 hands out mirrored pictures (its issues #172, #474)",
        _mirror,
        applies=lambda bench: bench.kind in FILMS,
        asks=MIRROR,
    ),
    Step(
        "hand",
        "A hand in the thermal picture",
        f"{SKIN_C[0]:.0f} to {SKIN_C[1]:.0f} °C",
        "skin indoors; its emissivity is 0.98 (Steketee 1973)",
        _hand,
        applies=lambda bench: bench.settings.streams == (Stream.THERMAL,),
        asks=HAND,
    ),
    Step(
        "black_body",
        "A known temperature",
        f"within {ACCURACY_C:g} K or {percent(ACCURACY)}",
        "accuracy of the Ax5 series, from memory: compare your data sheet",
        _black_body,
        applies=lambda bench: bench.settings.streams == (Stream.THERMAL,),
        asks=BLACK_BODY,
    ),
    Step(
        "nuc",
        "The detector's correction",
        "held pictures, every one of them flagged",
        "non-uniformity correction; about 0.5 s at the A65, from memory",
        _nuc,
        applies=lambda bench: bench.kind == "flir_a65",
        asks=NUC,
    ),
    Step(
        "dark",
        "Low light",
        "half the rate, told as a notice, and back in the light",
        "libfreenect2 #141, #898: color at 15 frames a second drags depth along",
        _dark,
        applies=lambda bench: bench.is_device and Stream.COLOR in bench.settings.streams,
        asks=DARK,
    ),
    Step(
        "unplug",
        "Unplugged and plugged in again",
        "named as gone, back by itself, the gap counted in the frames' numbers",
        "an outage must never be a silent gap in a recording",
        _unplug,
        applies=lambda bench: bench.is_device,
        asks=UNPLUG,
    ),
)
