"""Webcams: a real network camera, an HTTP server that sends JPEGs of the simulated rig without end."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest
import simplejpeg

from mavfer.capture.clock import MonotonicClock
from mavfer.capture.master import new_record, record
from mavfer.capture.payload import jpeg_of
from mavfer.capture.rig import Rig, read_rig
from mavfer.capture.session import open_session
from mavfer.capture.simulated.renderer import KinectView
from mavfer.capture.simulated.scene import SceneSettings
from mavfer.capture.streams import Stream
from mavfer.capture.webcam import WebcamCamera
from mavfer.capture.webcam_device import Told
from mavfer.capture.webcam_pictures import TABLES, segments_of, whole_jpeg
from mavfer.capture.webcam_settings import WebcamSettings
from mavfer.errors import CameraError, CameraGone, RecordError

SIZE = (360, 640)
FPS = 15.0
PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def pictures():
    """Return JPEGs of what the simulated rig's Kinect sees."""
    view = KinectView(SceneSettings(), subject="S01", seconds=10)
    found = []
    for number in range(4):
        small = cv2.resize(view.color(number * 1.5, number), SIZE[::-1], interpolation=cv2.INTER_AREA)
        found.append(simplejpeg.encode_jpeg(small, 90, "RGB", "420"))
    return found


def stamped(jpeg, number):
    """Return a JPEG with a comment that says which of all it is (ITU-T T.81, B.2.4.5)."""
    text = f"number {number}".encode()
    return jpeg[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + jpeg[2:]


class NetworkCamera:
    """A camera of the network on loopback: motion JPEG over HTTP, for one client after the other."""

    def __init__(self, pictures, *, fps=FPS):
        self.pictures = pictures
        self.fps = fps
        self.sent: list[bytes] = []
        self.silent = threading.Event()
        self.watched = threading.Lock()
        self._port = 0
        self._stopping = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self.start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self._port}/video"

    def start(self):
        """Be switched on, at the same address as before."""
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                camera.serve(self)

            def log_message(self, *words):
                pass

        self._stopping.clear()
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_port
        self._serving = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._serving.start()

    def stop(self):
        """Be switched off: whoever watches is cut off, and nobody answers."""
        self._stopping.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._serving.join()
            self._server = None

    def serve(self, request):
        if not self.watched.acquire(timeout=1.0):  # who left a moment ago is noticed by then
            request.send_error(503)
            return
        try:
            request.send_response(200)
            request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            request.end_headers()
            while not self._stopping.wait(1 / self.fps):
                if not self.silent.is_set():
                    self._send(request.wfile)
        except OSError:  # the watcher has gone
            pass
        finally:
            self.watched.release()

    def _send(self, wire):
        number = len(self.sent)
        jpeg = stamped(self.pictures[number % len(self.pictures)], number)
        self.sent.append(jpeg)
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        wire.write(head.encode() + jpeg + b"\r\n")


@pytest.fixture
def network_camera(pictures):
    camera = NetworkCamera(pictures)
    yield camera
    camera.stop()


@pytest.fixture
def opened():
    """Return a function that opens a webcam; all are closed at the end."""
    cameras = []

    def open_it(device, *, decode=True, **settings):
        settings = WebcamSettings.model_validate({"device": device} | settings)
        camera = WebcamCamera(settings, clock=MonotonicClock(), decode=decode)
        cameras.append(camera)
        camera.open()
        camera.start(0)
        return camera

    yield open_it
    for camera in cameras:
        camera.close()


def grab_again(camera):
    """Return the first frame after an outage, and whether the camera was said to be gone."""
    gone = False
    for _ in range(int(PATIENCE_S / 0.1)):
        try:
            return camera.grab(0.5), gone
        except CameraGone:
            gone = True
            threading.Event().wait(0.1)
        except CameraError:
            pass
    raise AssertionError("the camera did not come back")


