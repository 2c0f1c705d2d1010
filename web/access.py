"""Who may see a page: links that open it once, the sessions they become, and the hosts it answers to.

Requests come from whatever runs in somebody's browser, other sites included. A session cookie says who
asks; the Host header shows a name that another site has made point here (DNS rebinding), and the Origin
header shows a page of another site.
"""

import hashlib
import ipaddress
import re
import secrets
import socket
import threading
from collections import deque
from collections.abc import Iterable

MAX_SESSIONS = 16
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")


class Access:
    """The valid link and the sessions that were opened; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._link: bytes | None = None
        self._sessions: deque[bytes] = deque(maxlen=MAX_SESSIONS)

    def new_token(self) -> str:
        """Return a token that opens one session; the one before it, if unused, opens none any more."""
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._link = _digest(token)
        return token

    @property
    def link_is_unused(self) -> bool:
        """Whether the last token can still open a session."""
        with self._lock:
            return self._link is not None

    def open_session(self, token: str) -> str | None:
        """Return the secret of a new session and void the token; None for any token but the valid one."""
        with self._lock:
            if self._link is None or not secrets.compare_digest(self._link, _digest(token)):
                return None
            self._link = None
            session = secrets.token_urlsafe(32)
            self._sessions.append(_digest(session))
            return session

    def knows(self, session: str | None) -> bool:
        """Return whether a session was opened here."""
        if not session:
            return False
        asked = _digest(session)
        with self._lock:  # all are compared, whichever matches
            return sum(secrets.compare_digest(known, asked) for known in self._sessions) > 0


class Hosts:
    """The names that the page may be asked for by; any port, so that a tunnel may end anywhere.

    Parameters
    ----------
    bound : the address that is served
    also : further names, those of a proxy before it
    """

    def __init__(self, bound: str, *, also: Iterable[str] = ()) -> None:
        self.loopback_only = is_loopback(bound)
        names = LOOPBACK_NAMES if self.loopback_only else (*LOOPBACK_NAMES, socket.gethostname())
        self._names = {name.lower() for name in (*names, bound, *also)}

    def allow(self, host: str) -> bool:
        """Return whether a Host header is one of ours; a bare address cannot be a rebound name."""
        name = name_of(host)
        return name is not None and (name in self._names or (not self.loopback_only and _is_address(name)))


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def name_of(host: str) -> str | None:
    """Return the name in a Host header, lower case, without port and brackets; None if it is none."""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?", host)
    return (found[1] or found[2]).lower() if found else None


def is_same_origin(origin: str, host: str, *, scheme: str = "http") -> bool:
    """Return whether an Origin header names the site of a Host header that is asked by `scheme`."""
    return origin.lower() == f"{scheme}://{host}".lower()


def one_value(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    """Return the value of a header that came exactly once; None otherwise."""
    values = [value for key, value in headers if key.lower() == name]
    return values[0].decode("latin-1") if len(values) == 1 else None


def cookie_of(header: str, name: str) -> str | None:
    """Return the value of a cookie, of several the last; None where there is none.

    One jar serves all ports of a host, so cookies of other programs come along, whatever they look like: the
    standard library's parser gives up at the first that is odd.
    """
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return next((value for key, _, value in reversed(list(pairs)) if key == name), None)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
