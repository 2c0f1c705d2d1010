"""A watch sees every frame, and everything that goes wrong with a camera, without falling over it."""

import threading

import pytest

from mavfer.capture.clock import MonotonicClock
from mavfer.capture.hardware.watch import Watch
from mavfer.errors import CameraEnded, CameraError

WAIT_S = 30.0


@pytest.fixture
def watched(film):
    """Return a function that watches a camera until the test is over."""
    watches = []

    def watch(camera=None, **settings):
        camera = camera or film(**settings)
        watches.append(Watch(camera, MonotonicClock()))
        return camera, watches[-1]

    yield watch
    for one in watches:
        one.stop()


def test_every_frame_is_seen_once_and_in_order(watched):
    _, watch = watched(fps=200, absent=frozenset({3, 4}))
    assert watch.until(lambda: watch.n_frames >= 20, timeout_s=WAIT_S)
    stamps = watch.stamps(0, 18)
    assert stamps.frame_id.tolist() == [0, 1, 2, *range(5, 20)]
    assert (stamps.transport_ns == 2_000_000).all()
    assert watch.events == []


def test_a_camera_that_goes_and_comes_back_is_told_with_the_time_it_was_away(watched):
    camera, watch = watched(fps=100)
    assert watch.until(lambda: watch.n_frames > 3, timeout_s=WAIT_S)
    camera.vanish()
    assert watch.until(lambda: bool(watch.events), timeout_s=WAIT_S)
    n = watch.n_frames
    camera.come_back()
    assert watch.until(lambda: watch.n_frames > n, timeout_s=WAIT_S)
    assert [one.kind for one in watch.events] == ["gone", "back"]
    assert watch.events[0].text == "film T-1 is gone and looked for"
    assert watch.stamps(n - 1, n + 1).span_s >= 0.2


def test_a_notice_is_told_once_and_told_again_when_it_is_over(watched):
    camera, watch = watched(fps=100)
    camera.light.clear()
    assert watch.until(lambda: bool(watch.events), timeout_s=WAIT_S)
    camera.light.set()
    assert watch.until(lambda: len(watch.events) == 2, timeout_s=WAIT_S)
    assert [(one.kind, one.text) for one in watch.events] == [
        ("notice", "the light is low"),
        ("notice over", "the light is low"),
    ]


def test_what_a_driver_raises_when_it_is_asked_is_an_event_and_the_watch_goes_on(watched, film):
    class Rude(film):
        def health(self):
            raise ZeroDivisionError("inside the driver")

    _, watch = watched(Rude(fps=100))
    assert watch.until(lambda: bool(watch.events), timeout_s=WAIT_S)
    assert "ZeroDivisionError: inside the driver" in watch.events[0].text
    n = watch.n_frames
    assert watch.until(lambda: watch.n_frames > n + 3, timeout_s=WAIT_S)


def test_a_camera_that_has_delivered_all_it_ever_will_ends_the_waiting(watched, film):
    class Short(film):
        def grab(self, timeout_s):
            if self.n == 5:
                raise CameraEnded("the film is over")
            return super().grab(timeout_s)

    _, watch = watched(Short(fps=100))
    assert not watch.until(lambda: False, timeout_s=WAIT_S)
    assert (watch.n_frames, watch.ended) == (5, True)


def test_a_grab_that_never_comes_back_is_seen_and_does_not_hold_the_program(watched, film, monkeypatch):
    import mavfer.capture.hardware.watch as module

    monkeypatch.setattr(module, "GRAB_TIMEOUT_S", 0.2)
    monkeypatch.setattr(module, "HUNG_S", 0.2)
    let_go = threading.Event()

    class Hung(film):
        def grab(self, timeout_s):
            if self.n == 3:
                let_go.wait()
            return super().grab(timeout_s)

    _, watch = watched(Hung(fps=100))
    assert not watch.until(lambda: False, timeout_s=WAIT_S)
    assert watch.hangs
    assert not watch.stop()
    let_go.set()


def test_pictures_are_those_of_the_next_moments_and_only_those_are_decoded(watched, film):
    decoded = []

    class Counting(film):
        def _picture(self, n):
            decoded.append(n)
            return super()._picture(n)

    _, watch = watched(Counting(fps=100))
    assert watch.until(lambda: watch.n_frames > 3, timeout_s=WAIT_S)
    found = watch.pictures(3, timeout_s=WAIT_S)
    assert [frames[0].frame_id for frames in found] == decoded
    assert len(decoded) == 3
    assert decoded == list(range(decoded[0], decoded[0] + 3))


def test_pictures_that_do_not_come_are_an_error_that_counts_them(watched):
    camera, watch = watched(fps=100)
    camera.vanish()
    with pytest.raises(CameraError, match=r"wanted 2 pictures within 0.3 s, found 0"):
        watch.until(lambda: bool(watch.events), timeout_s=WAIT_S)
        watch.pictures(2, timeout_s=0.3)
