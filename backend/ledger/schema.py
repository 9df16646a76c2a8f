"""The tables as they are now. Every change here needs a migration in `backend.ledger.migrations.versions`.

Times are UTC epoch seconds (float). Ids are text made by the studio. Every table has an owner.
"""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

VERSIONS = ("0001", "0002", "0003", "0004", "0005", "0006")
HEAD = VERSIONS[-1]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[str]:
    return Column("id", String(64), primary_key=True)


def _owner() -> Column[str]:
    return Column("owner", String(64), nullable=False, index=True)


def _made() -> Column[float]:
    return Column("created_at", Float, nullable=False)


version = Table("ledger_version", metadata, Column("version_num", String(32), primary_key=True))

people = Table("people", metadata, _id(), _owner(), Column("name", String(200), nullable=False), _made())

models = Table(
    "models",
    metadata,
    _id(),
    _owner(),
    Column("name", String(200), nullable=False),
    Column("location", Text, nullable=False),
    Column("facts", JSON, nullable=False),
    _made(),
)

datasets = Table(
    "datasets",
    metadata,
    _id(),
    _owner(),
    Column("name", String(200), nullable=False),
    Column("shape", String(16), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    _made(),
)

jobs = Table(
    "jobs",
    metadata,
    _id(),
    _owner(),
    Column("kind", String(32), nullable=False),
    Column("name", String(200), nullable=False),
    Column("name_key", String(200), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("position", Float, nullable=False),
    Column("device", String(32), nullable=False),
    _made(),
    Column("started_at", Float),
    Column("ended_at", Float),
    Column("start_at", Float),
    Column("stop_asked_at", Float),
    Column("reason_key", String(100)),
    Column("reason_values", JSON, nullable=False),
    Column("forecast_bytes", Integer),
    Column("note", Text, nullable=False),
    Column("memory_failures", Integer, nullable=False),
    Column("losses", Integer, nullable=False),
    Column("pinned", Boolean, nullable=False, server_default="0"),
    UniqueConstraint("owner", "name_key"),
    Index("ix_jobs_queue", "state", "position"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("job_id", String(64), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    _owner(),
    Column("token", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("claimed_at", Float, nullable=False),
    Column("started_at", Float),
    Column("ended_at", Float),
    Column("exit_code", Integer),
    Column("pid", Integer),
    Column("pid_start", String(64)),
    Column("boot", String(64)),
    Column("reason_key", String(100)),
    Column("reason_values", JSON, nullable=False),
)

schedules = Table(
    "schedules",
    metadata,
    _id(),
    _owner(),
    Column("name", String(200), nullable=False),
    Column("zone", String(64), nullable=False),
    Column("local_time", String(5), nullable=False),
    Column("days", String(7), nullable=False),
    Column("job", JSON, nullable=False),
    Column("run_missed", Boolean, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("checked_at", Float, nullable=False),
    Column("fired_at", Float),
    _made(),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    _owner(),
    _made(),
    Column("seen_at", Float, nullable=False),
)

drafts = Table(
    "drafts",
    metadata,
    Column("owner", String(64), primary_key=True),
    Column("form", JSON, nullable=False),
    Column("changed_at", Float, nullable=False),
)

wishes = Table(
    "wishes",
    metadata,
    Column("owner", String(64), primary_key=True),
    Column("what", String(32), primary_key=True),
    Column("wished_at", Float, nullable=False),
)

chats = Table(
    "chats",
    metadata,
    _id(),
    _owner(),
    Column("title", String(300), nullable=False),
    Column("turns", JSON, nullable=False),
    _made(),
    Column("changed_at", Float, nullable=False),
    Column("choices", JSON, nullable=False, server_default="{}"),
    Column("plain", Text, nullable=False, server_default=""),
)

feedback = Table(
    "feedback",
    metadata,
    _id(),
    _owner(),
    Column("model", String(200), nullable=False),
    Column("up", Boolean),
    Column("messages", JSON, nullable=False),
    Column("answer", Text, nullable=False),
    Column("corrected", Text, nullable=False),
    _made(),
    Column("changed_at", Float, nullable=False),
)

tests = Table(
    "tests",
    metadata,
    _id(),
    _owner(),
    Column("messages", JSON, nullable=False),
    _made(),
)

comparisons = Table(
    "comparisons",
    metadata,
    _id(),
    _owner(),
    Column("models", Text, nullable=False),
    Column("winner", Text, nullable=False),
    _made(),
)

rehearsed = Table(
    "rehearsed",
    metadata,
    _id(),
    _owner(),
    Column("sight", Boolean, nullable=False),
    Column("turn", JSON, nullable=False),
    _made(),
)

scores = Table(
    "scores",
    metadata,
    _id(),
    _owner(),
    Column("job_id", String(64), ForeignKey("jobs.id", ondelete="SET NULL")),
    Column("benchmark", String(100), nullable=False),
    Column("value", Float, nullable=False),
    Column("details", JSON, nullable=False),
    _made(),
)
