import numpy as np
import pytest

from mavfer.capture.clock import VirtualClock
from mavfer.capture.simulated.cameras import QUEUE_FRAMES, SimulatedA65, SimulatedKinect
from mavfer.capture.simulated.scene import SceneSettings
from mavfer.errors import CameraError

FIRST_TICK_NS = 5_000_000_000
VIRTUAL = SceneSettings(clock="virtual")


def opened(cls, scene: SceneSettings = VIRTUAL, *, clock: VirtualClock | None = None):
    clock = VirtualClock(FIRST_TICK_NS - 500_000_000) if clock is None else clock
    camera = cls(scene, subject="S01", seconds=5.0, clock=clock)
    camera.open()
    camera.start(FIRST_TICK_NS)
    return camera, clock


def test_frames_come_in_order_at_the_sensors_rate():
    camera, clock = opened(SimulatedA65)
    captures = []
    for _ in range(60):
        captures.append(camera.grab(1.0))
        assert clock.now_ns() == captures[-1].host_time_ns
    assert np.all(np.diff([c.frame_id for c in captures]) == 1)
    exposed = np.diff([c.device_time_ns for c in captures]) / 1e6
    np.testing.assert_allclose(exposed, 1000 / 30, rtol=1e-4)
    assert np.all(np.diff([c.host_time_ns for c in captures]) > 0)


def test_a_capture_becomes_one_frame_per_stream_with_its_times():
    for cls in (SimulatedKinect, SimulatedA65):
        camera, _ = opened(cls)
        capture = camera.grab(1.0)
        frames = capture.retrieve()
        assert [frame.stream for frame in frames] == [spec.stream for spec in camera.specs]
        for frame, spec in zip(frames, camera.specs, strict=True):
            assert (frame.pixels.shape, str(frame.pixels.dtype)) == (spec.shape, spec.dtype)
            assert frame.frame_id == capture.frame_id
            assert (frame.device_time_ns, frame.host_time_ns) == (
                capture.device_time_ns,
                capture.host_time_ns,
            )


def test_two_cameras_of_one_scene_give_the_same_frame_the_same_pixels():
    (one, _), (other, _) = opened(SimulatedA65), opened(SimulatedA65)
    mine, theirs = one.grab(1.0), other.grab(1.0)
    assert mine.frame_id == theirs.frame_id
    np.testing.assert_array_equal(mine.retrieve()[0].pixels, theirs.retrieve()[0].pixels)


def test_the_devices_have_clocks_of_their_own():
    (kinect, _), (a65, _) = opened(SimulatedKinect), opened(SimulatedA65)
    one, other = kinect.grab(1.0), a65.grab(1.0)
    assert abs(one.device_time_ns - other.device_time_ns) > 1e9
    assert abs(one.device_time_ns - one.host_time_ns) > 1e9


def test_a_late_reader_gets_the_queued_frames_and_a_too_late_one_loses_some():
    scene = SceneSettings(clock="real")
    camera, clock = opened(SimulatedA65, scene)
    first = camera.grab(1.0)
    clock.wait_until_ns(clock.now_ns() + 1_000_000_000)
    assert camera.grab(1.0).frame_id == first.frame_id + 1
    clock.wait_until_ns(clock.now_ns() + 10_000_000_000)
    gap = camera.grab(1.0).frame_id - first.frame_id
    assert 300 - QUEUE_FRAMES < gap < 340 - QUEUE_FRAMES + 5


def test_a_virtual_clock_loses_nothing_however_late_the_reader():
    camera, clock = opened(SimulatedA65)
    first = camera.grab(1.0)
    clock.wait_until_ns(clock.now_ns() + 10_000_000_000)
    assert camera.grab(1.0).frame_id == first.frame_id + 1


def test_no_frame_in_time_is_a_camera_error():
    camera, clock = opened(SimulatedA65)
    before = clock.now_ns()
    with pytest.raises(CameraError, match=r"no frame came within 0\.001 s"):
        for _ in range(3):
            camera.grab(0.001)
    assert clock.now_ns() >= before


def test_using_a_camera_out_of_order_says_what_to_call():
    camera = SimulatedA65(VIRTUAL, subject="S01", seconds=5.0, clock=VirtualClock(0))
    with pytest.raises(CameraError, match=r"call open\(\) first"):
        camera.start(0)
    with pytest.raises(CameraError, match=r"call start\(\) first"):
        camera.grab(1.0)
    camera.close()
    camera.close()


def test_nodes_name_the_device_and_tell_nothing_of_the_calibration():
    for cls in (SimulatedKinect, SimulatedA65):
        nodes = cls(VIRTUAL, subject="S01", seconds=5.0, clock=VirtualClock(0)).nodes()
        assert str(nodes["serial"]).startswith("SIM-")
        assert "simulated" in str(nodes["driver"])
        assert not [name for name in nodes if "focal" in name.lower() or "intrinsic" in name.lower()]


def test_a_camera_that_was_just_opened_warms_up_ever_more_slowly_and_the_same_each_time():
    (camera, clock), (again, same_clock) = opened(SimulatedA65), opened(SimulatedA65)
    told = []
    for minutes in (0, 10, 20, 30, 120):
        for one in (clock, same_clock):
            one.wait_until_ns(FIRST_TICK_NS + minutes * 60_000_000_000)
        told.append(camera.health())
        assert again.health() == told[-1]
    for name in ("device_temperature_c", "sensor_temperature_c"):
        temperature_c = np.array([one[name] for one in told])
        rises = np.diff(temperature_c[:4])
        assert 20 <= temperature_c[0] < 25 < temperature_c[-1] <= 40
        assert np.all(rises > 0)
        assert np.all(np.diff(rises) < 0)
        assert temperature_c[-1] - temperature_c[3] < 1
    other = SimulatedA65(SceneSettings(clock="virtual", seed=1), subject="S01", seconds=5.0, clock=clock)
    assert other.health() != SimulatedA65(VIRTUAL, subject="S01", seconds=5.0, clock=clock).health()