def wait_for_frames(camera, n=2):
    """Return when so many frames wait to be grabbed."""
    for _ in range(int(PATIENCE_S / 0.02)):
        if len(camera._grabbed) >= n:
            return
        threading.Event().wait(0.02)
    raise AssertionError("no frames came")


def until_gone(camera):
    """Grab until the camera is said to be gone; return its last frame."""
    last = camera.grab(5.0)
    for _ in range(int(PATIENCE_S * FPS)):
        try:
            last = camera.grab(0.5)
        except CameraGone:
            return last
        except CameraError:
            pass
    raise AssertionError("the camera was never said to be gone")


def test_every_picture_is_the_camera_s_own_jpeg_byte_for_byte_and_none_is_missing(network_camera, opened):
    camera = opened(network_camera.address, fps=FPS)
    captures = [camera.grab(5.0) for _ in range(20)]
    ids = [one.frame_id for one in captures]
    assert ids == list(range(ids[0], ids[0] + 20))
    jpegs = [one.retrieve()[0].encoded for one in captures]
    first = network_camera.sent.index(jpegs[0])
    assert jpegs == network_camera.sent[first : first + 20]
    times = [one.host_time_ns for one in captures]
    assert times == sorted(times) == [one.device_time_ns for one in captures]


def test_the_pixels_are_those_of_the_jpeg_and_decoded_only_if_wanted(network_camera, opened):
    camera = opened(network_camera.address, fps=FPS)
    (spec,) = camera.specs
    assert (spec.stream, spec.shape, spec.dtype) == (Stream.COLOR, (*SIZE, 3), "uint8")
    (frame,) = camera.grab(5.0).retrieve()
    assert frame.encoded is not None
    np.testing.assert_array_equal(frame.pixels, simplejpeg.decode_jpeg(frame.encoded, "RGB"))
    camera.close()
    (frame,) = opened(network_camera.address, fps=FPS, decode=False).grab(5.0).retrieve()
    assert frame.pixels.size == 0
    assert frame.encoded in network_camera.sent


def test_without_the_camera_s_own_jpegs_its_pictures_come_decoded(network_camera, opened):
    camera = opened(network_camera.address, fps=FPS, jpeg=False)
    assert camera.nodes()["pictures"] == "decoded"
    (frame,) = camera.grab(5.0).retrieve()
    assert frame.encoded is None
    assert frame.pixels.shape == (*SIZE, 3)
    apart = [
        np.abs(frame.pixels.astype(int) - simplejpeg.decode_jpeg(jpeg, "RGB")).mean()
        for jpeg in network_camera.pictures
    ]
    assert min(apart) < 3, "red and blue are in their places"


def test_what_the_camera_does_is_read_back_and_what_it_does_not_tell_is_measured(network_camera, opened):
    network_camera.fps = 5.0
    camera = opened(network_camera.address)
    nodes = camera.nodes()
    assert (nodes["width"], nodes["height"]) == SIZE[::-1]
    assert (nodes["driver"], nodes["fourcc"]) == ("opencv ffmpeg", "MJPG")
    assert (nodes["pictures"], nodes["frame_time"]) == ("jpeg of the camera", "arrival")
    assert nodes["fps"] == camera.fps < 15, "FFmpeg makes 25 up where nobody says a rate"
    assert camera.documents() == {}
    assert camera.clock_readings() == ()


def test_a_camera_that_is_switched_off_is_gone_and_its_outage_is_a_gap_of_ids(network_camera, opened):
    camera = opened(network_camera.address, fps=FPS)
    wait_for_frames(camera)
    network_camera.stop()
    last = until_gone(camera)
    with pytest.raises(CameraGone, match=r"is gone .* and is looked for: http://127\.0\.0\.1"):
        camera.grab(0.1)
    network_camera.start()
    back, gone = grab_again(camera)
    assert gone
    outage_s = (back.host_time_ns - last.host_time_ns) / 1e9
    assert back.frame_id - last.frame_id == max(1, round(outage_s * FPS)) > 1
    assert back.retrieve()[0].encoded in network_camera.sent
    assert camera.grab(5.0).frame_id == back.frame_id + 1


