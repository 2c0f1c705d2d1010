"""kinect-next's own code, and ours above it, over the stand-in of kinect20.py."""

import ctypes
import threading

import numpy as np
import pytest

from mavfer.capture.clock import MonotonicClock
from mavfer.capture.kinect_v2.camera import KinectCamera
from mavfer.capture.kinect_v2.factory import FILE_NAME, factory_from_json
from mavfer.capture.kinect_v2.feed import QUEUE_MOMENTS
from mavfer.capture.kinect_v2.kinect_next import KinectNext
from mavfer.capture.streams import Stream, check_pixels
from mavfer.errors import CameraError, CameraGone

WAIT_S = 20.0
PERIOD_NS = 33_333_300
OUTAGE = {"gone_s": 0.05, "retry_s": 0.01}


def test_the_pixels_are_those_that_the_sensor_saw_and_not_mirrored(filming):
    camera = filming.open()
    for n in range(1, 5):
        frames = filming.see(n).retrieve()
        assert [frame.stream for frame in frames] == [Stream.COLOR, Stream.DEPTH, Stream.INFRARED]
        for frame, spec, seen in zip(frames, camera.specs, filming.pictures[n % 4], strict=True):
            check_pixels(frame.pixels, spec)
            np.testing.assert_array_equal(frame.pixels, seen)
    assert camera.nodes()["mirrored_by_driver"] is True


def test_a_moment_has_the_sensor_s_time_of_depth_and_the_host_s_of_its_arrival(kinect):
    kinect.open()
    captures = [kinect.see(n) for n in (1, 2, 3)]
    assert [capture.device_time_ns for capture in captures] == [
        7_100_000_000 + n * PERIOD_NS for n in (1, 2, 3)
    ]
    assert [capture.host_time_ns for capture in captures] == [
        10_004_000_000 + n * PERIOD_NS for n in (1, 2, 3)
    ]
    for frame in captures[0].retrieve():
        assert (frame.frame_id, frame.device_time_ns, frame.host_time_ns) == (
            captures[0].frame_id,
            captures[0].device_time_ns,
            captures[0].host_time_ns,
        )


def test_how_far_color_and_depth_of_a_moment_are_apart_is_told(kinect):
    camera = kinect.open()
    kinect.see(1, color_ticks=71_000_000 + 333_333 - 62_500)
    assert camera.health()["depth_after_color_ms"] == 6.25


def test_exposure_and_gain_are_told_and_where_they_are_not_pictures_come_all_the_same(kinect):
    camera = kinect.open()
    kinect.see(1, exposure_ticks=161_000, gain=1.5)
    assert (camera.health()["exposure_ms"], camera.health()["gain"]) == (16.1, 1.5)
    kinect.see(2, exposure_ticks=None)
    assert "exposure_ms" not in camera.health()


def test_lost_frames_leave_their_ids_free(kinect):
    kinect.open()
    shown = [1, 2, 5, 6, 36, 37, 38]
    first = kinect.see(0 + shown[0]).frame_id - shown[0]
    assert [kinect.see(n).frame_id - first for n in shown[1:]] == shown[1:]


def test_what_a_late_reader_lets_the_sdk_overwrite_is_a_gap_too(kinect, sdk):
    camera = kinect.open()
    first = kinect.see(1).frame_id
    with sdk.changed:  # nobody can take a shot meanwhile
        for n in (2, 3, 4):
            kinect.show(n, settle=False)
    assert camera.grab(WAIT_S).frame_id == first + 3


@pytest.mark.parametrize(
    "wrong_ticks", [0, 1, 71_000_000 + 3 * 333_333, 71_000_000 + 5 * 333_333, 10**15], ids=str
)
def test_one_wrong_time_costs_one_frame_and_shows_as_a_gap(kinect, wrong_ticks):
    camera = kinect.open()
    first, *_ = [kinect.see(n).frame_id for n in (1, 2, 3, 4, 5)]
    kinect.show(6, ticks=wrong_ticks)
    assert [kinect.see(n).frame_id - first for n in (7, 8)] == [6, 7]
    assert camera.health()["frames_with_wrong_time"] == 1


