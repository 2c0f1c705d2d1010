"""Why a network camera gives no pictures, as far as asking it once over HTTP tells. No password is sent."""

import socket
import ssl
import urllib.error
import urllib.request
from http.client import HTTPException
from urllib.parse import urlsplit, urlunsplit

ANSWER_WITHIN_S = 3.0
UNKNOWN = (
    "no pictures come from this address: is the camera on, is the address right, and does it serve somebody "
    "else?"
)


def why_no_pictures(address: str) -> str:
    """Return in one line what keeps the pictures away; takes a few seconds where nobody answers."""
    parts = urlsplit(address)
    user, _, host = parts.netloc.rpartition("@")
    if parts.scheme.lower() not in ("http", "https"):
        return UNKNOWN
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(urlunsplit(parts._replace(netloc=host)), timeout=ANSWER_WITHIN_S) as answer:
            kind = answer.headers.get_content_type()
    except urllib.error.HTTPError as error:
        with error:
            return _refusal(error.code, knows_user=bool(user))
    except urllib.error.URLError as error:
        return _unreachable(error.reason)
    except (OSError, ValueError, HTTPException):
        return UNKNOWN
    if kind == "text/html":
        return "no pictures come from this address: it is that of a web page; the camera's manual has another"
    return UNKNOWN


def _refusal(code: int, *, knows_user: bool) -> str:
    """Return what an answer other than 200 says (RFC 9110, 15.5)."""
    if code == 401:
        ask = (
            "are those in the address right?" if knows_user else "put them before the host, as USER:PASSWORD@"
        )
        return f"the camera wants user and password (HTTP 401); {ask}"
    if code == 403:
        return "the camera refuses this user, or everybody (HTTP 403); look at its settings"
    if code == 404:
        return "the camera has nothing there (HTTP 404); look up the path of its pictures in its manual"
    return f"{UNKNOWN} It answers HTTP {code}"


def _unreachable(reason: object) -> str:
    """Return what kept the question from being answered."""
    if isinstance(reason, socket.gaierror):
        return (
            "no machine of this name is known here; is it spelled right? An address in numbers needs no name"
        )
    if isinstance(reason, ConnectionRefusedError):
        return "no pictures come from this address: the machine is there, but nothing listens at this port"
    if isinstance(reason, ssl.SSLError):
        return f"{UNKNOWN} No safe connection could be made"
    return UNKNOWN
