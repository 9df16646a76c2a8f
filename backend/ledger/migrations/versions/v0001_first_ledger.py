"""The first ledger: people, models, data sets, jobs and attempts, schedules, sessions, drafts, wishes, chats."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _owned(name: str, *columns: sa.schema.SchemaItem, made: bool = True) -> None:
    """A table with an owner, an index on it, and the time of creation."""
    times = [sa.Column("created_at", sa.Float, nullable=False)] if made else []
    op.create_table(name, sa.Column("owner", sa.String(64), nullable=False), *columns, *times)
    op.create_index(f"ix_{name}_owner", name, ["owner"])


def _text(name: str, size: int, *, nullable: bool = False, key: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.String(size), nullable=nullable, primary_key=key)


def upgrade() -> None:
    _catalogue()
    _jobs()
    _attempts()
    _page()


def _catalogue() -> None:
    _owned("people", _text("id", 64, key=True), _text("name", 200))
    _owned(
        "models",
        _text("id", 64, key=True),
        _text("name", 200),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("facts", sa.JSON, nullable=False),
    )
    _owned(
        "datasets",
        _text("id", 64, key=True),
        _text("name", 200),
        _text("shape", 16),
        sa.Column("rows", sa.Integer, nullable=False),
        _text("sha256", 64),
    )


def _jobs() -> None:
    _owned(
        "jobs",
        _text("id", 64, key=True),
        _text("kind", 32),
        _text("name", 200),
        _text("name_key", 200),
        _text("state", 16),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("position", sa.Float, nullable=False),
        _text("device", 32),
        sa.Column("started_at", sa.Float),
        sa.Column("ended_at", sa.Float),
        sa.Column("start_at", sa.Float),
        sa.Column("stop_asked_at", sa.Float),
        _text("reason_key", 100, nullable=True),
        sa.Column("reason_values", sa.JSON, nullable=False),
        sa.Column("forecast_bytes", sa.Integer),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("memory_failures", sa.Integer, nullable=False),
        sa.Column("losses", sa.Integer, nullable=False),
        sa.UniqueConstraint("owner", "name_key", name="uq_jobs_owner_name_key"),
    )
    op.create_index("ix_jobs_queue", "jobs", ["state", "position"])


def _attempts() -> None:
    _owned(
        "attempts",
        sa.Column("job_id", sa.String(64), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        _text("token", 64),
        _text("state", 16),
        sa.Column("claimed_at", sa.Float, nullable=False),
        sa.Column("started_at", sa.Float),
        sa.Column("ended_at", sa.Float),
        sa.Column("exit_code", sa.Integer),
        sa.Column("pid", sa.Integer),
        _text("pid_start", 64, nullable=True),
        _text("boot", 64, nullable=True),
        _text("reason_key", 100, nullable=True),
        sa.Column("reason_values", sa.JSON, nullable=False),
        made=False,
    )


def _page() -> None:
    _owned(
        "schedules",
        _text("id", 64, key=True),
        _text("name", 200),
        _text("zone", 64),
        _text("local_time", 5),
        _text("days", 7),
        sa.Column("job", sa.JSON, nullable=False),
        sa.Column("run_missed", sa.Boolean, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("checked_at", sa.Float, nullable=False),
        sa.Column("fired_at", sa.Float),
    )
    _owned("sessions", _text("token_hash", 64, key=True), sa.Column("seen_at", sa.Float, nullable=False))
    _owned(
        "chats",
        _text("id", 64, key=True),
        _text("title", 300),
        sa.Column("messages", sa.JSON, nullable=False),
        sa.Column("changed_at", sa.Float, nullable=False),
    )
    op.create_table(
        "drafts",
        _text("owner", 64, key=True),
        sa.Column("form", sa.JSON, nullable=False),
        sa.Column("changed_at", sa.Float, nullable=False),
    )
    op.create_table(
        "wishes",
        _text("owner", 64, key=True),
        _text("what", 32, key=True),
        sa.Column("wished_at", sa.Float, nullable=False),
    )


def downgrade() -> None:
    raise NotImplementedError("A ledger only goes forward; the backup made before the migration is the way back.")
