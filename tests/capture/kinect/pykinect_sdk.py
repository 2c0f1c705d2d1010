"""Microsoft's SDK as pykinect2024 sees it: its own PyKinectRuntime runs over this unchanged, on any platform.

The fork's other module, PyKinect2024, is Windows source (its text is encoded in "mbcs"). It is read, not run:
an object here has the methods and properties that it declares for the interface, takes as many arguments of
such types, and no other. So a name that the fork does not have is an error here, too.
"""

import ast
import ctypes
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

WAIT_S = 20.0
TICK_NS = 100
COLOR, DEPTH, INFRARED = "Color", "Depth", "Infrared"
SHAPES = {COLOR: (1080, 1920), DEPTH: (424, 512), INFRARED: (424, 512)}
WAIT_FAILED = -1


class ComError(Exception):
    """What comtypes raises where a call fails."""


@dataclass(frozen=True)
class Declared:
    """A method or property of an interface: whether it is a property, and the types of what it takes."""

    is_property: bool
    takes: tuple[Any, ...]


def read_declarations() -> tuple[dict[str, Any], dict[str, dict[str, Declared]]]:
    """Return the fork's constants, types and structures by name, and its interfaces by name."""
    spec = find_spec("pykinect2024")
    assert spec is not None
    (folder,) = spec.submodule_search_locations or ()
    tree = ast.parse(Path(folder, "PyKinect2024.py").read_text("latin-1"))
    names: dict[str, Any] = {name: value for name, value in vars(ctypes).items() if name.startswith("c_")}
    names |= {"POINTER": ctypes.POINTER, "HRESULT": ctypes.c_long, "STRING": ctypes.c_char_p}
    interfaces: dict[str, list[ast.expr]] = {}
    for node in tree.body:
        if (
            isinstance(node, ast.ClassDef)
            and ast.unparse(node.bases[0] if node.bases else node) == "Structure"
        ):
            names[node.name] = type(node.name, (ctypes.Structure,), {})
        if not isinstance(node, ast.Assign):
            continue
        target = node.targets[0]
        if isinstance(target, ast.Name) and isinstance(node.value, ast.Constant | ast.Name):
            names[target.id] = _evaluated(node.value, names)
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            if target.attr == "_fields_":
                if (fields := _evaluated(node.value, names)) is not None:
                    names[target.value.id]._fields_ = fields
            elif target.attr == "_methods_":
                assert isinstance(node.value, ast.List)
                interfaces[target.value.id] = node.value.elts
    return names, {name: dict(_methods(calls, names)) for name, calls in interfaces.items()}


def _methods(calls: list[ast.expr], names: dict[str, Any]):
    for call in calls:
        assert isinstance(call, ast.Call)
        flags, _, name, *arguments = call.args
        if "propput" in ast.literal_eval(flags):
            continue
        takes = []
        for argument in arguments:
            assert isinstance(argument, ast.Tuple)
            if "retval" not in ast.literal_eval(argument.elts[0]):
                takes.append(_evaluated(argument.elts[1], names))
        yield ast.literal_eval(name), Declared("propget" in ast.literal_eval(flags), tuple(takes))


def _evaluated(node: ast.expr, names: dict[str, Any]) -> Any:
    try:
        return eval(compile(ast.Expression(node), "PyKinect2024.py", "eval"), {}, names)
    except NameError:  # a type of Windows or of an interface, which no test passes in
        return None


class Com:
    """An object of one interface; `answers` are values of its properties, and its methods."""

    def __init__(self, interface: str, declared: dict[str, Declared], **answers: Any) -> None:
        assert answers.keys() <= declared.keys(), (interface, answers.keys() - declared.keys())
        self._interface, self._declared, self._answers = interface, declared, answers

    def __getattr__(self, name: str) -> Any:
        if name not in self._declared:
            raise AttributeError(f"{self._interface} declares no {name}")
        if name not in self._answers:
            raise ComError(f"{self._interface}.{name} is not played")
        declared, answer = self._declared[name], self._answers[name]
        if declared.is_property:
            return answer() if callable(answer) else answer

        def call(*arguments: Any) -> Any:
            for kind, argument in zip(declared.takes, arguments, strict=True):
                kind.from_param(argument)
            return answer(*arguments)

        return call


