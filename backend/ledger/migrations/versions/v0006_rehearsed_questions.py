"""Questions are rehearsed for showing them to a room."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rehearsed",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("sight", sa.Boolean, nullable=False),
        sa.Column("turn", sa.JSON, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )
    op.create_index("ix_rehearsed_owner", "rehearsed", ["owner"])


def downgrade() -> None:
    raise NotImplementedError("A ledger only goes forward; the backup made before the migration is the way back.")
