"""Let reviewers have cases open, and ask for more opinions beside their own answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Move one schema forward."""
    op.create_table(
        "reservation",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("sample_key", sa.String(200), nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_reservation_project_id")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_reservation_person_id")
        ),
        sa.PrimaryKeyConstraint("project_id", "sample_key", name=op.f("pk_reservation")),
    )
    op.add_column(
        "annotation",
        sa.Column("asks_again", sa.Boolean(), nullable=False, server_default=sa.text("false")),
    )
