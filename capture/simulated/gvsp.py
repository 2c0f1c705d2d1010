"""The GigE Vision stream protocol (GVSP 1.2) as bytes: the packets of one picture. No socket, no clock.

A block is one picture: a leader, its pixels in packets of equal size, a trailer. The layouts are those of the
GigE Vision standard 1.2 as open receivers read them (aravis' arvgvspprivate.h, Wireshark's GVSP dissector).
"""

import struct

import numpy as np
from numpy.typing import NDArray

LEADER, TRAILER, PAYLOAD = 1, 2, 3
IMAGE = 1  # the payload type
HEADER = struct.Struct(">HHI")  # status, block id, packet's kind (8 bits) and id (24 bits)
LEADER_REST = struct.Struct(">HHQIIIIIHH")  # reserved, type, timestamp, format, size, offset, padding
TRAILER_REST = struct.Struct(">HHI")  # reserved, type, rows
IP_UDP_BYTES = 28  # packet sizes count the headers of IP and UDP, too
OVERHEAD = IP_UDP_BYTES + HEADER.size
LAST_BLOCK = 65535  # block ids have 16 bits, and 0 is a test packet's


def block_after(block_id: int) -> int:
    """Return the block id that follows; 1 follows 65535 and, at the beginning, 0."""
    return block_id % LAST_BLOCK + 1


def test_packet(packet_size: int) -> bytes:
    """Return what a client fires at itself to learn whether packets of `packet_size` bytes get through."""
    return HEADER.pack(0, 0, 0).ljust(packet_size - IP_UDP_BYTES, b"\xa5")


def unavailable_packet(status: int, block_id: int, packet_id: int) -> bytes:
    """Return what is sent for a packet that is asked for again and not kept any more."""
    return HEADER.pack(status, block_id, PAYLOAD << 24 | packet_id)


class Block:
    """The packets of one picture, as they were sent and can be sent again.

    Parameters
    ----------
    block_id : 1 to 65535
    pixels : the picture's bytes
    timestamp : ticks of the device's clock at its exposure
    pixel_format : PFNC number;  width, height : of the picture
    packet_size : bytes of an IP packet, with all headers
    """

    def __init__(
        self,
        block_id: int,
        pixels: bytes,
        *,
        timestamp: int,
        pixel_format: int,
        width: int,
        height: int,
        packet_size: int,
    ) -> None:
        self.block_id = block_id
        step = packet_size - OVERHEAD
        n_full, rest = divmod(len(pixels), step)
        n_pixels = n_full + bool(rest)
        self._leader = HEADER.pack(0, block_id, LEADER << 24) + LEADER_REST.pack(
            0, IMAGE, timestamp, pixel_format, width, height, 0, 0, 0, 0
        )
        self._trailer = HEADER.pack(0, block_id, TRAILER << 24 | n_pixels + 1) + TRAILER_REST.pack(
            0, IMAGE, height
        )
        rows = np.empty((n_pixels, HEADER.size + step), np.uint8)
        headers = np.zeros((n_pixels, 2), ">u4")
        headers[:, 0] = block_id
        headers[:, 1] = (PAYLOAD << 24) + 1 + np.arange(n_pixels)
        rows[:, : HEADER.size] = headers.view(np.uint8).reshape(n_pixels, HEADER.size)
        source = np.frombuffer(pixels, np.uint8)
        rows[:n_full, HEADER.size :] = source[: n_full * step].reshape(n_full, step)
        rows[n_full:, HEADER.size : HEADER.size + rest] = source[n_full * step :]
        self._row_bytes = HEADER.size + step
        n_bytes = rows.size - (step - rest if rest else 0)
        self._rows = rows.reshape(-1)[:n_bytes].data
        self._n_packets = n_pixels + 2

    def __len__(self) -> int:
        """Return the number of packets, leader and trailer among them."""
        return self._n_packets

    def packet(self, packet_id: int) -> bytes | memoryview:
        """Return a packet: 0 is the leader, the last one the trailer.

        Raises
        ------
        IndexError
            The picture has no such packet.
        """
        if packet_id == 0:
            return self._leader
        if packet_id == self._n_packets - 1:
            return self._trailer
        if not 0 < packet_id < self._n_packets:
            raise IndexError(packet_id)
        return self._rows[(packet_id - 1) * self._row_bytes : packet_id * self._row_bytes]


def lost_packets(probability: float, n_packets: int, *, seed: int, block_id: int) -> NDArray[np.bool_]:
    """Return which packets of a block are lost, (n_packets,) bool; the same for the same numbers."""
    if not probability:
        return np.zeros(n_packets, np.bool_)
    return np.random.default_rng([seed, block_id]).random(n_packets) < probability
