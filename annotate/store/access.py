"""Who may ask: one-time links and the logins they become; hashed with the study's key, in the database."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from sqlalchemy import delete, insert, or_, select, update

from . import tables as t
from .database import Database
from .records import Conflict, Identity, Unknown

DAY_MS = 24 * 3600 * 1000
LINK_DAYS, LOGIN_DAYS = 14, 60


class Access:
    """Links and logins of one study; every method may be called from any thread."""

    def __init__(self, database: Database, *, key: bytes) -> None:
        self._database, self._key = database, key

    def new_link(self, rater: str | None, *, now_ms: int) -> str:
        """Return the token of a new link of a rater or, with None, of the owner; older unused ones are void.

        Raises
        ------
        Unknown
            There is no such rater.
        Conflict
            The rater has left.
        """
        token = secrets.token_urlsafe(24)
        same = t.links.c.rater.is_(None) if rater is None else t.links.c.rater == rater
        with self._database.writing() as connection:
            if rater is not None:
                active = connection.execute(
                    select(t.raters.c.active).where(t.raters.c.id == rater).with_for_update(read=True)
                ).scalar()
                if active is None:
                    raise Unknown("there is no such rater")
                if not active:
                    raise Conflict("this rater has left the study; bring the rater back first")
            connection.execute(delete(t.links).where(same, t.links.c.used_ms.is_(None)))
            connection.execute(
                insert(t.links).values(
                    hash=self._hash(token),
                    rater=rater,
                    created_ms=now_ms,
                    expires_ms=now_ms + LINK_DAYS * DAY_MS,
                )
            )
        return token

    def redeem(self, token: str, *, now_ms: int) -> str | None:
        """Return the secret of a new login and void the link; None for any link but an unused valid one."""
        hashed = self._hash(token)
        here = or_(
            t.links.c.rater.is_(None), t.links.c.rater.in_(select(t.raters.c.id).where(t.raters.c.active))
        )
        with self._database.writing() as connection:
            used = connection.execute(
                update(t.links)
                .where(
                    t.links.c.hash == hashed, t.links.c.used_ms.is_(None), t.links.c.expires_ms > now_ms, here
                )
                .values(used_ms=now_ms)
            )
            if used.rowcount != 1:
                return None
            rater = connection.execute(select(t.links.c.rater).where(t.links.c.hash == hashed)).scalar()
            secret = secrets.token_urlsafe(32)
            connection.execute(
                insert(t.logins).values(
                    hash=self._hash(secret),
                    rater=rater,
                    created_ms=now_ms,
                    expires_ms=now_ms + LOGIN_DAYS * DAY_MS,
                )
            )
        return secret

    def link_of(self, token: str, *, now_ms: int) -> Identity | None:
        """Return whom an unused valid link is for, without using it; None for any other."""
        query = (
            select(t.links.c.rater, t.raters.c.active)
            .outerjoin(t.raters, t.raters.c.id == t.links.c.rater)
            .where(
                t.links.c.hash == self._hash(token),
                t.links.c.used_ms.is_(None),
                t.links.c.expires_ms > now_ms,
            )
        )
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        if row is None or (row.rater is not None and not row.active):
            return None
        return Identity(row.rater)

    def identify(self, secret: str | None, *, now_ms: int) -> Identity | None:
        """Return who a login is; None for one that is unknown, over, or of a rater who has left."""
        if not secret:
            return None
        query = (
            select(t.logins.c.rater, t.raters.c.active)
            .outerjoin(t.raters, t.raters.c.id == t.logins.c.rater)
            .where(t.logins.c.hash == self._hash(secret), t.logins.c.expires_ms > now_ms)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        if row is None or (row.rater is not None and not row.active):
            return None
        return Identity(row.rater)

    def delete_login(self, secret: str) -> None:
        """End a login; harmless when there is none."""
        with self._database.writing() as connection:
            connection.execute(delete(t.logins).where(t.logins.c.hash == self._hash(secret)))

    def void(self, rater: str | None) -> None:
        """End all logins of a rater or, with None, of the owner, and void their unused link."""
        with self._database.writing() as connection:
            for table in (t.links, t.logins):
                same = table.c.rater.is_(None) if rater is None else table.c.rater == rater
                connection.execute(delete(table).where(same))

    def clean(self, *, now_ms: int) -> int:
        """Remove links and logins that are over and return how many there were."""
        with self._database.writing() as connection:
            return sum(
                connection.execute(delete(table).where(table.c.expires_ms <= now_ms)).rowcount
                for table in (t.links, t.logins)
            )

    def _hash(self, secret: str) -> str:
        """Return what stands for a secret in the database."""
        return hmac.new(self._key, secret.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
