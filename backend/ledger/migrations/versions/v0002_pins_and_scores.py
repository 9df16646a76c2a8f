"""Runs can be pinned (never cleaned up), and scores are kept."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("pinned", sa.Boolean, nullable=False, server_default="0"))
    op.create_table(
        "scores",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("job_id", sa.String(64), sa.ForeignKey("jobs.id", ondelete="SET NULL")),
        sa.Column("benchmark", sa.String(100), nullable=False),
        sa.Column("value", sa.Float, nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )
    op.create_index("ix_scores_owner", "scores", ["owner"])


def downgrade() -> None:
    raise NotImplementedError("A ledger only goes forward; the backup made before the migration is the way back.")
