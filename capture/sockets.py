"""The sockets that connect: recorders' ends, made anew whenever their connection is lost."""

import zmq

from .keys import RecorderKeys

MAX_COMMAND_BYTES = 2**20
HEARTBEAT_MS = 1000
"""ZeroMQ's own heartbeat: a dead connection is dropped and made anew; a hung process is not seen by it."""
DEAD_MS = 3000
RECONNECT_MS = 100
RECONNECT_MAX_MS = 1000
CONNECT_MS = 3000
"""Where packets vanish, the system's own pauses between attempts to connect grow to half a minute."""


def client_socket(context: zmq.Context, kind: int, keys: RecorderKeys | None) -> zmq.Socket:
    """Return a socket that connects, and connects again whenever the connection is lost."""
    socket = context.socket(kind)
    socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, DEAD_MS)
    socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, RECONNECT_MAX_MS)
    socket.setsockopt(zmq.CONNECT_TIMEOUT, CONNECT_MS)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_COMMAND_BYTES)
    if keys is not None:
        keys.secure(socket)
    return socket


def connect(socket: zmq.Socket, address: str) -> None:
    """Connect; over IPv6 only where the address is one, as the master listens to what its rig file says."""
    socket.setsockopt(zmq.IPV6, int("[" in address))
    socket.connect(address)
