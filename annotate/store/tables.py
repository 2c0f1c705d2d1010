"""The tables of a study's database, as SQLAlchemy knows them; `migrations/` makes them.

Times are integer milliseconds since 1970, UTC, by the server's clock. Of secrets, keyed hashes stand here.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={  # a migration can only change what has a name
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "%(constraint_name)s",
    }
)

study = Table(
    "study",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("created_ms", BigInteger, nullable=False),
)
raters = Table(
    "raters",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("name_folded", String(64), nullable=False, unique=True),  # "Anna" and "anna" are one rater
    Column("team", Integer, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("read_ms", BigInteger),  # when the instructions were confirmed
    Column("clock_ahead_ms", BigInteger),  # of the rater's machine, when it last told
)
links = Table(
    "links",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("rater", String(16), ForeignKey("raters.id")),  # NULL: the study's owner
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
)
logins = Table(
    "logins",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("rater", String(16), ForeignKey("raters.id")),  # NULL: the study's owner
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
)
videos = Table(
    "videos",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("session", String(200), nullable=False, unique=True),
    Column("practice", Boolean, nullable=False),
    Column("duration_s", Float, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("added_ms", BigInteger, nullable=False),
)
assignments = Table(
    "assignments",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("rater", String(16), ForeignKey("raters.id"), nullable=False),
    Column("video", String(16), ForeignKey("videos.id"), nullable=False),
    Column("dimension", String(8), nullable=False),  # valence, arousal or both
    Column("position", Integer, nullable=False),  # in the rater's own order, from 0
    UniqueConstraint("rater", "video", "dimension"),
    UniqueConstraint("rater", "position"),
    CheckConstraint("dimension in ('valence', 'arousal', 'both')", name="known_dimension"),
)
takes = Table(
    "takes",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("assignment", String(16), ForeignKey("assignments.id"), nullable=False),
    Column("state", String(9), nullable=False),  # open, complete, discarded
    Column("started_ms", BigInteger, nullable=False),
    Column("finished_ms", BigInteger),
    CheckConstraint("state in ('open', 'complete', 'discarded')", name="known_state"),
)
Index(
    "one_take_at_a_time",
    takes.c.assignment,
    unique=True,
    sqlite_where=takes.c.state != "discarded",
    postgresql_where=takes.c.state != "discarded",
)
Index("takes_of_an_assignment", takes.c.assignment)  # those that count no more, too
runs = Table(
    "runs",
    metadata,
    Column("take", String(16), ForeignKey("takes.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("opened_ms", BigInteger, nullable=False),
    Column("clock_ahead_ms", BigInteger, nullable=False),
    Column("browser", Text, nullable=False),
)
chunks = Table(
    "chunks",
    metadata,
    Column("take", String(16), primary_key=True),
    Column("run", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("received_ms", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),  # as it was sent, byte for byte
    ForeignKeyConstraint(["take", "run"], ["runs.take", "runs.number"]),
)
