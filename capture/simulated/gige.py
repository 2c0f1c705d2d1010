"""A FLIR A65 on the wire: a GigE Vision device on a loopback address that films the simulated scene.

It speaks GVCP and GVSP over UDP as a real camera does. What is known of a real A65 and what is invented
stands in a65_nodes.py; which picture belongs to which frame, in a65_pictures.py. A device at a loopback
address answers loopback addresses only: it is nobody else's camera. Not simulated: the two corrections in the
first eight seconds that FLIR documents, FORCEIP, events; and a request that comes twice is done twice.
"""

import errno
import select
import socket
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from fractions import Fraction
from ipaddress import IPv4Address

from ...errors import CameraError, UsageError
from ..now import monotonic_ns
from . import gvcp
from .a65_pictures import Picture, TickClock
from .a65_registers import STREAM_SOURCE, Registers
from .gige_control import ControlChannel
from .gige_stream import Stream

LOOK_AGAIN_S = 0.1  # heartbeats are checked, and the end is seen, so often at the least


class SimulatedA65Device:
    """The camera; on from `start` to `close`.

    Parameters
    ----------
    film : scene time in seconds, frame number -> (512, 640) uint16, 0.04 K per count; `ThermalScene` is one
    address : IPv4 address of this machine; cameras differ in it
    serial : 1 to 15 ASCII characters
    fps : 30, or 9 for the slow model
    drop : share of the packets that are lost, 0 to 1;  seed : which
    resend : whether lost packets can be asked for again
    nuc_every_s : between the corrections of NUCMode Automatic, 0 for none;  nuc_length_s : of each
    scene_start_ns : scene time 0 on the monotonic clock; its own start if not said
    drift_ppm : how much too fast its clock runs
    packed : whether its XML is zipped
    swapped : whether Mono16 has its bytes the wrong way round
    first_block : id of the first frame after AcquisitionStart; a real camera's is 1
    """

    def __init__(
        self,
        film: Picture,
        *,
        address: str = "127.0.0.1",
        serial: str = "65000001",
        fps: Fraction | int = 30,
        drop: float = 0.0,
        seed: int = 0,
        resend: bool = True,
        nuc_every_s: float = 240.0,
        nuc_length_s: float = 0.5,
        scene_start_ns: int | None = None,
        drift_ppm: float = 0.0,
        packed: bool = False,
        swapped: bool = False,
        first_block: int = 1,
    ) -> None:
        self.address, self.serial = address, serial
        self._fps, self._drift_ppm = Fraction(fps), drift_ppm
        self._lock = threading.Lock()
        self._present, self._ended = True, False
        self._sockets = open_sockets(address)
        now_ns = monotonic_ns()
        self._registers = Registers(
            address,
            serial=serial,
            resend=resend,
            packed=packed,
            slow=self._fps < 20,
            nuc_interval_frames=round(nuc_every_s * self._fps),
        )
        self._stream = Stream(
            self._registers,
            film,
            address=address,
            fps=self._fps,
            clock=TickClock(now_ns, drift_ppm),
            scene_start_ns=now_ns if scene_start_ns is None else scene_start_ns,
            drop=drop,
            seed=seed,
            freeze_s=nuc_length_s,
            swapped=swapped,
            first_block=first_block,
        )
        self._registers.put(STREAM_SOURCE, self._stream.port)
        self._control = ControlChannel(self._registers, self, resend=resend)
        self._listener = threading.Thread(target=self._listen, name="gvcp", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._stream.start()
        self._listener.start()

    def close(self) -> None:
        """End, and let the address go; harmless when called twice."""
        self._ended = True
        if self._listener.is_alive():
            self._listener.join()
        self._stream.end()
        for one in self._sockets:
            one.close()

    @property
    def clock(self) -> TickClock:
        """The clock of its timestamps, as it runs now."""
        return self._stream.clock

    @property
    def scene_start_ns(self) -> int:
        """Scene time 0 on the host's monotonic clock."""
        return self._stream.scene_start_ns

    def counters(self) -> dict[str, object]:
        """Return what came in and went out, and the times that say which picture belongs to which frame."""
        return {
            "address": self.address,
            "serial": self.serial,
            "clock_start_ns": self.clock.start_ns,
            "drift_ppm": self.clock.drift_ppm,
            "scene_start_ns": self.scene_start_ns,
            **asdict(self._control.counters),
            **self._stream.counted(),
        }

    def vanish(self) -> None:
        """Be gone: no answer, no packet, until `come_back`."""
        with self._lock:
            self._present = False
            self._stream.turn(False)

    def come_back(self) -> None:
        """Be there again, as after a power cut: nobody in control, settings of the factory, a new clock."""
        with self._lock:
            self._control.forget()
            self._registers.switch_on()
            self._registers.put(STREAM_SOURCE, self._stream.port)
            self.reset_clock()
            self._present = True

    def set_scene(self, scene_start_ns: int) -> None:
        """Let scene time 0 be at a time of the host's monotonic clock."""
        self._stream.set_scene(scene_start_ns)

    def set_drop(self, probability: float) -> None:
        """Lose this share of the packets from now on."""
        self._stream.set_drop(probability)

    def correct(self) -> None:
        """Correct the detector now: the picture is held for a while."""
        self._stream.correct()

    def acquire(self, on: bool) -> None:
        """Begin or end streaming."""
        self._stream.turn(on)

    def reset_clock(self) -> None:
        """Begin the timestamp anew."""
        self._stream.set_clock(TickClock(monotonic_ns(), self._drift_ppm))

    def ticks(self) -> int:
        """Return the timestamp now."""
        return self._stream.clock.ticks(monotonic_ns())

    def fire_test_packet(self, packet_size: int) -> None:
        """Send one packet of this size to the stream's receiver."""
        self._stream.fire_test_packet(packet_size)

    def send_again(self, block_id: int, first: int, last: int) -> None:
        """Send packets of a block again."""
        self._stream.send_again(block_id, first, last)

    def _listen(self) -> None:
        own = self._sockets[0]
        while not self._ended:
            for one in select.select(self._sockets, [], [], LOOK_AGAIN_S)[0]:
                try:
                    packet, peer = one.recvfrom(65536)
                except OSError:  # Windows reports here that an earlier answer was not taken
                    continue
                self._take(packet, peer, own=own, broadcast=one is not own)
            with self._lock:
                if self._present:
                    self._control.expire(monotonic_ns())

    def _take(self, packet: bytes, peer: tuple[str, int], *, own: socket.socket, broadcast: bool) -> None:
        with self._lock:
            if not self._present or (_is_loopback(self.address) and not _is_loopback(peer[0])):
                return
            answer = self._control.answer(packet, peer, monotonic_ns(), broadcast=broadcast)
        if answer is not None:
            with suppress(OSError):  # whoever asked is gone
                own.sendto(answer, peer)


def require_address(address: str) -> None:
    """Raise UsageError unless a camera can have the address: IPv4, and not that of a group or a network."""
    try:
        found = IPv4Address(address)
    except ValueError as error:
        raise UsageError(
            f"--address wants an IPv4 address, 127.0.0.1 to 127.0.0.254, found {address!r}"
        ) from error
    is_host = 0 < found.packed[3] < 255 and 0 < found.packed[0] < 224
    if not is_host:
        raise UsageError(
            f"--address wants the address of one camera, 127.0.0.1 to 127.0.0.254, found {address!r}"
        )


def open_sockets(address: str) -> list[socket.socket]:
    """Return the socket that answers at `address`, and those that only hear what is sent to everybody.

    Raises
    ------
    UsageError
        The address is none that a camera can have; see `require_address`.
    CameraError
        This machine does not have the address, or another camera has it.
    """
    require_address(address)
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)  # Windows lets two bind one port otherwise
    if exclusive is not None:
        own.setsockopt(socket.SOL_SOCKET, exclusive, 1)
    where = f"{address}:{gvcp.PORT}"
    try:
        own.bind((address, gvcp.PORT))
    except OSError as error:
        own.close()
        if error.errno in (errno.EADDRINUSE, getattr(errno, "WSAEADDRINUSE", errno.EADDRINUSE)):
            raise CameraError(
                f"wanted UDP port {gvcp.PORT} for a simulated camera, found it taken, perhaps by another one "
                f"(mavfer simulate-a65, arv-fake-gv-camera) or a program that looks for cameras; end that or "
                f"give another --address, 127.0.0.1 to 127.0.0.254: {where}"
            ) from error
        raise CameraError(
            f"wanted an IPv4 address of this machine, found {address!r} ({error.strerror}); give --address "
            f"127.0.0.1: {where}"
        ) from error
    heard = [own]
    if sys.platform != "win32":  # there, a socket hears broadcasts at its own address
        for everybody in ("255.255.255.255", _directed_broadcast(address)):
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # several cameras hear the same
            try:
                one.bind((everybody, gvcp.PORT))
            except OSError:  # what asks the camera directly still reaches it
                one.close()
            else:
                heard.append(one)
    return heard


def _directed_broadcast(address: str) -> str:
    first, second, third, _ = address.split(".")
    return f"{first}.255.255.255" if _is_loopback(address) else f"{first}.{second}.{third}.255"


def _is_loopback(address: str) -> bool:
    return address.startswith("127.")
