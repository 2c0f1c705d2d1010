"""The monitor's server: a thread of the master's process that serves the page and touches only the desk."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ...errors import RecordError
from ..desk import Desk
from ..streams import Stream
from .access import Access, Hosts, is_loopback

if TYPE_CHECKING:
    import uvicorn

START_S = 10.0
STOP_S = 5.0
TELL_EVERY_S = 5.0
MAX_CONNECTIONS = 64
PAGES_LET_GO_S = 1


class Monitor:
    """Serves the operator's page as long as the `with` block lasts.

    Parameters
    ----------
    desk : what is shown, and where requests go
    host, port : where the page is served; port 0 takes a free one
    streams : those that have a place on the page
    labels : what the keys 1 to 9 mark; keys without a label mark "mark 1" and so on
    tell : takes a line for the operator's terminal: a new link, when somebody comes with a used one. Called
        from the server's thread, at most every 5 s

    Raises
    ------
    RecordError
        Nothing can be served there.
    """

    def __init__(
        self,
        desk: Desk,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        streams: Sequence[Stream] = tuple(Stream),
        labels: Sequence[str] = (),
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._desk, self._host, self._asked_port = desk, host, port
        self._streams, self._labels, self._tell = tuple(streams), tuple(labels)[:9], tell
        self._access = Access()
        self._token = self._access.new_token()
        self._told_s = -TELL_EVERY_S
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.port = port
        self.failures: list[str] = []
        """Defects that the server met and outlived; shown by nobody, empty in a sound program."""

    def __enter__(self) -> Self:
        import uvicorn

        from .app import build_app

        self._socket = _listen(self._host, self._asked_port)
        self.port = self._socket.getsockname()[1]
        gate = build_app(
            self._desk,
            self._access,
            Hosts(self._host),
            cookie=f"mavfer_monitor_{self.port}",  # browsers keep one jar for all ports of a host
            streams=self._streams,
            labels=self._labels,
            warning=self.warning,
            how_to_get_a_link=self._how_to_get_a_link,
        )
        self.failures = gate.failures
        config = uvicorn.Config(
            gate,
            http="h11",
            ws="websockets-sansio",
            ws_max_size=64 * 1024,
            ws_per_message_deflate=False,
            lifespan="on",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=PAGES_LET_GO_S,
        )
        server = self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=server.run, args=([self._socket],), name="monitor page", daemon=True
        )
        self._thread.start()
        deadline_s = time.monotonic() + START_S
        while not server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline_s:
                self.close()
                raise RecordError(f"the monitor page did not start within {START_S:g} s: {self.address}")
            self._thread.join(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the pages go and end the server; harmless when called twice."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(STOP_S)
        if self._socket is not None:
            self._socket.close()

    @property
    def address(self) -> str:
        """Where the page is, without the token."""
        host = self._host if self._host not in ("0.0.0.0", "::", "") else socket.gethostname()
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    @property
    def url(self) -> str:
        """The link that was made last; it opens the page once, in one browser."""
        return f"{self.address}enter?token={self._token}"

    def new_link(self) -> str:
        """Return a new link; the one before it, if unused, is void."""
        self._token = self._access.new_token()
        return self.url

    @property
    def warning(self) -> str:
        """What the operator must know about where the page is served; "" where nobody else can look on."""
        if is_loopback(self._host):
            return ""
        return (
            f"The monitor page is served to the network at {self._host}, without encryption: whoever can "
            "listen on it sees the subject's face. Serve it on 127.0.0.1 and use an SSH tunnel instead."
        )

    def _how_to_get_a_link(self) -> str:
        """Print a valid link if there is somewhere to print it; return what to tell whoever asked."""
        if self._tell is None:
            return "Ask for a new link in the terminal where `mavfer record` runs."
        now_s = time.monotonic()
        if now_s - self._told_s >= TELL_EVERY_S:
            self._told_s = now_s
            link = self.url if self._access.link_is_unused else self.new_link()
            with contextlib.suppress(Exception):  # a terminal that is gone must not take the page with it
                self._tell(f"monitor: {link}")
        return "A new link is printed now in the terminal where `mavfer record` runs. Open that one."


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; raises RecordError."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, proto)
    except (OSError, UnicodeError, OverflowError) as error:
        raise RecordError(f"wanted an address for the monitor page, found {host!r}: {error}") from error
    try:
        if socket.has_ipv6 and family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)  # Windows lets two bind one port otherwise
        listener.setsockopt(socket.SOL_SOCKET, exclusive or socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise RecordError(
            f"the monitor page cannot be served ({error.strerror or error}); choose another port or stop "
            f"what listens there: {host}:{port}"
        ) from error
    return listener
