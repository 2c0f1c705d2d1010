"""A study, served: a port of its own, its owner's links, and an end that answers what was begun."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from ...errors import StudyError
from ...web.access import Hosts, name_of
from ...web.links import Links
from ...web.server import PageServer, Tls
from ..store.store import Store, now_ms
from ..study.study import Study

MAX_CONNECTIONS = 512
LET_GO_S = 10


@dataclass(frozen=True, slots=True)
class PublicAddress:
    """How raters reach a study whose server stands behind a proxy.

    Attributes
    ----------
    origin : scheme, name and, where it is not the usual one, port: "https://rate.lab.org"
    name : the name alone
    """

    origin: str
    name: str

    @property
    def secure(self) -> bool:
        """Whether it is https."""
        return self.origin.startswith("https://")


class StudyServer:
    """Serves a study as long as the `with` block lasts.

    Parameters
    ----------
    study, store : what is served
    host, port : where the server listens; port 0 takes a free one
    tls : the certificate; without it all goes over the wire in the clear
    public : the address of the proxy before it
    tell : takes a new link of the owner when somebody on this machine comes with a used one; called from
        another thread, at most every 5 s

    Raises
    ------
    StudyError
        Nothing can be served there.
    """

    def __init__(
        self,
        study: Study,
        store: Store,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: Tls | None = None,
        public: PublicAddress | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._study, self._store, self._host, self._asked_port = study, store, host, port
        self._tls, self._public, self._tell = tls, public, tell
        self._server: PageServer | None = None
        self._links: Links
        self.port, self.address = port, ""
        """Where the study is."""
        self.failures: list[str] = []
        """Defects that the server met and outlived; empty in a sound program."""

    def __enter__(self) -> Self:
        from .app import build_app

        server = self._server = PageServer(
            "the study",
            host=self._host,
            port=self._asked_port,
            error=StudyError,
            free_a_port="choose another --port",
            tls=self._tls,
        )
        public = self._public
        self.port = server.port
        self.address = server.address if public is None else f"{public.origin}/"
        secure = self._tls is not None if public is None else public.secure
        try:
            self._links = Links(
                _OwnersTokens(self._store), self.address, tell=self._tell, where="`mavfer annotate` runs"
            )
            gate = build_app(
                self._study,
                self._store,
                Hosts(self._host, also=() if public is None else (public.name,)),
                cookie=f"{'__Host-' if secure else ''}mavfer_study_{self.port}",  # one jar for all ports
                how_to_get_a_link=self._links.tell,
                scheme="http" if self._tls is None else "https",
                secure=secure,
                origins=() if public is None else (public.origin,),
            )
            self.failures = gate.failures
            server.start(gate, let_go_s=LET_GO_S, max_connections=MAX_CONNECTIONS)
        except BaseException:
            server.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take nothing new, answer what was begun, and end; harmless when called twice."""
        if self._server is not None:
            self._server.close()

    @property
    def running(self) -> bool:
        """Whether requests are answered."""
        return self._server is not None and self._server.running

    def wait(self, at_most_s: float | None = None) -> None:
        """Return when the server has ended or the time is over; a signal's exception comes through."""
        if self._server is not None:
            self._server.wait(at_most_s)

    @property
    def url(self) -> str:
        """The owner's link that was made last; it opens the study once, in one browser."""
        return self._links.url

    def new_link(self) -> str:
        """Return a new link of the owner; the one before it, if unused, is void."""
        return self._links.new()


class _OwnersTokens:
    """The owner's links, made in the study's database."""

    def __init__(self, store: Store) -> None:
        self._store, self._last = store, ""

    def new_token(self) -> str:
        """Return a token that opens the study as its owner."""
        self._last = self._store.access.new_link(None, now_ms=now_ms())
        return self._last

    @property
    def link_is_unused(self) -> bool:
        """Whether the last token can still be used."""
        return self._store.access.link_of(self._last, now_ms=now_ms()) is not None


def public_address(text: str) -> PublicAddress | None:
    """Return the address in a text like https://rate.lab.org; None if it is none, or has a path."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    name = name_of(parts.netloc)
    plain = parts.path in ("", "/") and not parts.query and not parts.fragment
    if parts.scheme not in ("http", "https") or name is None or not plain:
        return None
    usual = port is None or port == (443 if parts.scheme == "https" else 80)
    shown = f"[{name}]" if ":" in name else name
    return PublicAddress(f"{parts.scheme}://{shown}" if usual else f"{parts.scheme}://{shown}:{port}", name)
