"""An open A65: its nodes set, its frames fetched. Lives in the camera's own process; see harvest.py."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import CameraError
from ..flir_settings import FlirSettings
from ..now import monotonic_ns
from .harvest import Found, choose_camera, load_producer, open_camera
from .nodes import LINEAR_MODE, LINEAR_RESOLUTION, Nodes, first_line
from .stamps import RawTimes

N_BUFFERS = 32
"""A second of frames; half of it may be held while packets are sent again or a register is asked for."""
FORMATS = {"Mono14": 0x01100025, "Mono16": 0x01100007}
"""16 bits a pixel, in the GenICam Pixel Format Naming Convention's numbers; the A65's own first."""
RESEND = ("StreamPacketResendEnable", "RequestMissingPackets")
"""Of a stream's nodes: Spinnaker's name, which the project's own producer shares, and that of eBUS."""
RESENT = "StreamPacketResendReceivedPacketCount"
PACKET_SIZE = "GevSCPSPacketSize"
A65_NODES = (LINEAR_MODE, LINEAR_RESOLUTION, "SensorGainMode", "NUCMode", "NUCAction")


class OddFrame(CameraError):
    """A frame came that is not what the camera announced."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """One whole frame: its id (None where the producer tells none), times, and (H, W) pixels as bytes."""

    raw_id: int | None
    times: RawTimes
    pixels: memoryview


class Device:
    """A camera that is open from `open` to `close`; from one thread."""

    def __init__(self, cti: Path, settings: FlirSettings) -> None:
        self.nodes: Nodes
        self.acquirer: Any = None
        self.width = self.height = 0
        self.camera: Found
        self.n_incomplete = 0
        """Frames that harvesters discarded because packets were missing."""
        self._cti = cti
        self._settings = settings
        self._stream_nodes: Nodes
        self._harvester: Any = None

    def open(self) -> None:
        """Find the camera, take hold of it and set its nodes; raises CameraError."""
        from harvesters.core import Callback, ImageAcquirer

        self._harvester = load_producer(self._cti)
        self.camera = choose_camera(self._harvester, self._settings.serial, cti=self._cti)
        self.acquirer = open_camera(self._harvester, self.camera)
        self.nodes = Nodes(self.acquirer.remote_device.node_map)
        self._stream_nodes = Nodes(self.acquirer.data_streams[0].node_map)

        device = self

        class Incomplete(Callback):
            def emit(self, context: object = None) -> None:  # noqa: ARG002 - harvesters' signature
                device.n_incomplete += 1

        self.acquirer.add_callback(ImageAcquirer.Events.INCOMPLETE_BUFFER, Incomplete())
        self._set_nodes()

    def start(self) -> None:
        """Start streaming into N_BUFFERS; raises CameraError."""
        self.width = round(self.nodes.number("Width") or 0)
        self.height = round(self.nodes.number("Height") or 0)
        if not (8 <= self.width <= 8192 and 8 <= self.height <= 8192):
            raise CameraError(f"the camera announces pictures of {self.width}x{self.height}: {self.camera}")
        self.acquirer.num_buffers = max(N_BUFFERS, self.acquirer.min_num_buffers)
        try:
            self.acquirer.start()
        except Exception as error:  # the vendor's, of any kind
            raise CameraError(f"the camera cannot stream ({first_line(error)}): {self.camera}") from error

    def stop(self) -> None:
        """Stop streaming; raises CameraError."""
        try:
            self.acquirer.stop()
        except Exception as error:  # as above
            raise CameraError(f"the camera does not stop ({first_line(error)}): {self.camera}") from error

    def fetch(self, timeout_s: float) -> Delivered | None:
        """Return the next whole frame, its pixels copied and its buffer given back, or None after a while.

        Raises
        ------
        OddFrame
            The frame has another size or pixel format than the camera announced.
        """
        buffer = self.acquirer.try_fetch(timeout=timeout_s, is_raw=True)
        if buffer is None:
            return None
        host_ns = monotonic_ns()
        try:
            return self._delivered(buffer, host_ns)
        finally:
            buffer.parent.queue_buffer(buffer)

    def close(self) -> None:
        """Let the camera and the producer go, as far as they are held."""
        try:
            if self.acquirer is not None:
                self.acquirer.destroy()
        finally:
            if self._harvester is not None:
                self._harvester.reset()

    def n_resent(self) -> float | None:
        """Return how many lost packets came when they were asked for again, if the producer counts them."""
        return self._stream_nodes.number(RESENT)

    def prepare_take(self) -> bool:
        """Forbid the camera to correct its detector by itself, and do it now; whether it said it would.

        One that cannot be told to is left to itself.
        """
        if not self.nodes.has("NUCAction"):
            return False
        self.nodes.set("NUCMode", "Manual")
        return self.nodes.execute("NUCAction")

    def rest(self) -> None:
        """Let the camera correct its detector whenever it wants."""
        self.nodes.set("NUCMode", "Automatic")

    def notices(self) -> list[str]:
        """Return what of the nodes is not as it was wanted."""
        absent = [name for name in A65_NODES if name in self.nodes.absent]
        lines = list(dict.fromkeys(self.nodes.doubts))
        if absent:
            lines.append(
                f"the camera has no {', '.join(absent)}: that stays as the camera has it; is it an A65? "
                f"{self.camera}"
            )
        return lines

    def _set_nodes(self) -> None:
        settings, nodes = self._settings, self.nodes
        nodes.set("AcquisitionMode", "Continuous")
        offered = nodes.symbols("PixelFormat")
        wanted = [name for name in FORMATS if name in offered]
        if not wanted:
            raise CameraError(
                f"wanted pictures of 14 or 16 bits ({', '.join(FORMATS)}), the camera offers "
                f"{', '.join(offered) or 'nothing'}: it is no A65, or not set up as one: {self.camera}"
            )
        for name in wanted:
            if nodes.set("PixelFormat", name) == name:
                break
        nodes.set("CMOSBitDepth", "bit14bit")
        if settings.linear == "off":
            nodes.set(LINEAR_MODE, "Off")
        else:
            nodes.set(LINEAR_MODE, "On")
            nodes.set(LINEAR_RESOLUTION, "High" if settings.linear == "high" else "Low")
        nodes.set("SensorGainMode", "HighGainMode" if settings.gain == "high" else "LowGainMode")
        nodes.set("NUCMode", "Automatic")
        if settings.nuc == "before_take" and not nodes.has("NUCAction"):
            nodes.absent.append("NUCAction")
        if settings.packet_size_bytes is not None:
            nodes.set(PACKET_SIZE, settings.packet_size_bytes)
        for name in RESEND:
            self._stream_nodes.set(name, settings.resend)
        for name, value in settings.nodes.items():
            nodes.demand(name, value)
        if nodes.read("PixelFormat") not in FORMATS:
            found = nodes.read("PixelFormat")
            raise CameraError(f"wanted PixelFormat {' or '.join(FORMATS)}, found {found}: {self.camera}")

    def _delivered(self, buffer: Any, host_ns: int) -> Delivered:
        from genicam.gentl import GenericException

        def ask(name: str) -> Any:
            try:
                return getattr(buffer, name)
            except GenericException:  # many of these are optional in GenTL
                return None

        width, height = ask("width") or self.width, ask("height") or self.height
        number = ask("pixel_format") or FORMATS["Mono16"]
        raw = memoryview(buffer.raw_buffer)
        first, n_bytes = ask("image_offset") or 0, 2 * width * height
        fits = first + n_bytes <= len(raw) and not ask("padding_x")
        announced = (width, height) == (self.width, self.height) and number in FORMATS.values()
        if not announced or not fits:
            raise OddFrame(
                f"wanted frames of {self.width}x{self.height} with 16 bits a pixel, found one of "
                f"{width}x{height} in pixel format 0x{number:08x}; switch it off and on: {self.camera}"
            )
        times = RawTimes(host_ns, ask("timestamp_ns"), ask("timestamp"))
        return Delivered(ask("frame_id"), times, memoryview(bytearray(raw[first : first + n_bytes])))
