"""Where a page is served: a port of its own, and uvicorn in a thread that starts, answers and ends."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import MavferError

if TYPE_CHECKING:
    import uvicorn

    from .gate import Gate

START_S = 20.0


@dataclass(frozen=True, slots=True)
class Tls:
    """The files of a server's certificate, in PEM."""

    certificate: Path
    key: Path


class PageServer:
    """A listening port, and once `start` was called the application behind it; used by one thread.

    Parameters
    ----------
    what : how errors call it, "the monitor page"
    host, port : where it listens from the beginning; port 0 takes a free one
    error : what is raised where nothing can be served
    free_a_port : what to do about a port that is taken, in words
    tls : the certificate, for https

    Raises
    ------
    error
        The address is none or taken.
    """

    def __init__(
        self,
        what: str,
        *,
        host: str,
        port: int,
        error: type[MavferError],
        free_a_port: str,
        tls: Tls | None = None,
    ) -> None:
        self._what, self._error, self._tls = what, error, tls
        self._socket = listen(host, port, what=what, error=error, free_a_port=free_a_port)
        self.port = int(self._socket.getsockname()[1])
        named = host if host not in ("0.0.0.0", "::", "") else socket.gethostname()
        scheme = "http" if tls is None else "https"
        self.address = f"{scheme}://{f'[{named}]' if ':' in named else named}:{self.port}/"
        """Where the page is."""
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()  # a join that Ctrl-C interrupts takes the thread for ended
        self._let_go_s = 0

    def start(self, gate: Gate, *, let_go_s: int, max_connections: int, **options: Any) -> None:
        """Serve an application until `close`.

        Parameters
        ----------
        let_go_s : how long requests that were begun may take to end once `close` is called
        max_connections : beyond it, requests are answered with 503
        options : for `uvicorn.Config`, in place of those that stand here

        Raises
        ------
        MavferError
            It does not start; of the class that was named.
        """
        import uvicorn

        if self._tls is not None:
            options |= {
                "ssl_certfile": self._tls.certificate,
                "ssl_keyfile": self._tls.key,
                "ssl_keyfile_password": "",
            }
        given = {"http": "h11", "ws": "none", "lifespan": "off", **options}
        config = uvicorn.Config(
            gate,
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            limit_concurrency=max_connections,
            timeout_graceful_shutdown=let_go_s,
            **given,
        )
        server = self._server = uvicorn.Server(config)
        self._let_go_s = let_go_s
        self._thread = threading.Thread(target=self._run, args=(server,), name=self._what, daemon=True)
        self._thread.start()
        deadline_s = time.monotonic() + START_S
        while not server.started:
            if self._ended.is_set() or time.monotonic() > deadline_s:
                self.close()
                raise self._error(f"{self._what} did not start within {START_S:g} s: {self.address}")
            self._ended.wait(0.01)

    @property
    def running(self) -> bool:
        """Whether requests are answered."""
        return self._thread is not None and not self._ended.is_set()

    def wait(self, at_most_s: float | None = None) -> None:
        """Return when the server has ended or the time is over; a signal's exception comes through."""
        deadline_s = time.monotonic() + at_most_s if at_most_s is not None else float("inf")
        while self.running and (left_s := deadline_s - time.monotonic()) > 0:
            self._ended.wait(min(left_s, 0.2))  # on Windows a wait without end lets no Ctrl-C through

    def close(self) -> None:
        """Answer what was begun, let the pages go and end the server; harmless when called twice."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._ended.wait(self._let_go_s + 4.0)
            self._thread.join(1.0)
        self._socket.close()

    def _run(self, server: uvicorn.Server) -> None:
        try:
            server.run([self._socket])
        finally:
            self._ended.set()


def listen(
    host: str, port: int, *, what: str, error: type[MavferError], free_a_port: str = "choose another port"
) -> socket.socket:
    """Return a socket that alone listens at a port; raises `error` in words where none can."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, proto)  # no `proto`: asyncio leaves Nagle on, 40 ms
    except (OSError, UnicodeError, OverflowError) as reason:
        raise error(f"wanted an address for {what}, found {host!r}: {reason}") from reason
    try:
        if socket.has_ipv6 and family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)  # Windows lets two bind one port otherwise
        listener.setsockopt(socket.SOL_SOCKET, exclusive or socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as reason:
        listener.close()
        raise error(
            f"{what} cannot be served ({reason.strerror or reason}); {free_a_port} or stop what listens "
            f"there: {host}:{port}"
        ) from reason
    return listener


def check_tls(tls: Tls, *, error: type[MavferError]) -> None:
    """Raise `error` in words unless a certificate and its key can be read and belong together."""
    for path, name in ((tls.certificate, "a certificate"), (tls.key, "a certificate's key")):
        if not path.is_file():
            raise error(f"wanted {name} (PEM), found {'a folder' if path.is_dir() else 'nothing'}: {path}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(tls.certificate, tls.key, password="")
    except ssl.SSLError as reason:
        if reason.reason == "KEY_VALUES_MISMATCH":
            raise error(
                f"wanted the key of the certificate {tls.certificate}, found another one's: {tls.key}"
            ) from reason
        raise error(
            f"wanted a certificate and its key, in PEM and without a password, could not read them "
            f"({reason.reason or 'damaged'}): {tls.certificate}, {tls.key}"
        ) from reason
    except OSError as reason:
        raise error(f"could not read the certificate or its key ({reason.strerror}): {tls.key}") from reason
