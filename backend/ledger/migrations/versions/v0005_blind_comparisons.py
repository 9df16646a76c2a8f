"""What was preferred by somebody who did not know which model had answered."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "comparisons",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("models", sa.Text, nullable=False),
        sa.Column("winner", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )
    op.create_index("ix_comparisons_owner", "comparisons", ["owner"])


def downgrade() -> None:
    raise NotImplementedError("A ledger only goes forward; the backup made before the migration is the way back.")
