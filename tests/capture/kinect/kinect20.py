"""An in-process stand-in for Kinect20.dll: COM objects of ctypes callbacks, and what they need of kernel32.

kinect-next's own code runs over it unchanged, on any platform: it finds vtables, calls their slots, waits on
handles. Slots are in the order of the SDK's type library (as comtypes lists it in PyKinect2024); a slot that
is not played answers E_NOTIMPL.
"""

import ctypes
import itertools
import threading
from collections.abc import Callable
from ctypes import POINTER, c_float, c_int, c_long, c_longlong, c_ubyte, c_uint, c_ushort, c_void_p
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

S_OK, E_NOTIMPL, E_POINTER = 0, -0x7FFFBFFF, -0x7FFFBFFD
E_FAIL, E_PENDING = -0x7FFFBFFB, -0x7FFFFFF6
WAIT_OBJECT_0, WAIT_TIMEOUT, WAIT_FAILED = 0x0, 0x102, 0xFFFFFFFF
WAIT_S = 20.0
COLOR, INFRARED, DEPTH = 1, 2, 8
BGRA = 3
TICK_NS = 100

LIVE: dict[int, "Com"] = {}
"""Objects that are not released, by address: a vtable knows its object by nothing else."""


class DepthSpacePoint(ctypes.Structure):
    _fields_: ClassVar = [("x", c_float), ("y", c_float)]


class ColorSpacePoint(ctypes.Structure):
    _fields_: ClassVar = [("x", c_float), ("y", c_float)]


class CameraIntrinsics(ctypes.Structure):
    """fx, fy, cx, cy, and the radial distortion of second, fourth and sixth order."""

    _fields_: ClassVar = [(name, c_float) for name in ("fx", "fy", "cx", "cy", "r2", "r4", "r6")]


@dataclass(frozen=True)
class Shot:
    """What the sensor makes of one moment: pictures as `as_sensor` makes them, times in ticks of 100 ns."""

    color: np.ndarray | None
    depth: np.ndarray | None
    infrared: np.ndarray | None
    ticks: int
    color_ticks: int
    exposure_ticks: int | None = 80_000
    gain: float = 2.0


