"""The first version: a study, its people and their secrets, its videos, and what was rated."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

WHEN = sa.BigInteger
ID = sa.String(16)
HASH = sa.String(64)


def upgrade() -> None:
    """Make all tables in an empty database."""
    op.create_table(
        "study",
        sa.Column("id", ID, nullable=False),
        sa.Column("created_ms", WHEN, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_study"),
    )
    op.create_table(
        "raters",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("name_folded", sa.String(64), nullable=False),
        sa.Column("team", sa.Integer, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("created_ms", WHEN, nullable=False),
        sa.Column("read_ms", WHEN),
        sa.Column("clock_ahead_ms", WHEN),
        sa.PrimaryKeyConstraint("id", name="pk_raters"),
        sa.UniqueConstraint("name_folded", name="uq_raters_name_folded"),
    )
    _secrets()
    op.create_table(
        "videos",
        sa.Column("id", ID, nullable=False),
        sa.Column("session", sa.String(200), nullable=False),
        sa.Column("practice", sa.Boolean, nullable=False),
        sa.Column("duration_s", sa.Float, nullable=False),
        sa.Column("sha256", HASH, nullable=False),
        sa.Column("added_ms", WHEN, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_videos"),
        sa.UniqueConstraint("session", name="uq_videos_session"),
    )
    op.create_table(
        "assignments",
        sa.Column("id", ID, nullable=False),
        sa.Column("rater", ID, nullable=False),
        sa.Column("video", ID, nullable=False),
        sa.Column("dimension", sa.String(8), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_assignments"),
        sa.ForeignKeyConstraint(["rater"], ["raters.id"], name="fk_assignments_rater"),
        sa.ForeignKeyConstraint(["video"], ["videos.id"], name="fk_assignments_video"),
        sa.UniqueConstraint("rater", "video", "dimension", name="uq_assignments_rater_video_dimension"),
        sa.UniqueConstraint("rater", "position", name="uq_assignments_rater_position"),
        sa.CheckConstraint("dimension in ('valence', 'arousal', 'both')", name="known_dimension"),
    )
    _ratings()


def _secrets() -> None:
    op.create_table(
        "links",
        sa.Column("hash", HASH, nullable=False),
        sa.Column("rater", ID),
        sa.Column("created_ms", WHEN, nullable=False),
        sa.Column("expires_ms", WHEN, nullable=False),
        sa.Column("used_ms", WHEN),
        sa.PrimaryKeyConstraint("hash", name="pk_links"),
        sa.ForeignKeyConstraint(["rater"], ["raters.id"], name="fk_links_rater"),
    )
    op.create_table(
        "logins",
        sa.Column("hash", HASH, nullable=False),
        sa.Column("rater", ID),
        sa.Column("created_ms", WHEN, nullable=False),
        sa.Column("expires_ms", WHEN, nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_logins"),
        sa.ForeignKeyConstraint(["rater"], ["raters.id"], name="fk_logins_rater"),
    )


def _ratings() -> None:
    op.create_table(
        "takes",
        sa.Column("id", ID, nullable=False),
        sa.Column("assignment", ID, nullable=False),
        sa.Column("state", sa.String(9), nullable=False),
        sa.Column("started_ms", WHEN, nullable=False),
        sa.Column("finished_ms", WHEN),
        sa.PrimaryKeyConstraint("id", name="pk_takes"),
        sa.ForeignKeyConstraint(["assignment"], ["assignments.id"], name="fk_takes_assignment"),
        sa.CheckConstraint("state in ('open', 'complete', 'discarded')", name="known_state"),
    )
    counts = sa.text("state != 'discarded'")
    op.create_index(
        "one_take_at_a_time",
        "takes",
        ["assignment"],
        unique=True,
        sqlite_where=counts,
        postgresql_where=counts,
    )
    op.create_index("takes_of_an_assignment", "takes", ["assignment"])
    op.create_table(
        "runs",
        sa.Column("take", ID, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("opened_ms", WHEN, nullable=False),
        sa.Column("clock_ahead_ms", WHEN, nullable=False),
        sa.Column("browser", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("take", "number", name="pk_runs"),
        sa.ForeignKeyConstraint(["take"], ["takes.id"], name="fk_runs_take"),
    )
    op.create_table(
        "chunks",
        sa.Column("take", ID, nullable=False),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("received_ms", WHEN, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("take", "run", "number", name="pk_chunks"),
        sa.ForeignKeyConstraint(["take", "run"], ["runs.take", "runs.number"], name="fk_chunks_take_run"),
    )