def test_a_camera_that_falls_silent_is_gone_and_comes_back(network_camera, opened):
    camera = opened(network_camera.address, fps=FPS)
    wait_for_frames(camera)
    network_camera.silent.set()
    last = until_gone(camera)
    network_camera.silent.clear()
    back, _ = grab_again(camera)
    assert back.frame_id - last.frame_id >= 2 * FPS


def test_a_picture_of_another_size_is_refused_in_words_and_the_next_right_one_is_not(
    network_camera, opened, pictures
):
    camera = opened(network_camera.address, fps=FPS)
    large = simplejpeg.encode_jpeg(np.zeros((480, 640, 3), np.uint8))
    network_camera.pictures = [large]
    assert retrieved(camera, size=None).startswith(
        "wanted pictures of 640 x 360 pixels, found one of 640 x 480; set the camera back"
    )
    network_camera.pictures = pictures
    assert retrieved(camera, size=SIZE) == SIZE


def retrieved(camera, *, size):
    """Return the next picture's size that is `size`; where that is None, what is said of the next refused."""
    for _ in range(int(PATIENCE_S * FPS)):
        try:
            found = camera.grab(5.0).retrieve()[0].pixels.shape[:2]
        except CameraError as error:
            found = str(error)
        if found == size or (size is None and isinstance(found, str)):
            return found
    raise AssertionError(f"no such picture came: {size}")


def test_a_camera_that_leaves_the_usual_tables_out_is_stored_with_them(network_camera, opened, pictures):
    network_camera.pictures = [without_tables(jpeg) for jpeg in pictures]
    camera = opened(network_camera.address, fps=FPS)
    for _ in range(5):
        encoded = camera.grab(5.0).retrieve()[0].encoded
        assert any(marker == TABLES for marker, _, _ in segments_of(encoded))
        assert without_tables(encoded) in network_camera.sent


def without_tables(jpeg):
    for marker, start, end in reversed(segments_of(jpeg)):
        if marker == TABLES:
            jpeg = jpeg[:start] + jpeg[end:]
    return jpeg


def test_a_jpeg_is_made_whole_once_and_a_whole_one_is_left_alone(pictures):
    for jpeg in pictures:
        bare = without_tables(jpeg)
        assert len(bare) < len(jpeg)
        whole = whole_jpeg(bare + b"\0" * 100)
        assert whole_jpeg(whole) == whole
        np.testing.assert_array_equal(
            simplejpeg.decode_jpeg(whole, "RGB"), simplejpeg.decode_jpeg(jpeg, "RGB")
        )
        assert whole_jpeg(jpeg) == jpeg
    for scrap in (b"", b"\xff\xd8", b"\xff\xd8\xff", b"no jpeg", b"\xff\xd8\xff\xe0\x00"):
        assert whole_jpeg(scrap) == scrap.rstrip(b"\0")


class HalfReadable:
    """A driver at 100 frames a second of its own clock, of which three seconds cannot be read."""

    told = Told(driver="V4L2", fps=100.0, fourcc="", controls={})

    def __init__(self):
        self.n = -1
        self.over = threading.Event()

    def now_ns(self):
        return 10**9 + self.n * 10_000_000

    def grab(self):
        self.n += 1
        if self.n > 500:
            self.over.wait(PATIENCE_S)
        return self.n <= 500

    def picture(self):
        return None if 100 <= self.n < 400 else np.full((4, 6, 3), self.n % 256, np.uint8)

    def device_ns(self):
        return self.now_ns()

    def close(self):
        self.over.set()