def test_a_sensor_whose_clock_begins_anew_goes_on_after_three_frames_and_the_gap_shows(kinect):
    camera = kinect.open()
    first, *_ = [kinect.see(n).frame_id for n in (1, 2, 3)]
    for n in (90, 91):
        kinect.show(n, ticks=n * 333_333)
    after = [kinect.see(n, ticks=n * 333_333) for n in (92, 93)]
    assert [capture.frame_id - first for capture in after] == [91, 92]
    assert after[1].device_time_ns - after[0].device_time_ns == PERIOD_NS
    assert camera.health()["frames_with_wrong_time"] == 2


def test_a_sensor_whose_clock_stands_still_is_gone_by_name(kinect):
    camera = kinect.open(gone_s=0.05)
    kinect.see(1)
    told: list[str] = []
    for _ in range(1000):
        kinect.show(2, ticks=1)
        with pytest.raises(CameraError) as caught:
            camera.grab(0.001)
        told.append(str(caught.value))
        if "its times are not to be believed" in told[-1]:
            break
    assert "the Kinect is gone (its times are not to be believed)" in told[-1]


def test_low_light_is_told_while_it_lasts_and_its_slow_frames_are_no_gaps(kinect):
    camera = kinect.open()
    kinect.see(1)
    assert camera.notices() == ()
    ids = [kinect.see(n).frame_id for n in range(2, 62, 2)]
    (notice,) = camera.notices()
    assert notice.startswith("the light is low: color runs at 15 frames a second")
    assert camera.health()["frames_per_s"] == pytest.approx(15, abs=0.01)
    assert set(np.diff(ids[:6])) == {2}, "unexplained as yet, they are gaps"
    assert set(np.diff(ids[10:])) == {1}
    lost = kinect.see(64).frame_id - ids[-1]
    assert lost == 2, "at 15 frames a second a lost one still shows"
    ids = [kinect.see(n).frame_id for n in range(65, 90)]
    assert set(np.diff(ids)) == {1}
    assert camera.notices() == ()
    assert camera.health()["frames_per_s"] == pytest.approx(30, abs=0.01)


def test_an_outage_in_low_light_is_counted_at_the_rate_that_held_before_it(kinect, sdk):
    camera = kinect.open()
    last = [kinect.see(n).frame_id for n in range(2, 62, 2)][-1]
    sdk.n_failed_waits = 1
    with pytest.raises(CameraGone):
        camera.grab(WAIT_S)
    sdk.wait_opened(2)
    assert kinect.see(160).frame_id == last + 50
    assert kinect.see(162).frame_id == last + 51


