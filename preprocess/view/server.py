"""The viewer's server: a thread that serves the page to this machine alone, as long as it is wanted."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ...capture.monitor.access import Access, Hosts
from ...errors import OutputError
from .catalog import Catalog

if TYPE_CHECKING:
    import uvicorn

HOST = "127.0.0.1"
START_S = 20.0
STOP_S = 5.0
TELL_EVERY_S = 5.0
PAGES_LET_GO_S = 1
MAX_CONNECTIONS = 256


class Viewer:
    """Serves the page of a dataset as long as the `with` block lasts.

    Parameters
    ----------
    catalog : the dataset
    port : 0 takes a free one
    first : number of the session that is shown first; None for the first that can be read
    tell : takes a new link when somebody comes with a used one; called from another thread, at most every 5 s

    Raises
    ------
    OutputError
        Nothing can be served at the port, or FastAPI or uvicorn is not installed.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        port: int = 0,
        first: int | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._catalog, self._asked_port, self._first, self._tell = catalog, port, first, tell
        self._access = Access()
        self._token = self._access.new_token()
        self._told_s = -TELL_EVERY_S
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.port = port
        self.failures: list[str] = []
        """Defects that the server met and outlived; empty in a sound program."""

    def __enter__(self) -> Self:
        try:
            import uvicorn

            from .app import build_app
        except ImportError as error:
            raise OutputError(
                f"wanted FastAPI and uvicorn to show a dataset in a browser, found none ({error}); "
                "run `pip install 'mavfer[view]'`"
            ) from error
        self._socket = _listen(self._asked_port)
        self.port = self._socket.getsockname()[1]
        gate = build_app(
            self._catalog,
            self._access,
            Hosts(HOST),
            cookie=f"mavfer_view_{self.port}",  # browsers keep one jar for all ports of a host
            first=self._first,
            how_to_get_a_link=self._how_to_get_a_link,
        )
        self.failures = gate.failures
        config = uvicorn.Config(
            gate,
            http="h11",
            ws="none",
            lifespan="off",
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
            target=server.run, args=([self._socket],), name="dataset page", daemon=True
        )
        self._thread.start()
        deadline_s = time.monotonic() + START_S
        while not server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline_s:
                self.close()
                raise OutputError(f"the page did not start within {START_S:g} s: {self.address}")
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

    def wait(self) -> None:
        """Return when the server has ended; a signal's exception comes through."""
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(0.2)  # on Windows a wait without end lets no Ctrl-C through

    @property
    def address(self) -> str:
        """Where the page is, without the token."""
        return f"http://{HOST}:{self.port}/"

    @property
    def url(self) -> str:
        """The link that was made last; it opens the page once, in one browser."""
        return f"{self.address}enter?token={self._token}"

    def new_link(self) -> str:
        """Return a new link; the one before it, if unused, is void."""
        self._token = self._access.new_token()
        return self.url

    def _how_to_get_a_link(self) -> str:
        """Print a valid link if there is somewhere to print it; return what to tell whoever asked."""
        if self._tell is None:
            return "Ask for a new link in the terminal where `mavfer dataset view` runs."
        now_s = time.monotonic()
        if now_s - self._told_s >= TELL_EVERY_S:
            self._told_s = now_s
            link = self.url if self._access.link_is_unused else self.new_link()
            with contextlib.suppress(Exception):  # a terminal that is gone must not take the page with it
                self._tell(link)
        return (
            "A new link is printed now in the terminal where `mavfer dataset view` runs. Open that one; "
            "then any link to a frame works in this browser."
        )


def _listen(port: int) -> socket.socket:
    """Return a socket that listens on this machine alone; raises OutputError."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)  # Windows lets two bind one port otherwise
        listener.setsockopt(socket.SOL_SOCKET, exclusive or socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise OutputError(
            f"the page cannot be served ({error.strerror or error}); choose another --port or stop what "
            f"listens there: {HOST}:{port}"
        ) from error
    return listener
