"""The stream channel of the simulated camera: a thread that renders each exposure and sends its packets.

A camera's sensor runs by itself: exposures lie on a grid of the device's clock, whether they are rendered in
time or not. A picture that is late is sent late, with the timestamp of its exposure; exposures that would
come more than MAX_LATE_S late are not sent, their block ids are counted, so that a receiver sees the gap.
"""

import socket
import threading
import time
from collections import OrderedDict
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..now import monotonic_ns
from . import gvsp
from .a65_nodes import HEIGHT, TICK_HZ, WIDTH
from .a65_pictures import Coding, Picture, TickClock, encode, exposure_after, exposure_ticks, picture
from .a65_registers import DO_NOT_FRAGMENT, PACKET_SIZE, STREAM_ADDRESS, STREAM_PORT, Registers
from .gige_counters import StreamCounters
from .gige_sender import PacketSender
from .gvcp import Status

MAX_LATE_S = 10.0
HISTORY_BLOCKS = 16  # can be sent again: half a second
LINK_BITS_PER_S = 1e9  # packets leave no faster than a gigabit Ethernet carries them
BURST_S = 0.0005  # so much of that is sent without a pause: no timer is finer


class Stream(threading.Thread):
    """Sends pictures while it is on; its powers may be used from any thread.

    Parameters
    ----------
    registers : where to send, and how
    film : what is filmed
    fps : exposures per second
    clock, scene_start_ns : when they are, see a65_pictures.py
    drop, seed : the share of packets that are lost, and which;  freeze_s : length of a correction
    swapped : whether Mono16 has its bytes the wrong way round
    first_block : id of the first frame of each stream
    """

    def __init__(
        self,
        registers: Registers,
        film: Picture,
        *,
        address: str,
        fps: Fraction,
        clock: TickClock,
        scene_start_ns: int,
        drop: float = 0.0,
        seed: int = 0,
        freeze_s: float = 0.5,
        swapped: bool = False,
        first_block: int = 1,
    ) -> None:
        super().__init__(name="gvsp", daemon=True)
        self.counters = StreamCounters()
        self._registers, self._film, self._fps = registers, film, fps
        self._clock, self._scene_start_ns = clock, scene_start_ns
        self._drop, self._seed, self._freeze_s, self._swapped = drop, seed, freeze_s, swapped
        self._first_block = first_block
        self._changed = threading.Condition()
        self._on, self._ended = False, False
        self._run = 0  # counts the times that streaming began or ended
        self._freeze_ns, self._corrected_ns = (0, 0), clock.start_ns
        self._last: NDArray[np.uint16] | None = None
        self._kept: OrderedDict[int, gvsp.Block] = OrderedDict()
        self._sender = PacketSender(address)

    @property
    def port(self) -> int:
        """The UDP port that packets come from."""
        return self._sender.port

    def counted(self) -> dict[str, object]:
        """Return the counters, and how many packets the system did not take."""
        with self._changed:
            return {**self.counters.table(), "unsendable": self._sender.unsendable}

    @property
    def clock(self) -> TickClock:
        """The device's clock as it runs now."""
        with self._changed:
            return self._clock

    @property
    def scene_start_ns(self) -> int:
        """Scene time 0 on the host's clock."""
        with self._changed:
            return self._scene_start_ns

    def turn(self, on: bool) -> None:
        """Begin with the next exposure, or end soon; look again where to send."""
        with self._changed:
            if on != self._on:
                self._on = on
                self._run += 1
            self._changed.notify_all()

    def set_clock(self, clock: TickClock) -> None:
        """Let the device's clock begin anew, and the grid of exposures with it."""
        with self._changed:
            self._clock = clock
            self._freeze_ns, self._corrected_ns = (0, 0), clock.start_ns
            self._changed.notify_all()

    def set_scene(self, scene_start_ns: int) -> None:
        """Let scene time 0 be at `scene_start_ns` for all pictures not rendered yet."""
        with self._changed:
            self._scene_start_ns = scene_start_ns

    def set_drop(self, probability: float) -> None:
        """Lose this share of the packets from the next frame on."""
        with self._changed:
            self._drop = probability

    def correct(self) -> None:
        """Hold the picture of every exposure within the next `freeze_s`; harmless while it is held."""
        with self._changed:
            now_ns = monotonic_ns()
            if now_ns >= self._freeze_ns[1]:
                self._correct(now_ns)

    def end(self) -> None:
        """End the thread and close the socket."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        if self.is_alive():
            self.join()
        self._sender.close()

    def fire_test_packet(self, packet_size: int) -> None:
        """Send one packet of `packet_size` bytes, all headers counted; it is lost where it does not fit."""
        with self._changed:
            receiver = self._receiver()
            if receiver is not None:
                self._set_fragments()
                self._sender.send(gvsp.test_packet(packet_size), receiver)

    def send_again(self, block_id: int, first: int, last: int) -> None:
        """Send packets of a block again, or say that they are not kept any more."""
        with self._changed:
            receiver, block = self._receiver(), self._kept.get(block_id)
        if receiver is None:
            return
        self.counters.resend_requests += 1
        if block is None:
            self.counters.unavailable += 1
            self._sender.send(gvsp.unavailable_packet(Status.PACKET_UNAVAILABLE, block_id, first), receiver)
            return
        last = min(last, len(block) - 1)
        again = (block.packet(packet_id) for packet_id in range(first, last + 1))
        self.counters.resent += self._sender.send_packets(again, receiver)

    def run(self) -> None:
        """Stream whenever it is on, until `end`."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ended or (self._on and self._receiver() is not None))
                if self._ended:
                    return
                run = self._run
                self._last = None
                self._kept.clear()
            self._stream(run)

    def _stream(self, run: int) -> None:
        """Send frame after frame until the run is over."""
        block_id, clock = self._first_block - 1, self.clock
        number = exposure_after(clock.ticks(monotonic_ns()), self._fps)
        while not self._over(run):
            if clock is not self.clock:
                clock = self.clock
                number = exposure_after(clock.ticks(monotonic_ns()), self._fps)
            ticks = exposure_ticks(number, self._fps)
            exposed_ns = clock.host_ns(ticks)
            if not self._wait_until(exposed_ns, run, clock):
                continue
            block_id, number = gvsp.block_after(block_id), number + 1
            if monotonic_ns() - exposed_ns > MAX_LATE_S * 1e9:
                self.counters.skipped += 1
                continue
            with self._changed:
                receiver, drop = self._receiver(), self._drop
                if receiver is None:
                    return
                scene_start_ns = self._scene_start_ns
                frozen = self._is_frozen(exposed_ns)
                coding = self._coding()
                packet_size = self._registers.get("GevSCPSPacketSize")
                pause_s = max(self._registers.get("GevSCPD") / TICK_HZ, 8 * packet_size / LINK_BITS_PER_S)
                self._set_fragments()
            if self._last is None or not frozen:
                self._last = picture(
                    self._film, ticks=ticks, block_id=block_id, clock=clock, scene_start_ns=scene_start_ns
                )
            else:
                self.counters.add_frozen(block_id)
            block = gvsp.Block(
                block_id,
                encode(self._last, coding),
                timestamp=ticks,
                pixel_format=coding.pixel_format,
                width=WIDTH,
                height=HEIGHT,
                packet_size=packet_size,
            )
            self._keep(block)
            lost = gvsp.lost_packets(drop, len(block), seed=self._seed, block_id=block_id)
            self._send_block(block, lost, receiver, run, pause_s)

    def _keep(self, block: gvsp.Block) -> None:
        """Keep a block's packets for a while, to be sent again."""
        with self._changed:
            self._kept[block.block_id] = block
            while len(self._kept) > HISTORY_BLOCKS:
                self._kept.popitem(last=False)

    def _send_block(
        self, block: gvsp.Block, lost: NDArray[np.bool_], receiver: tuple[str, int], run: int, pause_s: float
    ) -> None:
        """Send the packets that are not lost, no closer to each other than `pause_s` on average."""
        begun_s, burst = time.perf_counter(), max(1, int(BURST_S / pause_s))
        sent = (~lost).tolist()
        for start in range(0, len(block), burst):
            early_s = begun_s + start * pause_s - time.perf_counter()
            if early_s > 0:
                time.sleep(early_s)
            if self._run != run:
                return
            these = range(start, min(start + burst, len(block)))
            self._sender.send_packets((block.packet(i) for i in these if sent[i]), receiver)
        n_lost = int(lost.sum())
        with self._changed:
            self.counters.frames += 1
            self.counters.packets += len(block) - n_lost
            self.counters.dropped += n_lost
            if n_lost:
                self.counters.add_damaged(block.block_id)

    def _over(self, run: int) -> bool:
        """Whether streaming has ended or begun anew since run number `run` began."""
        with self._changed:
            return self._ended or not self._on or self._run != run

    def _wait_until(self, t_ns: int, run: int, clock: TickClock) -> bool:
        """Return True at `t_ns`; False as soon as the run is over or another clock runs."""
        with self._changed:
            while not self._over(run) and clock is self._clock:
                left_ns = t_ns - monotonic_ns()
                if left_ns <= 0:
                    return True
                self._changed.wait(left_ns / 1e9)
            return False

    def _set_fragments(self) -> None:
        """Let packets that do not fit the network be cut, or lost, as the client said."""
        self._sender.allow_fragments(not self._registers.word(PACKET_SIZE) & DO_NOT_FRAGMENT)

    def _correct(self, now_ns: int) -> None:
        self.counters.corrections += 1
        self._corrected_ns = now_ns
        self._freeze_ns = (now_ns, now_ns + round(self._freeze_s * 1e9))

    def _is_frozen(self, exposed_ns: int) -> bool:
        """Whether the picture is held; in NUCMode Automatic a correction may be due."""
        every = self._registers.get("NUCIntervalFrames") / float(self._fps) * 1e9
        if self._registers.get("NUCMode") == 1 and every and exposed_ns - self._corrected_ns >= every:
            self._correct(exposed_ns)
        return self._freeze_ns[0] <= exposed_ns < self._freeze_ns[1]

    def _coding(self) -> Coding:
        registers = self._registers
        return Coding(
            pixel_format=registers.get("PixelFormat"),
            eight_bits=registers.get("CMOSBitDepth") == 1,
            linear=registers.get("TemperatureLinearMode") == 1,
            fine=registers.get("TemperatureLinearResolution") == 1,
            gain=registers.get("SensorGainMode"),
            swapped=self._swapped,
        )

    def _receiver(self) -> tuple[str, int] | None:
        port = self._registers.word(STREAM_PORT) & 0xFFFF
        if not port:
            return None
        return socket.inet_ntoa(self._registers.word(STREAM_ADDRESS).to_bytes(4, "big")), port