def test_frames_that_cannot_be_read_count_once_in_the_ids(monkeypatch):
    drivers = []

    def device(_):
        drivers.append(HalfReadable())
        return drivers[-1]

    monkeypatch.setattr("mavfer.capture.webcam.WebcamDevice", device)
    monkeypatch.setattr("mavfer.capture.webcam.monotonic_ns", lambda: drivers[0].now_ns())
    monkeypatch.setattr("mavfer.capture.webcam.QUEUE_FRAMES", 1000)
    camera = WebcamCamera(WebcamSettings(fps=100), clock=MonotonicClock())
    camera.open()
    captures = [camera.grab(PATIENCE_S) for _ in range(200)]
    drivers[0].over.set()
    camera.close()
    ids = np.array([one.frame_id for one in captures])
    came_ns = np.array([one.host_time_ns for one in captures])
    assert np.diff(ids).max() == 301
    np.testing.assert_array_equal(np.diff(ids) * 10_000_000, np.diff(came_ns))


def test_a_camera_slower_than_its_rate_is_said_to_be_so(network_camera, opened):
    camera = opened(network_camera.address, fps=2 * FPS)
    assert camera.notices() == ()
    for _ in range(int(PATIENCE_S * FPS)):
        camera.grab(5.0)
        if camera.notices():
            break
    (line,) = camera.notices()
    assert line.startswith("color comes at ")
    assert "instead of 30: the light is low" in line
    assert camera.health()["frames_per_s"] < 22


def test_a_camera_at_its_rate_has_no_notice(network_camera, opened):
    network_camera.fps = 30.0
    camera = opened(network_camera.address, fps=10.0)
    while not camera.health():
        camera.grab(5.0)
    assert camera.notices() == ()


def test_starting_lets_go_of_what_came_before(network_camera, opened):
    camera = opened(network_camera.address, fps=FPS)
    first = camera.grab(5.0)
    wait_for_frames(camera, 5)
    camera.start(0)
    assert camera.grab(5.0).frame_id >= first.frame_id + 5


def test_a_reader_that_sleeps_loses_the_oldest_and_sees_it_by_their_ids(network_camera, opened):
    network_camera.fps = 200.0
    camera = opened(network_camera.address, fps=200.0)
    first = camera.grab(5.0)
    while camera._last_id < first.frame_id + 60:
        threading.Event().wait(0.02)
    ids = [camera.grab(5.0).frame_id for _ in range(10)]
    assert ids[0] > first.frame_id + 1
    assert camera._grabbed.maxlen == 30


def test_a_closed_camera_gives_nothing_and_can_be_opened_again(network_camera, opened):
    camera = opened(network_camera.address, fps=FPS)
    camera.close()
    camera.close()
    for ask in (lambda: camera.grab(0.1), lambda: camera.start(0)):
        with pytest.raises(CameraError, match=r"call open\(\) first"):
            ask()
    camera.open()
    camera.start(0)
    assert camera.grab(5.0).retrieve()[0].encoded in network_camera.sent


def test_a_camera_that_serves_somebody_else_is_refused_in_one_line(network_camera, opened):
    opened(network_camera.address, fps=FPS).grab(5.0)
    with pytest.raises(CameraError, match="does it serve somebody else"):
        opened(network_camera.address)


def test_what_is_no_webcam_is_told_in_one_line(tmp_path, network_camera, opened):
    file = tmp_path / "film.mp4"
    file.write_bytes(b"a film")
    gone = NetworkCamera([])
    gone.stop()
    text = NetworkCamera([b"no picture at all" * 100])
    for device, settings, complaint in (
        (200, {}, "wanted a webcam, found none.*: webcam 200$|could not open the webcam"),
        (str(tmp_path / "none"), {}, "wanted a webcam's number, path, or address.*none$"),
        (str(file), {}, r'found a file; camera = "video" plays one: .*film\.mp4$'),
        (os.devnull, {}, "it is no camera|could not open the webcam"),
        (gone.address, {}, "no pictures come from this address"),
        (text.address, {}, "no pictures come from this address|gives no picture"),
        (
            network_camera.address,
            {"width": 1920, "height": 1080},
            "a width of 1920 pixels, the camera gives 640",
        ),
        (network_camera.address, {"controls": {"focus": 30}}, r"controls\.focus = 30 was refused"),
        (network_camera.address.replace("http", "gopher"), {}, "wanted a webcam's number, path, or address"),
    ):
        with pytest.raises(CameraError, match=complaint) as caught:
            opened(device, **settings)
        assert "\n" not in str(caught.value)
    text.stop()


