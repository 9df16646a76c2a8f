"""Conversations keep what was chosen and can be searched; thumbs and corrected answers are kept."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # No version so far has written a conversation: what the column holds is only now decided.
    op.execute("ALTER TABLE chats RENAME COLUMN messages TO turns")
    op.add_column("chats", sa.Column("choices", sa.JSON, nullable=False, server_default="{}"))
    op.add_column("chats", sa.Column("plain", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "feedback",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("up", sa.Boolean),
        sa.Column("messages", sa.JSON, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("corrected", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("changed_at", sa.Float, nullable=False),
    )
    op.create_index("ix_feedback_owner", "feedback", ["owner"])


def downgrade() -> None:
    raise NotImplementedError("A ledger only goes forward; the backup made before the migration is the way back.")