@dataclass(eq=False)
class Reader:
    """One stream's reader: it has the last picture, until that is fetched."""

    handle: int
    latest: Com | None = None


@dataclass
class Sdk:
    """The SDK's service with a sensor, and the calls of kernel32 that go with it."""

    connected: bool = True
    opens: bool = True
    has_events: bool = True
    intrinsics: tuple[float, ...] = (366.0, 365.5, 254.5, 208.25, 0.09375, -0.265625, 0.09375)
    tells_time: bool = True
    n_opened: int = 0
    n_closed: int = 0
    waiting: bool = False
    """Whether the fork's thread waits for pictures."""
    readers: dict[str, Reader] = field(default_factory=dict)
    alive: weakref.WeakSet[Com] = field(default_factory=weakref.WeakSet)
    """Frames that are not released."""

    def __post_init__(self) -> None:
        self.changed = threading.Condition()
        self.names, self.interfaces = read_declarations()
        self._handles = count(1)
        self._events: dict[int, list[bool]] = {}
        self._sensor = self.make(
            "IKinectSensor",
            Open=self._open,
            Close=self._close,
            IsAvailable=lambda: self.connected,
            CoordinateMapper=self.make(
                "ICoordinateMapper",
                GetDepthCameraIntrinsics=lambda: self.names["_CameraIntrinsics"](*self.intrinsics),
                MapDepthPointToColorSpace=self._color_of,
            ),
            ColorFrameSource=self._source(COLOR),
            DepthFrameSource=self._source(DEPTH),
            InfraredFrameSource=self._source(INFRARED),
            BodyIndexFrameSource=self.make("IBodyIndexFrameSource", FrameDescription=None),
            BodyFrameSource=self.make("IBodyFrameSource", BodyCount=6),
        )

    def make(self, interface: str, **answers: Any) -> Com:
        """Return an object of an interface."""
        return Com(interface, self.interfaces[interface], **answers)

    def module(self) -> ModuleType:
        """Return what stands for pykinect2024.PyKinect2024: its constants, types and structures."""
        module = ModuleType("pykinect2024.PyKinect2024")
        vars(module).update(
            {name: value for name, value in self.names.items() if not name.startswith(("c_", "__"))}
        )
        module.IKinectSensor = self._pointed()
        module.IBody = type("IBody", (ctypes.Structure,), {})
        module._INFINITE = 0xFFFFFFFF
        return module

    def windll(self) -> SimpleNamespace:
        """Return what stands for ctypes.windll."""
        kernel32 = SimpleNamespace(
            CreateEventW=lambda *_: self._event(),
            SetEvent=self._set,
            CloseHandle=lambda handle: self._events.pop(handle) is not None,
            WaitForMultipleObjects=self._wait,
        )
        return SimpleNamespace(
            kernel32=kernel32, kinect20=SimpleNamespace(GetDefaultKinectSensor=lambda _: 0)
        )

    def show(self, kind: str, pixels: np.ndarray, ticks: int, *, fails: bool = False) -> None:
        """Let a picture arrive (BGRA or uint16, mirrored), in the place of one that was not fetched."""
        answers: dict[str, Any] = {"RelativeTime": ticks} if self.tells_time else {}
        if kind == COLOR:
            answers["CopyConvertedFrameDataToArray"] = self._copier(pixels, wanted_format=3)
            answers["ColorCameraSettings"] = self.make("IColorCameraSettings", ExposureTime=161_000, Gain=1.5)
        else:
            answers["CopyFrameDataToArray"] = self._copier(pixels)
        reference = self.make(
            f"I{kind}FrameReference", AcquireFrame=self._acquirer(kind, answers, fails=fails)
        )
        reader = self.readers[kind]
        with self.changed:
            reader.latest = self.make(f"I{kind}FrameArrivedEventArgs", FrameReference=reference)
        self._set(reader.handle)

    def end_thread(self) -> None:
        """Signal the first event that the fork made, which ends its thread."""
        self._set(min(self._events))

    def settle(self) -> None:
        """Return once every picture that was shown was fetched and released."""
        with self.changed:
            assert self.changed.wait_for(
                lambda: (
                    self.waiting and not self.alive and not any(one.latest for one in self.readers.values())
                ),
                WAIT_S,
            )

    def _acquirer(self, kind: str, answers: dict[str, Any], *, fails: bool) -> Callable[[], Com]:
        def acquire() -> Com:
            if fails:
                raise ComError("E_PENDING")
            frame = self.make(f"I{kind}Frame", **answers)
            self.alive.add(frame)
            return frame

        return acquire

    def _copier(self, pixels: np.ndarray, *, wanted_format: int | None = None) -> Callable[..., None]:
        kept = np.ascontiguousarray(pixels)

        def copy(capacity: int, buffer: Any, color_format: int | None = None) -> None:
            assert (capacity * ctypes.sizeof(buffer._type_), color_format) == (kept.nbytes, wanted_format)
            ctypes.memmove(buffer, kept.ctypes.data, kept.nbytes)

        return copy

    def _source(self, kind: str) -> Com:
        def open_reader() -> Com:
            reader = self.readers[kind] = Reader(self._event())
            return self.make(
                f"I{kind}FrameReader",
                SubscribeFrameArrived=lambda: reader.handle,
                GetFrameArrivedEventData=lambda handle: self._arrived(reader, handle),
            )

        height, width = SHAPES[kind]
        description = self.make("IFrameDescription", Width=width, Height=height)
        return self.make(f"I{kind}FrameSource", FrameDescription=description, OpenReader=open_reader)

    def _arrived(self, reader: Reader, handle: int) -> Com:
        with self.changed:
            assert handle == reader.handle
            latest, reader.latest = reader.latest, None
            self.changed.notify_all()
        if latest is None:
            raise ComError("E_PENDING")
        return latest

    def _color_of(self, point: Any, depth_mm: int) -> Any:
        return self.names["_ColorSpacePoint"](3.5 * point.x + 50 - depth_mm / 1000, 2.5 * point.y)

    def _open(self) -> None:
        if not self.opens:
            raise ComError("E_FAIL")
        with self.changed:
            self.n_opened += 1
            self.changed.notify_all()

    def _close(self) -> None:
        self.n_closed += 1

    def _event(self) -> int:
        if not self.has_events:
            raise OSError("no handles are left")
        handle = next(self._handles)
        self._events[handle] = [False]
        return handle

    def _set(self, handle: int) -> bool:
        with self.changed:
            self._events[handle][0] = True
            self.changed.notify_all()
        return True

    def _wait(self, n: int, handles: Any, wait_for_all: bool, milliseconds: int) -> int:
        assert (wait_for_all, milliseconds) == (False, 0xFFFFFFFF)
        with self.changed:
            if any(handles[i] not in self._events for i in range(n)):
                return WAIT_FAILED
            events = [self._events[handles[i]] for i in range(n)]
            self.waiting = True
            self.changed.notify_all()
            self.changed.wait_for(lambda: any(event[0] for event in events))
            self.waiting = False
            found = next(i for i, event in enumerate(events) if event[0])
            events[found][0] = False
            return found

    def _pointed(self) -> type:
        """Return a type whose pointer is the sensor, as comtypes makes one of an interface."""
        sensor = self._sensor

        class IKinectSensor(ctypes.Structure):
            pass

        class Pointer(ctypes.POINTER(ctypes.c_void_p)):
            _type_ = IKinectSensor

            def __getattr__(self, name: str) -> Any:
                return getattr(sensor, name)

        if hasattr(ctypes, "_pointer_type_cache"):
            ctypes._pointer_type_cache[IKinectSensor] = Pointer
        else:  # Python 3.14 keeps it with the type
            IKinectSensor.__pointer_type__ = Pointer
        return IKinectSensor