def test_a_password_stands_in_no_message_and_no_node(network_camera, opened):
    address = network_camera.address.replace("http://", "http://me:secret@") + "?token=secret#secret"
    camera = opened(address, fps=FPS)
    assert camera.nodes()["device"] == network_camera.address
    wait_for_frames(camera)
    network_camera.stop()
    until_gone(camera)
    with pytest.raises(CameraError) as caught:
        camera.grab(0.1)
    with pytest.raises(CameraError) as refused:
        opened(address)
    assert "secret" not in f"{caught.value} {refused.value}"


def test_settings_without_secrets_keep_all_but_them():
    for device, shown in (
        ("http://me:secret@cam.lab:81/video?token=secret&size=2#x", "http://cam.lab:81/video"),
        ("rtsp://me:se@cret@192.0.2.1/live", "rtsp://192.0.2.1/live"),
        ("http://[::1]:80/v", "http://[::1]:80/v"),
        ("http://me:secret@[::1", "http://..."),
        ("/dev/v4l/by-id/usb-a?b#c", "/dev/v4l/by-id/usb-a?b#c"),
        (3, 3),
    ):
        settings = WebcamSettings(device=device, fps=5, controls={"focus": 30})
        stored = settings.without_secrets()
        assert stored == settings.model_copy(update={"device": shown})
        assert stored.without_secrets() == stored


@pytest.mark.parametrize(
    ("status", "kind", "user", "complaint"),
    [
        (401, "text/plain", "", r"wants user and password \(HTTP 401\); put them before the host"),
        (401, "text/plain", "me:secret@", r"\(HTTP 401\); are those in the address right\?"),
        (403, "text/plain", "", r"refuses this user, or everybody \(HTTP 403\)"),
        (404, "text/plain", "", r"has nothing there \(HTTP 404\); look up the path"),
        (500, "text/plain", "", "no pictures come from this address: .* It answers HTTP 500"),
        (200, "text/html", "", "it is that of a web page"),
    ],
)
def test_a_camera_that_answers_without_pictures_says_why_and_is_sent_no_password(
    status, kind, user, complaint
):
    heard = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            heard.append((self.headers.get("User-Agent", ""), self.headers.get("Authorization")))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"no")

        def log_message(self, *words):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.02,))
        serving.start()
        address = f"http://{user}127.0.0.1:{server.server_port}/video?token=secret"
        try:
            with pytest.raises(CameraError, match=complaint) as caught:
                WebcamCamera(WebcamSettings(device=address), clock=MonotonicClock()).open()
        finally:
            server.shutdown()
            serving.join()
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [password for who, password in heard if who.startswith("Python-urllib")] == [None]


def test_a_size_has_two_sides():
    with pytest.raises(ValueError, match="width and height want each other"):
        WebcamSettings(width=640)


def webcam_rig(address, *, color="device", **settings):
    recorder = {"camera": "webcam", "webcam": {"device": address, "fps": FPS} | settings}
    return Rig.model_validate({"recorders": {"cam": recorder}, "color": color})


def stored(path):
    session = open_session(path)
    n_frames = len(session.index(Stream.COLOR))
    return [jpeg_of(session.payload(Stream.COLOR, i)[0]) for i in range(n_frames)]


