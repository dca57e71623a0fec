"""Let a sample have several labels at once, in the projects that ask for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move one schema forward."""
    op.add_column(
        "project",
        sa.Column("multilabel", sa.Boolean(), nullable=False, server_default=sa.text("false")),
    )
    op.add_column("annotation", sa.Column("labels", sa.Text(), nullable=True))
