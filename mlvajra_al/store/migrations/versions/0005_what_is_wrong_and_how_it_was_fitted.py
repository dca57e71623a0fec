"""Let reports mention lists of what is wrong, and versions say how they were fitted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move one schema forward."""
    op.add_column("report", sa.Column("mistakes", sa.String(64), nullable=True))
    op.add_column(
        "version", sa.Column("fitted", sa.Text(), nullable=False, server_default=sa.text("''"))
    )