def as_sensor(color: np.ndarray, depth: np.ndarray, infrared: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return pictures of the world as a Kinect v2's SDK has them: mirrored left to right, color as BGRA."""
    height, width, _ = color.shape
    bgra = np.full((height, width, 4), 255, np.uint8)
    bgra[..., :3] = color[:, ::-1, ::-1]
    return bgra, np.ascontiguousarray(depth[:, ::-1]), np.ascontiguousarray(infrared[:, ::-1])


def slot(*argtypes: Any) -> Callable:
    """Mark a method as one of an interface's, and say what it takes after `this`."""

    def mark(method: Callable) -> Callable:
        method.argtypes = argtypes
        return method

    return mark


class Com:
    """IUnknown, and what a child plays of the interface whose slots it names in order."""

    slots: ClassVar[tuple[str, ...]] = ()
    vtable: ClassVar[Any]

    def __init_subclass__(cls) -> None:
        entries = [
            ctypes.CFUNCTYPE(c_long, c_void_p)(lambda _: E_NOTIMPL),
            ctypes.CFUNCTYPE(ctypes.c_ulong, c_void_p)(lambda this: LIVE[this].add()),
            ctypes.CFUNCTYPE(ctypes.c_ulong, c_void_p)(lambda this: LIVE[this].drop()),
            *map(cls._entry, cls.slots),
        ]
        cls.vtable = (c_void_p * len(entries))(*(ctypes.cast(entry, c_void_p) for entry in entries))
        cls.entries = entries  # they must outlive the table

    @classmethod
    def _entry(cls, name: str) -> Any:
        method = getattr(cls, name, None)
        if method is None:
            return ctypes.CFUNCTYPE(c_long, c_void_p)(lambda _: E_NOTIMPL)

        def call(this: int, *arguments: Any) -> int:
            me = LIVE.get(this)
            if me is None:
                return E_POINTER
            failure = me.sdk.failure_of(f"{cls.__name__}.{name}")
            return failure or method(me, *arguments) or S_OK

        return ctypes.CFUNCTYPE(c_long, c_void_p, *method.argtypes)(call)

    def __init__(self, sdk: "Sdk") -> None:
        self.sdk = sdk
        self.count = 1
        self._cell = c_void_p(ctypes.addressof(self.vtable))
        self.pointer = ctypes.addressof(self._cell)
        LIVE[self.pointer] = self

    def add(self) -> int:
        self.count += 1
        return self.count

    def drop(self) -> int:
        self.count -= 1
        if self.count == 0:
            del LIVE[self.pointer]
        return self.count


class EventData(Com):
    slots = ("get_FrameReference",)


class CameraSettings(Com):
    slots = ("get_ExposureTime", "get_FrameInterval", "get_Gain", "get_Gamma")

    def __init__(self, sdk: "Sdk", shot: Shot) -> None:
        super().__init__(sdk)
        self.shot = shot

    @slot(POINTER(c_longlong))
    def get_ExposureTime(self, out):
        out[0] = self.shot.exposure_ticks

    @slot(POINTER(c_float))
    def get_Gain(self, out):
        out[0] = self.shot.gain

    @slot(POINTER(c_float))
    def get_Gamma(self, out):
        out[0] = 1.0


class ColorFrame(Com):
    slots = (
        "get_RawColorImageFormat",
        "get_FrameDescription",
        "CopyRawFrameDataToArray",
        "AccessRawUnderlyingBuffer",
        "CopyConvertedFrameDataToArray",
        "CreateFrameDescription",
        "get_ColorCameraSettings",
        "get_RelativeTime",
        "get_ColorFrameSource",
    )

    def __init__(self, sdk: "Sdk", shot: Shot) -> None:
        super().__init__(sdk)
        self.shot = shot

    @slot(c_uint, c_void_p, c_int)
    def CopyConvertedFrameDataToArray(self, n_bytes, buffer, order):
        if order != BGRA or n_bytes != self.shot.color.nbytes:
            return E_POINTER
        ctypes.memmove(buffer, self.shot.color.ctypes.data, n_bytes)
        return S_OK

    @slot(POINTER(c_void_p))
    def get_ColorCameraSettings(self, out):
        if self.shot.exposure_ticks is None:
            return E_FAIL
        out[0] = CameraSettings(self.sdk, self.shot).pointer
        return S_OK

    @slot(POINTER(c_longlong))
    def get_RelativeTime(self, out):
        out[0] = self.shot.color_ticks


class _Plane(Com):
    picture: ClassVar[str]

    def __init__(self, sdk: "Sdk", shot: Shot) -> None:
        super().__init__(sdk)
        self.shot = shot

    @slot(c_uint, c_void_p)
    def CopyFrameDataToArray(self, n_pixels, buffer):
        picture = getattr(self.shot, self.picture)
        if n_pixels != picture.size:
            return E_POINTER
        ctypes.memmove(buffer, picture.ctypes.data, picture.nbytes)
        return S_OK

    @slot(POINTER(c_longlong))
    def get_RelativeTime(self, out):
        out[0] = self.shot.ticks


class DepthFrame(_Plane):
    picture = "depth"
    slots = (
        "CopyFrameDataToArray",
        "AccessUnderlyingBuffer",
        "get_FrameDescription",
        "get_RelativeTime",
        "get_DepthFrameSource",
        "get_DepthMinReliableDistance",
        "get_DepthMaxReliableDistance",
    )

    @slot(POINTER(c_ushort))
    def get_DepthMinReliableDistance(self, out):
        out[0] = 500

    @slot(POINTER(c_ushort))
    def get_DepthMaxReliableDistance(self, out):
        out[0] = 4500


class InfraredFrame(_Plane):
    picture = "infrared"
    slots = (
        "CopyFrameDataToArray",
        "AccessUnderlyingBuffer",
        "get_FrameDescription",
        "get_RelativeTime",
        "get_InfraredFrameSource",
    )


class _Reference(Com):
    def __init__(self, sdk: "Sdk", shot: Shot) -> None:
        super().__init__(sdk)
        self.shot = shot

    def give(self, out, kind: type, picture: np.ndarray | None) -> int:
        if picture is None:
            return E_PENDING
        out[0] = kind(self.sdk, self.shot).pointer
        return S_OK


class ColorFrameReference(_Reference):
    slots = ("AcquireFrame", "get_RelativeTime")

    @slot(POINTER(c_void_p))
    def AcquireFrame(self, out):
        return self.give(out, ColorFrame, self.shot.color)


class DepthFrameReference(_Reference):
    slots = ("AcquireFrame", "get_RelativeTime")

    @slot(POINTER(c_void_p))
    def AcquireFrame(self, out):
        return self.give(out, DepthFrame, self.shot.depth)


class InfraredFrameReference(_Reference):
    slots = ("AcquireFrame", "get_RelativeTime")

    @slot(POINTER(c_void_p))
    def AcquireFrame(self, out):
        return self.give(out, InfraredFrame, self.shot.infrared)


class MultiSourceFrame(Com):
    slots = (
        "get_ColorFrameReference",
        "get_DepthFrameReference",
        "get_BodyFrameReference",
        "get_BodyIndexFrameReference",
        "get_InfraredFrameReference",
        "get_LongExposureInfraredFrameReference",
    )

    def __init__(self, sdk: "Sdk", shot: Shot) -> None:
        super().__init__(sdk)
        self.shot = shot

    @slot(POINTER(c_void_p))
    def get_ColorFrameReference(self, out):
        out[0] = ColorFrameReference(self.sdk, self.shot).pointer

    @slot(POINTER(c_void_p))
    def get_DepthFrameReference(self, out):
        out[0] = DepthFrameReference(self.sdk, self.shot).pointer

    @slot(POINTER(c_void_p))
    def get_InfraredFrameReference(self, out):
        out[0] = InfraredFrameReference(self.sdk, self.shot).pointer


class Reader(Com):
    """IMultiSourceFrameReader. As in the SDK, who holds on to a frame gets no other."""

    slots = (
        "SubscribeMultiSourceFrameArrived",
        "UnsubscribeMultiSourceFrameArrived",
        "GetMultiSourceFrameArrivedEventData",
        "AcquireLatestFrame",
        "get_FrameSourceTypes",
        "get_IsPaused",
        "put_IsPaused",
        "get_KinectSensor",
    )

    def __init__(self, sdk: "Sdk") -> None:
        super().__init__(sdk)
        self.handle = 0

    @slot(POINTER(c_void_p))
    def SubscribeMultiSourceFrameArrived(self, out):
        self.handle = out[0] = self.sdk.make_event()
        self.sdk.set_event(self.handle, self.sdk.latest is not None)

    @slot(c_void_p)
    def UnsubscribeMultiSourceFrameArrived(self, handle):
        self.sdk.close_event(handle)

    @slot(c_void_p, POINTER(c_void_p))
    def GetMultiSourceFrameArrivedEventData(self, handle, out):
        self.sdk.set_event(handle, False)
        out[0] = EventData(self.sdk).pointer

    @slot(POINTER(c_void_p))
    def AcquireLatestFrame(self, out):
        held = [one for one in LIVE.values() if isinstance(one, MultiSourceFrame | ColorFrame | _Plane)]
        shot = None if held else self.sdk.take()
        if shot is None:
            return E_PENDING
        out[0] = MultiSourceFrame(self.sdk, shot).pointer
        return S_OK

    def drop(self) -> int:
        left = super().drop()
        if left == 0:
            self.sdk.reader = None
        return left


class Mapper(Com):
    slots = (
        "SubscribeCoordinateMappingChanged",
        "UnsubscribeCoordinateMappingChanged",
        "GetCoordinateMappingChangedEventData",
        "MapCameraPointToDepthSpace",
        "MapCameraPointToColorSpace",
        "MapDepthPointToCameraSpace",
        "MapDepthPointToColorSpace",
        "MapCameraPointsToDepthSpace",
        "MapCameraPointsToColorSpace",
        "MapDepthPointsToCameraSpace",
        "MapDepthPointsToColorSpace",
        "MapDepthFrameToCameraSpace",
        "MapDepthFrameToColorSpace",
        "MapColorFrameToDepthSpace",
        "MapColorFrameToCameraSpace",
        "GetDepthFrameToCameraSpaceTable",
        "GetDepthCameraIntrinsics",
    )

    @slot(DepthSpacePoint, c_ushort, POINTER(ColorSpacePoint))
    def MapDepthPointToColorSpace(self, point, depth_mm, out):
        out[0].x, out[0].y = self.sdk.color_of(point.x, point.y, depth_mm)

    @slot(POINTER(CameraIntrinsics))
    def GetDepthCameraIntrinsics(self, out):
        known = self.sdk.n_shown > self.sdk.intrinsics_after
        out[0] = CameraIntrinsics(*self.sdk.intrinsics) if known else CameraIntrinsics()


class Sensor(Com):
    slots = (
        "SubscribeIsAvailableChanged",
        "UnsubscribeIsAvailableChanged",
        "GetIsAvailableChangedEventData",
        "Open",
        "Close",
        "get_IsOpen",
        "get_IsAvailable",
        "get_ColorFrameSource",
        "get_DepthFrameSource",
        "get_BodyFrameSource",
        "get_BodyIndexFrameSource",
        "get_InfraredFrameSource",
        "get_LongExposureInfraredFrameSource",
        "get_AudioSource",
        "OpenMultiSourceFrameReader",
        "get_CoordinateMapper",
        "get_UniqueKinectId",
        "get_KinectCapabilities",
    )

    @slot()
    def Open(self):
        self.sdk.opened = True
        self.sdk.n_opened += 1

    @slot()
    def Close(self):
        self.sdk.opened = False

    @slot(POINTER(c_ubyte))
    def get_IsAvailable(self, out):
        out[0] = self.sdk.connected

    @slot(ctypes.c_ulong, POINTER(c_void_p))
    def OpenMultiSourceFrameReader(self, sources, out):
        if sources != COLOR | INFRARED | DEPTH:
            return E_FAIL
        self.sdk.reader = Reader(self.sdk)
        out[0] = self.sdk.reader.pointer
        return S_OK

    @slot(POINTER(c_void_p))
    def get_CoordinateMapper(self, out):
        out[0] = Mapper(self.sdk).pointer

    @slot(c_uint, c_void_p)
    def get_UniqueKinectId(self, n_letters, buffer):
        text = (self.sdk.serial + "\0").encode("utf-16-le")
        if len(text) > 2 * n_letters:
            return E_POINTER
        ctypes.memmove(buffer, text, len(text))
        return S_OK


@dataclass
class Sdk:
    """The runtime, one sensor, and what happens to them.

    Attributes
    ----------
    connected : whether the sensor is plugged in
    failures : how often a method ("ColorFrame.AcquireFrame") is to fail from now on, and with what HRESULT
    intrinsics_after : shots after which the SDK knows the sensor's lens; zeros before
    color_of : where the mapper sees depth pixel x, y at so many millimetres, in mirrored color pixels
    n_failed_waits : how many of the next waits fail
    n_waiting : how many wait for the sensor now
    hangs : whether a wait does not come back, whatever its time-out
    """

    serial: str = "021430540447"
    intrinsics: tuple[float, ...] = (366.0, 365.5, 254.5, 208.25, 0.09375, -0.265625, 0.09375)
    intrinsics_after: int = 0
    color_of: Callable[[float, float, int], tuple[float, float]] = lambda x, y, z: (
        3.5 * x + 50 - z / 1000,
        2.5 * y,
    )
    connected: bool = True
    opened: bool = False
    n_opened: int = 0
    n_shown: int = 0
    n_failed_waits: int = 0
    n_waiting: int = 0
    hangs: bool = False
    failures: dict[str, list[int]] = field(default_factory=dict)
    reader: Reader | None = None
    events: dict[int, bool] = field(default_factory=dict)
    latest: Shot | None = None
    changed: threading.Condition = field(default_factory=threading.Condition)
    handles: Any = field(default_factory=lambda: itertools.count(4, 4))

    def fail(self, method: str, hresult: int = E_FAIL, *, times: int = 1) -> None:
        """Let a method fail the next times it is called."""
        with self.changed:
            self.failures[method] = [hresult] * times

    def failure_of(self, method: str) -> int:
        with self.changed:
            waiting = self.failures.get(method)
            self.changed.notify_all()
            return waiting.pop() if waiting else S_OK

    def show(self, shot: Shot) -> None:
        """Let the sensor see something, in the place of what a reader has not taken."""
        with self.changed:
            assert self.changed.wait_for(self.readable, WAIT_S), "nobody reads what the sensor sees"
            self.latest = shot
            self.n_shown += 1
            self.events[self.reader.handle] = True
            self.changed.notify_all()

    def settle(self) -> None:
        """Return once the reader has taken what there is, and waits for more."""
        with self.changed:
            settled = self.changed.wait_for(lambda: self.latest is None and self.n_waiting > 0, WAIT_S)
            assert settled, "nobody reads what the sensor sees"

    def take(self) -> Shot | None:
        with self.changed:
            shot, self.latest = self.latest, None
            self.changed.notify_all()
            return shot

    def wait_opened(self, n_times: int) -> None:
        """Return once the sensor was opened so often."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.n_opened >= n_times and self.readable(), WAIT_S)

    def readable(self) -> bool:
        return (
            self.connected and self.opened and self.reader is not None and self.reader.handle in self.events
        )

    def get_default_sensor(self, out: Any) -> int:
        """Kinect20.dll's one function."""
        if failure := self.failure_of("GetDefaultKinectSensor"):
            return failure
        out[0] = Sensor(self).pointer
        return S_OK

    def make_event(self, *_: object) -> int:
        with self.changed:
            handle = next(self.handles)
            self.events[handle] = False
            self.changed.notify_all()
            return handle

    def close_event(self, handle: int) -> int:
        with self.changed:
            del self.events[handle]
            return 1

    def set_event(self, handle: int, on: bool = True) -> int:
        with self.changed:
            self.events[handle] = on
            self.changed.notify_all()
            return 1

    def wait_for_multiple(self, count: int, handles: Any, wait_all: bool, timeout_ms: int) -> int:
        """kernel32's WaitForMultipleObjects, for any of the handles."""
        assert not wait_all
        with self.changed:
            assert self.changed.wait_for(lambda: not self.hangs, WAIT_S)
            if self.n_failed_waits:
                self.n_failed_waits -= 1
                return WAIT_FAILED
            wanted = [handles[i] for i in range(count)]
            self.n_waiting += 1
            self.changed.notify_all()
            come = self.changed.wait_for(lambda: any(self.events[one] for one in wanted), timeout_ms / 1000)
            self.n_waiting -= 1
            if not come:
                return WAIT_TIMEOUT
            number = next(i for i, one in enumerate(wanted) if self.events[one])
            if self.reader is None or wanted[number] != self.reader.handle:
                self.events[wanted[number]] = False  # made to reset itself
            return WAIT_OBJECT_0 + number

    def install(self, set_attribute: Callable[[Any, str, Any], None]) -> None:
        """Put the stand-in where kinect-next binds the DLL's function and kernel32's."""
        from kinect_next.native import win32

        entry = ctypes.CFUNCTYPE(c_long, POINTER(c_void_p))(self.get_default_sensor)
        for name, value in {
            "_kinect20": self,
            "_get_default_kinect_sensor": entry,
            "_CreateEventW": self.make_event,
            "_CloseHandle": self.close_event,
            "_SetEvent": self.set_event,
            "_WaitForMultipleObjects": self.wait_for_multiple,
        }.items():
            set_attribute(win32, name, value)
