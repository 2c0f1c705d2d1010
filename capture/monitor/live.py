"""One page's connection: statuses at their pace, pictures as fast as the page draws them, and its requests.

Nothing is queued for a page: a stream's next picture waits until the last one is drawn, and then the newest
is sent; a page that stops reading is let go, and comes back by itself.
"""

import asyncio
import contextlib
import json
import time
from collections import deque

from fastapi import WebSocket, WebSocketDisconnect

from ..desk import Desk
from ..streams import Stream
from .asks import Drawn, Seen, answer_ask, read_message
from .feed import Feed, picture_message

SEND_S = 3.0
MAX_UNSEEN = 25
"""Statuses that a page may leave unread, 5 s of them."""
MAX_MALFORMED = 100
"""Messages that no page of ours sends, per connection."""
ASKS_PER_S, ASKS_AT_ONCE = 5.0, 20.0
CLOSE_POLICY, CLOSE_LATER = 1008, 1013


class Page:
    """What is under way to one page."""

    def __init__(self, socket: WebSocket, feed: Feed, desk: Desk) -> None:
        self._socket, self._feed, self._desk = socket, feed, desk
        self._unseen: deque[int] = deque()
        self._sent: dict[Stream, float] = {}
        self._drawing: set[Stream] = set()
        self._asks, self._asked_s = ASKS_AT_ONCE, time.monotonic()
        self._n_malformed = 0

    async def run(self, hello: str) -> None:
        """Serve the page until it goes, is too slow, or sends too much nonsense."""
        reader = asyncio.create_task(self._read())
        writer = asyncio.create_task(self._write(hello))
        try:
            await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reader, writer):
                task.cancel()
            found = await asyncio.gather(reader, writer, return_exceptions=True)
        code = next((value for value in found if isinstance(value, int)), None)
        if code is not None:
            with contextlib.suppress(RuntimeError, OSError, WebSocketDisconnect, TimeoutError):
                async with asyncio.timeout(SEND_S):
                    await self._socket.close(code)
        for error in found:
            if isinstance(error, Exception) and not isinstance(error, WebSocketDisconnect | TimeoutError):
                raise error

    async def _read(self) -> int | None:
        """Take what the page sends; return why it must go, None if it went by itself."""
        while self._n_malformed < MAX_MALFORMED:
            event = await self._socket.receive()
            if event["type"] == "websocket.disconnect":
                return None
            message = read_message(event.get("text") or event.get("bytes") or b"")
            match message:
                case None:
                    self._n_malformed += 1
                case Seen():
                    while self._unseen and self._unseen[0] <= message.n:
                        self._unseen.popleft()
                case Drawn():
                    self._drawing.discard(message.stream)
                case _:
                    told = (False, "too many requests at once; this one is dropped")
                    if self._may_ask():
                        told = answer_ask(message, self._desk, self._desk.status())
                    answer = {"kind": "answer", "id": message.id, "ok": told[0], "text": told[1]}
                    await self._send(json.dumps(answer))
        return CLOSE_POLICY

    async def _write(self, hello: str) -> int:
        """Send what is new; return why the page must go."""
        await self._send(hello)
        while len(self._unseen) < MAX_UNSEEN:
            self._unseen.append(self._feed.n)
            await self._send(self._feed.text)
            for stream, picture in self._feed.pictures.items():
                if stream not in self._drawing and self._sent.get(stream) != picture.since_s:
                    self._sent[stream] = picture.since_s
                    self._drawing.add(stream)
                    await self._send(picture_message(picture, time.monotonic()))
            await self._feed.next()
        return CLOSE_LATER

    async def _send(self, message: str | bytes) -> None:
        """Send, or raise TimeoutError where the page does not read."""
        async with asyncio.timeout(SEND_S):
            if isinstance(message, str):
                await self._socket.send_text(message)
            else:
                await self._socket.send_bytes(message)

    def _may_ask(self) -> bool:
        """Return whether the page has not asked too much lately (a token bucket)."""
        now_s = time.monotonic()
        self._asks = min(ASKS_AT_ONCE, self._asks + (now_s - self._asked_s) * ASKS_PER_S)
        self._asked_s = now_s
        if self._asks < 1:
            return False
        self._asks -= 1
        return True
