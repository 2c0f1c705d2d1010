"""A request's body on its way in: whole before anything is done with it, not too large and not too slow."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from .access import one_value

Event = MutableMapping[str, Any]
DEFAULT_MAX_BYTES = 64 * 1024
TOO_SLOW_S = 30.0


class Gone(Exception):
    """Whoever asked has gone before the request was whole."""


class Body:
    """The body of one HTTP request, kept in memory.

    Parameters
    ----------
    receive : where the server gives it
    max_bytes : more is not read
    """

    def __init__(
        self, scope: MutableMapping[str, Any], receive: Callable[[], Awaitable[Event]], *, max_bytes: int
    ) -> None:
        self._scope, self._receive, self._max_bytes = scope, receive, max_bytes
        self._events: deque[Event] = deque()

    async def read(self, *, at_most_s: float) -> tuple[int, str] | None:
        """Read all of it; return the status and words to refuse it with, None where it is well.

        Raises
        ------
        Gone
            The connection has ended.
        """
        too_large = 413, f"wanted at most {self._max_bytes} bytes in a request, found more"
        said = one_value(self._scope["headers"], b"content-length")
        if said is not None and said.isdigit() and int(said) > self._max_bytes:
            return too_large
        n_bytes = 0
        try:
            async with asyncio.timeout(at_most_s):
                while True:
                    event = await self._receive()
                    if event["type"] != "http.request":
                        raise Gone
                    self._events.append(event)
                    n_bytes += len(event.get("body", b""))
                    if n_bytes > self._max_bytes:
                        return too_large
                    if not event.get("more_body", False):
                        return None
        except TimeoutError:
            return 408, "the request came too slowly; send it again"

    async def receive(self) -> Event:
        """Return what was read, event by event, and then what the server gives."""
        return self._events.popleft() if self._events else await self._receive()