def test_a_color_picture_that_comes_twice_is_flagged_and_shows_low_light_too(kinect):
    camera = kinect.open()
    captures = [kinect.see(n, color_ticks=71_000_000 + n // 2 * 666_666) for n in range(2, 50)]
    assert [capture.flags for capture in captures[:4]] == [(), ("repeated",), (), ("repeated",)]
    assert [frame.flags for frame in captures[1].retrieve()] == [("repeated",), (), ()]
    assert [capture.frame_id - captures[0].frame_id for capture in captures[:10]] == list(range(10))
    assert camera.notices()
    assert camera.health()["frames_per_s"] == pytest.approx(15, abs=0.01)
    assert kinect.see(51).frame_id == captures[-1].frame_id + 2, "a lost moment shows, though color is slow"


@pytest.mark.parametrize("absent", ["color", "depth", "infrared"])
def test_a_moment_that_lacks_a_picture_is_left_out_and_shows_as_a_gap(kinect, absent):
    camera = kinect.open()
    first = kinect.see(1).frame_id
    kinect.show(2, **{absent: None})
    assert kinect.see(3).frame_id == first + 2
    assert camera.health()["frames_incomplete"] == 1


@pytest.mark.parametrize(
    "method",
    [
        "MultiSourceFrame.get_ColorFrameReference",
        "MultiSourceFrame.get_InfraredFrameReference",
        "ColorFrameReference.AcquireFrame",
        "DepthFrameReference.AcquireFrame",
        "ColorFrame.CopyConvertedFrameDataToArray",
        "ColorFrame.get_RelativeTime",
        "DepthFrame.CopyFrameDataToArray",
        "DepthFrame.get_DepthMaxReliableDistance",
        "InfraredFrame.get_RelativeTime",
    ],
)
def test_a_call_that_fails_costs_one_moment_and_leaks_nothing(kinect, sdk, method):
    camera = kinect.open()
    first = kinect.see(1).frame_id
    sdk.fail(method)
    kinect.show(2)
    assert kinect.see(3).frame_id == first + 2
    assert camera.health()["frames_incomplete"] == 1


def test_a_frame_that_is_announced_before_it_can_be_had_is_waited_for(kinect, sdk, kinect20):
    kinect.open()
    first = kinect.see(1).frame_id
    sdk.fail("Reader.AcquireLatestFrame", kinect20.E_PENDING)
    kinect.show(2, settle=False)
    with sdk.changed:
        assert sdk.changed.wait_for(lambda: not sdk.failures["Reader.AcquireLatestFrame"], WAIT_S)
        sdk.set_event(sdk.reader.handle)  # announced again
    assert kinect.camera.grab(WAIT_S).frame_id == first + 1


def test_an_unplugged_sensor_is_gone_by_name_and_its_absence_shows_when_it_is_back(kinect, sdk):
    camera = kinect.open(**OUTAGE)
    first = kinect.see(1).frame_id
    sdk.connected = False
    with pytest.raises(CameraGone, match=r"the Kinect is gone \(the SDK sees no sensor\)") as caught:
        camera.grab(WAIT_S)
    assert "\n" not in str(caught.value)
    sdk.connected = True
    assert kinect.see(100).frame_id == first + 99
    assert kinect.see(101).frame_id == first + 100
    assert camera.health()["times_reopened"] == 0


def test_a_stalled_sensor_is_opened_again_until_pictures_come_and_its_clock_may_begin_anew(kinect, sdk):
    camera = kinect.open(**OUTAGE, reopen_s=0.1)
    first = kinect.see(1).frame_id
    with pytest.raises(CameraGone, match="it sends no pictures"):
        camera.grab(WAIT_S)
    sdk.wait_opened(3)
    assert kinect.see(300, ticks=5).frame_id == first + 299
    assert camera.health()["times_reopened"] >= 2


def test_a_broken_reader_is_opened_again(kinect, sdk):
    camera = kinect.open()
    first = kinect.see(1).frame_id
    sdk.n_failed_waits = 1
    with pytest.raises(CameraGone, match="kinect_next cannot read: Win32 wait"):
        camera.grab(WAIT_S)
    sdk.wait_opened(2)
    assert kinect.see(31).frame_id == first + 30
    with pytest.raises(CameraError, match="no frame came"):  # it is there, and late
        camera.grab(0.01)


def test_a_sensor_that_cannot_be_opened_again_at_once_is_tried_until_it_can(kinect, sdk):
    camera = kinect.open(**OUTAGE)
    first = kinect.see(1).frame_id
    sdk.fail("Sensor.OpenMultiSourceFrameReader", times=3)
    sdk.n_failed_waits = 1
    with pytest.raises(CameraGone):
        camera.grab(WAIT_S)
    sdk.wait_opened(5)
    assert kinect.see(31).frame_id == first + 30


def test_another_sensor_is_not_taken_for_the_one_that_went_away(kinect, sdk):
    camera = kinect.open(**OUTAGE)
    first = kinect.see(1).frame_id
    mine, sdk.serial = sdk.serial, "another"
    sdk.n_failed_waits = 1
    sdk.wait_opened(2)
    kinect.show(10)
    sdk.wait_opened(3)
    with pytest.raises(CameraGone, match=f"another came back: wanted serial '{mine}', found 'another'"):
        camera.grab(WAIT_S)
    sdk.serial = mine
    assert kinect.see(40).frame_id == first + 39
    assert camera.nodes()["serial"] == mine


def test_what_nobody_takes_is_dropped_from_the_oldest_on_and_counted(kinect):
    camera = kinect.open()
    for n in range(1, QUEUE_MOMENTS + 6):
        kinect.show(n)
    newest = kinect.see(QUEUE_MOMENTS + 6)  # taken in after all others
    assert camera.health()["frames_dropped"] == 6
    left = [newest.frame_id] + [camera.grab(WAIT_S).frame_id for _ in range(QUEUE_MOMENTS - 1)]
    assert np.diff(left).tolist() == [1] * (QUEUE_MOMENTS - 1)


def test_what_comes_while_nobody_grabs_is_not_dropped(kinect):
    camera = kinect.open()
    for n in range(1, QUEUE_MOMENTS + 6):
        kinect.show(n)
    assert camera.health()["frames_dropped"] == 0
    camera.start(0)
    kinect.see(QUEUE_MOMENTS + 6)
    assert camera.health()["frames_dropped"] == 0


def test_a_take_begins_with_what_comes_after_its_start(kinect):
    camera = kinect.open()
    kinect.show(1)
    kinect.show(2)
    camera.start(0)
    assert kinect.see(4).device_time_ns == 7_100_000_000 + 4 * PERIOD_NS


def test_the_factory_calibration_is_the_sensor_s_with_its_whole_lens(kinect, sdk):
    camera = kinect.open()
    factory = factory_from_json(camera.documents()[FILE_NAME], where="test")
    lens = factory.depth
    fx, fy, cx, cy, r2, r4, r6 = sdk.intrinsics
    assert (lens.fx, lens.fy, lens.cx, lens.cy, lens.k1, lens.k2, lens.k3) == (fx, fy, cx, cy, r2, r4, r6)
    assert (lens.width, lens.height, lens.p1, lens.p2) == (512, 424, 0, 0)
    assert (factory.driver, factory.driver_version, factory.serial) == ("kinect_next", "3.0.0", sdk.serial)
    assert factory.mirrored
    assert factory.color is None
    assert "no intrinsics of the color camera" in factory.remarks[0]


def test_the_sdk_s_mapper_is_sampled_over_the_depth_picture(kinect, sdk):
    factory = factory_from_json(kinect.open().documents()[FILE_NAME], where="test")
    samples = factory.depth_to_color
    assert len(samples) > 100
    assert {sample.depth_mm for sample in samples} == {600, 1000, 2000, 4000}
    assert min(s.depth_x for s in samples) == 0
    assert max(s.depth_x for s in samples) == 511
    for sample in samples:
        seen = sdk.color_of(sample.depth_x, sample.depth_y, sample.depth_mm)
        assert (sample.color_x, sample.color_y) == pytest.approx(seen, abs=1e-3)


def test_a_sensor_that_tells_its_lens_late_is_waited_for_and_one_that_never_does_is_taken(kinect, sdk):
    sdk.intrinsics_after = 5
    camera = kinect.open(n_shots=6)
    assert FILE_NAME in camera.documents()
    camera.close()
    sdk.intrinsics_after = 10**9
    assert kinect.open(n_shots=QUEUE_MOMENTS * 2).documents() == {}


@pytest.mark.parametrize("place", [1, 6], ids=["fy", "the lens"])
def test_a_sensor_that_tells_no_lens_but_nonsense_is_filmed_all_the_same(kinect, sdk, place):
    sdk.intrinsics = (*sdk.intrinsics[:place], float("nan"), *sdk.intrinsics[place + 1 :])
    camera = kinect.open(n_shots=QUEUE_MOMENTS * 2)
    assert camera.documents() == {}
    kinect.see(1)


def test_a_driver_s_surprise_is_one_line(kinect):
    class Babbling(KinectNext):
        def facts(self):
            raise ValueError("two\nlines")

    camera = KinectCamera(Babbling(None), clock=kinect.clock, gone_s=60.0, open_s=WAIT_S)
    shown = threading.Thread(target=lambda: kinect.show(0, settle=False))
    shown.start()
    with pytest.raises(CameraError, match=r"^ValueError: two lines$"):
        camera.open()
    shown.join()


def test_a_sensor_with_another_serial_is_refused(kinect, sdk):
    with pytest.raises(
        CameraError, match=f"wanted the Kinect with serial 'X1', found '{sdk.serial}'"
    ) as caught:
        kinect.open(serial="X1")
    assert "\n" not in str(caught.value)


def test_a_sensor_with_the_serial_that_is_wanted_is_taken(kinect, sdk):
    assert kinect.open(serial=sdk.serial).nodes()["serial"] == sdk.serial


def test_an_sdk_without_a_sensor_is_told_in_time(kinect, sdk):
    sdk.connected = False
    camera = KinectCamera(KinectNext(None), clock=kinect.clock, gone_s=0.01, open_s=0.6)
    with pytest.raises(CameraError, match="the SDK sees no sensor"):
        camera.open()


def test_an_sdk_that_gives_no_sensor_is_told_at_once(kinect, sdk):
    sdk.fail("GetDefaultKinectSensor")
    camera = KinectCamera(KinectNext(None), clock=kinect.clock)
    with pytest.raises(CameraError, match=r"kinect_next cannot open the sensor: .*0x80004005"):
        camera.open()


@pytest.mark.skipif(hasattr(ctypes, "WinDLL"), reason="there may be an SDK")
def test_where_there_is_no_sdk_the_driver_says_so():
    pytest.importorskip("kinect_next")
    with pytest.raises(
        CameraError, match=r"only supported on 64-bit Windows; it wants Windows; on .*hardware\.md"
    ):
        KinectCamera(KinectNext(None), clock=MonotonicClock()).open()


def test_a_closed_camera_refuses_and_may_be_closed_and_opened_again(kinect):
    camera = kinect.open()
    camera.close()
    camera.close()
    with pytest.raises(CameraError, match="call open"):
        camera.grab(0.1)
    assert kinect.open().grab  # the same sensor, anew


def test_a_grab_that_waits_ends_when_the_camera_is_closed(kinect):
    camera = kinect.open()
    told: list[Exception] = []
    begun = threading.Event()

    def wait():
        begun.set()
        try:
            camera.grab(WAIT_S)
        except CameraError as error:
            told.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert begun.wait(WAIT_S)
    camera.close()
    waiting.join(WAIT_S)
    assert "closed" in str(told[0])


def test_a_closed_camera_keeps_no_moments(kinect):
    camera = kinect.open()
    kinect.show(1)
    feed = camera._feed
    assert feed is not None
    camera.close()
    with pytest.raises(CameraError, match="closed"):
        feed.next(0.0)


def test_a_driver_that_hangs_is_told_and_no_camera_calls_it_until_it_has_come_back(kinect, sdk, monkeypatch):
    monkeypatch.setattr("mavfer.capture.kinect_v2.feed.CLOSE_S", 0.1)
    monkeypatch.setattr("mavfer.capture.kinect_v2.feed.HANG_S", 0.3)
    camera = kinect.open(gone_s=0.1)
    with sdk.changed:
        sdk.hangs = True
        assert sdk.changed.wait_for(lambda: not sdk.n_waiting, WAIT_S)
    told = ""
    while "driver hangs" not in told:  # it may be silent first
        with pytest.raises(CameraGone) as caught:
            camera.grab(0.5)
        told = str(caught.value)
    assert camera._feed is not None
    hung = camera._feed._thread
    camera.close()
    another = KinectCamera(KinectNext(None), clock=kinect.clock)
    for one in (camera, another):
        with pytest.raises(CameraError, match=r"driver hangs; .* start the recorder again"):
            one.open()
    with sdk.changed:
        sdk.hangs = False
        sdk.changed.notify_all()
    hung.join(WAIT_S)
    kinect.open()
    kinect.see(1)


def test_no_frame_in_time_is_said_so(kinect):
    with pytest.raises(CameraError, match=r"no frame came within 0\.01 s"):
        kinect.open().grab(0.01)


def test_the_stand_in_notices_who_does_not_release_and_starves_him(kinect, sdk, kinect20):
    camera = kinect.open()
    held = kinect20.DepthFrame(sdk, None)  # a frame that somebody forgot
    kinect.show(1, settle=False)
    with pytest.raises(CameraError, match="no frame came"):
        camera.grab(0.05)
    assert type(kinect20.LIVE[held.pointer]) is kinect20.DepthFrame
    held.drop()
