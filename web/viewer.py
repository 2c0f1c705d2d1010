"""A page that is looked at: a thread serves it to this machine alone, as long as it is wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..errors import OutputError
from .access import Access, Hosts
from .links import Links
from .server import PageServer

if TYPE_CHECKING:
    from .gate import Gate

HOST = "127.0.0.1"
PAGES_LET_GO_S = 1
MAX_CONNECTIONS = 256


@dataclass(frozen=True, slots=True)
class Door:
    """Who may come to a page, and what to tell others.

    Attributes
    ----------
    access, hosts : who and what is let in
    cookie : name of the session cookie
    command : what serves the page, "mavfer view"
    how_to_get_a_link : called when somebody comes without a valid link; returns what to tell them
    """

    access: Access
    hosts: Hosts
    cookie: str
    command: str
    how_to_get_a_link: Callable[[], str]


class PageViewer:
    """Serves a page as long as the `with` block lasts.

    Parameters
    ----------
    build : returns the page's application behind its gate; called once, when the port is known
    command : what serves it, as people call it
    port : 0 takes a free one
    tell : takes a new link when somebody comes with a used one; called from another thread, at most every 5 s

    Raises
    ------
    OutputError
        Nothing can be served at the port, or FastAPI or uvicorn is not installed.
    """

    def __init__(
        self,
        build: Callable[[Door], Gate],
        *,
        command: str = "mavfer view",
        port: int = 0,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._build, self._command, self._asked_port, self._tell = build, command, port, tell
        self._access = Access()
        self._links: Links
        self._server: PageServer | None = None
        self.port = port
        self.address = ""
        """Where the page is, without the token."""
        self.failures: list[str] = []
        """Defects that the server met and outlived; empty in a sound program."""

    def __enter__(self) -> Self:
        require_web()
        server = self._server = PageServer(
            "the page",
            host=HOST,
            port=self._asked_port,
            error=OutputError,
            free_a_port="choose another --port",
        )
        self.port, self.address = server.port, server.address
        self._links = Links(self._access, server.address, tell=self._tell, where=f"`{self._command}` runs")
        cookie = f"mavfer_view_{self.port}"  # browsers keep one jar for all ports of a host
        gate = self._build(Door(self._access, Hosts(HOST), cookie, self._command, self._how_to_get_a_link))
        self.failures = gate.failures
        server.start(gate, let_go_s=PAGES_LET_GO_S, max_connections=MAX_CONNECTIONS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the pages go and end the server; harmless when called twice."""
        if self._server is not None:
            self._server.close()

    def wait(self) -> None:
        """Return when the server has ended; a signal's exception comes through."""
        if self._server is not None:
            self._server.wait()

    @property
    def url(self) -> str:
        """The link that was made last; it opens the page once, in one browser."""
        return self._links.url

    def new_link(self) -> str:
        """Return a new link; the one before it, if unused, is void."""
        return self._links.new()

    def _how_to_get_a_link(self) -> str:
        told = self._links.tell()
        return told if self._tell is None else f"{told} Then any link into the page works in this browser."


def require_web() -> None:
    """Raise OutputError unless FastAPI and uvicorn are there."""
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise OutputError(
            f"wanted FastAPI and uvicorn to show a page in a browser, found none ({error}); "
            "run `pip install 'mavfer[view]'`"
        ) from error
