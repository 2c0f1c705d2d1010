"""The monitor's server: a thread of the master's process that serves the page and touches only the desk."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from ...errors import RecordError
from ...web.access import Access, Hosts, is_loopback
from ...web.links import Links
from ...web.server import PageServer
from ..desk import Desk
from ..streams import Stream

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
        self._links: Links
        self._server: PageServer | None = None
        self.port = port
        self.address = ""
        """Where the page is, without the token."""
        self.failures: list[str] = []
        """Defects that the server met and outlived; shown by nobody, empty in a sound program."""

    def __enter__(self) -> Self:
        from .app import build_app

        server = self._server = PageServer(
            "the monitor page",
            host=self._host,
            port=self._asked_port,
            error=RecordError,
            free_a_port="choose another port",
        )
        self.port, self.address = server.port, server.address
        tell = self._tell
        self._links = Links(
            self._access,
            server.address,
            tell=None if tell is None else lambda link: tell(f"monitor: {link}"),
            where="`mavfer record` runs",
        )
        gate = build_app(
            self._desk,
            self._access,
            Hosts(self._host),
            cookie=f"mavfer_monitor_{self.port}",  # browsers keep one jar for all ports of a host
            streams=self._streams,
            labels=self._labels,
            warning=self.warning,
            how_to_get_a_link=self._links.tell,
        )
        self.failures = gate.failures
        server.start(
            gate,
            let_go_s=PAGES_LET_GO_S,
            max_connections=MAX_CONNECTIONS,
            ws="websockets-sansio",
            ws_max_size=64 * 1024,
            ws_per_message_deflate=False,
            lifespan="on",
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the pages go and end the server; harmless when called twice."""
        if self._server is not None:
            self._server.close()

    @property
    def url(self) -> str:
        """The link that was made last; it opens the page once, in one browser."""
        return self._links.url

    def new_link(self) -> str:
        """Return a new link; the one before it, if unused, is void."""
        return self._links.new()

    @property
    def warning(self) -> str:
        """What the operator must know about where the page is served; "" where nobody else can look on."""
        if is_loopback(self._host):
            return ""
        return (
            f"The monitor page is served to the network at {self._host}, without encryption: whoever can "
            "listen on it sees the subject's face. Serve it on 127.0.0.1 and use an SSH tunnel instead."
        )
