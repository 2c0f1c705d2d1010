"""One-time links that are told in a terminal: the last one, a new one, and one for whoever comes too late."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Protocol

TELL_EVERY_S = 5.0


class Tokens(Protocol):
    """What makes tokens: `Access`, or the logins of a study."""

    def new_token(self) -> str:
        """Return a token that opens one session; the one before it, if unused, opens none any more."""
        ...

    @property
    def link_is_unused(self) -> bool:
        """Whether the last token can still open a session."""
        ...


class Links:
    """The links of one page; every method may be called from any thread.

    Parameters
    ----------
    tokens : what makes them
    address : where the page is, ending in "/"
    tell : takes a link for the terminal; None where there is none
    where : what runs in that terminal, "`mavfer record` runs"
    """

    def __init__(
        self, tokens: Tokens, address: str, *, tell: Callable[[str], None] | None, where: str
    ) -> None:
        self._tokens, self._address, self._tell, self._where = tokens, address, tell, where
        self._told_s = -TELL_EVERY_S
        self.new()

    @property
    def url(self) -> str:
        """The link that was made last; it opens the page once, in one browser."""
        return f"{self._address}enter?token={self._token}"

    def new(self) -> str:
        """Return a new link; the one before it, if unused, is void."""
        self._token = self._tokens.new_token()
        return self.url

    def tell(self) -> str:
        """Print a valid link if there is somewhere to print it; return what to tell whoever asked."""
        if self._tell is None:
            return f"Ask for a new link in the terminal where {self._where}."
        now_s = time.monotonic()
        if now_s - self._told_s >= TELL_EVERY_S:
            self._told_s = now_s
            link = self.url if self._tokens.link_is_unused else self.new()
            with contextlib.suppress(Exception):  # a terminal that is gone must not take the page with it
                self._tell(link)
        return f"A new link is printed now in the terminal where {self._where}. Open that one."
