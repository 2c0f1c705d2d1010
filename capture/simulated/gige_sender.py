"""Packets into a UDP socket, one call each.

Linux can cut one buffer into many datagrams (UDP_SEGMENT), at a seventh of the cost. On a loopback interface
that cut is made late: receivers that read a packet socket, as aravis does where it may, would see it uncut.
"""

import socket
import sys
from collections.abc import Iterable

SEND_BUFFER_BYTES = 2**22


class PacketSender:
    """The stream channel's socket; the 450 packets of a picture take 2 ms of a core."""

    def __init__(self, address: str) -> None:
        self.unsendable = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._socket.bind((address, 0))
        self._fragments: bool | None = None

    @property
    def port(self) -> int:
        """The UDP port that packets come from."""
        return self._socket.getsockname()[1]

    def close(self) -> None:
        """Close the socket; what is sent then is lost."""
        self._socket.close()

    def allow_fragments(self, allowed: bool) -> None:
        """Let the system cut packets that do not fit the network, or lose them."""
        if allowed == self._fragments:
            return
        self._fragments = allowed
        if sys.platform == "linux":  # ip(7): IP_MTU_DISCOVER; IP_PMTUDISC_DONT, IP_PMTUDISC_DO
            self._socket.setsockopt(socket.IPPROTO_IP, 10, 0 if allowed else 2)
        elif sys.platform == "win32":  # IP_DONTFRAGMENT
            self._socket.setsockopt(socket.IPPROTO_IP, 14, int(not allowed))

    def send(self, packet: bytes | memoryview, receiver: tuple[str, int]) -> None:
        """Send one packet; one that is too large or has nowhere to go is lost and counted, as on a cable."""
        try:
            self._socket.sendto(packet, receiver)
        except OSError:
            self.unsendable += 1

    def send_packets(self, packets: Iterable[bytes | memoryview], receiver: tuple[str, int]) -> int:
        """Send packets in order; return how many."""
        n_packets = 0
        for packet in packets:
            self.send(packet, receiver)
            n_packets += 1
        return n_packets
