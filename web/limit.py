"""How often wrong secrets may be tried: by one client and by all; kept in memory, and bounded."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict, deque

MAX_CLIENTS = 10_000


class RateLimit:
    """Counts misses in a window of time; every method may be called from any thread.

    Parameters
    ----------
    per_client, in_all : so many misses are allowed in `window_s`
    """

    def __init__(self, *, per_client: int, in_all: int, window_s: float) -> None:
        self._window_s, self._per_client = window_s, per_client
        self._lock = threading.Lock()
        self._all: deque[float] = deque(maxlen=in_all)
        self._clients: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, client: str) -> float:
        """Return how long a client has to wait before the next try; 0 for not at all."""
        now_s = time.monotonic()
        with self._lock:
            tries = (self._all, self._clients.get(_network(client), deque()))
            return max((self._left_s(one, now_s) for one in tries), default=0.0)

    def miss(self, client: str) -> None:
        """Note a wrong try; the client that was silent longest is forgotten where there are too many."""
        now_s, network = time.monotonic(), _network(client)
        with self._lock:
            self._all.append(now_s)
            self._clients.setdefault(network, deque(maxlen=self._per_client)).append(now_s)
            self._clients.move_to_end(network)
            if len(self._clients) > MAX_CLIENTS:
                self._clients.popitem(last=False)

    def _left_s(self, tries: deque[float], now_s: float) -> float:
        if len(tries) != tries.maxlen:  # also one that is not kept: its maxlen is None
            return 0.0
        return max(0.0, tries[0] + self._window_s - now_s)


def _network(client: str) -> str:
    """Return what counts as one client: an address, of IPv6 its first 64 bits, which one house has."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return "unknown"
    if address.version == 6 and address.ipv4_mapped is None:
        return str(ipaddress.ip_network(f"{address}/64", strict=False))
    return str(address)
