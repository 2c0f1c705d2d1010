"""The viewer's server: a thread that serves the page to this machine alone, as long as it is wanted."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from ...errors import OutputError
from ...web.access import Access, Hosts
from ...web.links import Links
from ...web.server import PageServer
from .catalog import Catalog

HOST = "127.0.0.1"
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
        self._links: Links
        self._server: PageServer | None = None
        self.port = port
        self.address = ""
        """Where the page is, without the token."""
        self.failures: list[str] = []
        """Defects that the server met and outlived; empty in a sound program."""

    def __enter__(self) -> Self:
        try:
            import uvicorn  # noqa: F401

            from .app import build_app
        except ImportError as error:
            raise OutputError(
                f"wanted FastAPI and uvicorn to show a dataset in a browser, found none ({error}); "
                "run `pip install 'mavfer[view]'`"
            ) from error
        server = self._server = PageServer(
            "the page",
            host=HOST,
            port=self._asked_port,
            error=OutputError,
            free_a_port="choose another --port",
        )
        self.port, self.address = server.port, server.address
        self._links = Links(self._access, server.address, tell=self._tell, where="`mavfer dataset view` runs")
        gate = build_app(
            self._catalog,
            self._access,
            Hosts(HOST),
            cookie=f"mavfer_view_{self.port}",  # browsers keep one jar for all ports of a host
            first=self._first,
            how_to_get_a_link=self._how_to_get_a_link,
        )
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
        return told if self._tell is None else f"{told} Then any link to a frame works in this browser."