def test_a_take_stores_the_camera_s_own_jpegs(tmp_path, network_camera):
    report = record(tmp_path / "take", rig=webcam_rig(network_camera.address), subject="S01", seconds=2)
    assert (report.state, report.n_lost) == ("complete", 0)
    jpegs = stored(tmp_path / "take")
    assert len(jpegs) >= 10
    numbers = [network_camera.sent.index(jpeg) for jpeg in jpegs]
    assert numbers == sorted(set(numbers))
    recorded = open_session(tmp_path / "take").record.recorders["cam"]
    assert recorded.nodes["pictures"] == "jpeg of the camera"


@pytest.mark.parametrize("color", ["jpeg", "lossless"])
def test_a_take_without_the_camera_s_own_jpegs_stores_what_was_decoded(tmp_path, network_camera, color):
    rig = webcam_rig(network_camera.address, color=color, jpeg=False)
    report = record(tmp_path / color, rig=rig, subject="S01", seconds=1)
    assert (report.state, report.n_lost) == ("complete", 0)
    frame = open_session(tmp_path / color).frame(Stream.COLOR, 3)
    assert frame.pixels.shape == (*SIZE, 3)


def test_a_take_without_loss_stores_the_pixels_of_the_camera_s_jpegs(tmp_path, network_camera, pictures):
    rig = webcam_rig(network_camera.address, color="lossless")
    record(tmp_path / "take", rig=rig, subject="S01", seconds=1)
    pixels = open_session(tmp_path / "take").frame(Stream.COLOR, 3).pixels
    assert any(np.array_equal(pixels, simplejpeg.decode_jpeg(jpeg, "RGB")) for jpeg in pictures)


def test_a_take_goes_on_when_the_camera_is_switched_off_and_on(tmp_path, network_camera):
    ticks = []
    is_off = threading.Event()

    def switch(statuses):
        ticks.append(statuses[0].tick)
        if ticks[-1] >= 10 and not is_off.is_set():
            is_off.set()

    rig, path = webcam_rig(network_camera.address), tmp_path / "take"
    with ThreadPoolExecutor(1) as pool:
        take = pool.submit(record, path, rig=rig, subject="S01", seconds=7, on_status=switch)
        assert is_off.wait(PATIENCE_S)
        network_camera.stop()
        n_before = len(network_camera.sent)
        assert not threading.Event().wait(1.5)
        network_camera.start()
        report = take.result(PATIENCE_S)
    assert report.state == "complete"
    assert report.frames_lost["cam"]["sensor"] >= 10
    assert any("is gone" in line for line in report.complaints)
    told = [event["text"] for event in open_session(path).events("cam")]
    assert [line.split(" ")[2] for line in told[:2]] == ["is", "is"]
    assert "the camera is gone" in told[0]
    assert "the camera is back" in told[1]
    numbers = [network_camera.sent.index(jpeg) for jpeg in stored(path)]
    assert any(number < n_before for number in numbers)
    assert any(number >= n_before for number in numbers)


def test_a_take_with_a_webcam_that_is_absent_leaves_nothing(tmp_path):
    rig = Rig.model_validate({"recorders": {"cam": {"camera": "webcam", "webcam": {"device": 201}}}})
    with pytest.raises(RecordError, match=r"recorder 'cam'.*webcam 201"):
        record(tmp_path / "take", rig=rig, subject="S01", seconds=1)
    assert not (tmp_path / "take").exists()


def test_a_session_says_nothing_of_a_network_cameras_password(tmp_path):
    rig = tmp_path / "rig.toml"
    address = "http://anna:s3cret@127.0.0.1:8090/video?token=abc"
    rig.write_text(f'[recorders.cam]\ncamera = "webcam"\nwebcam = {{ device = "{address}" }}\n')
    kept = new_record(tmp_path / "S01", rig=read_rig(rig), subject="S01", seconds=1).model_dump_json()
    assert "127.0.0.1:8090/video" in kept
    assert "s3cret" not in kept
    assert "abc" not in kept
