"""Track simulations, what the engine thinks of labels and of going on, and why it asks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Move one schema forward."""
    _runs()
    _advice()
    _asks()


def _runs() -> None:
    op.create_table(
        "run",
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.Column("person_id", ID, nullable=True),
        sa.Column("scenario", sa.JSON(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_run_project_id")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_run_job_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_run_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
        sa.UniqueConstraint("job_id", name=op.f("uq_run_job_id")),
    )
    op.create_index(op.f("ix_run_project_id"), "run", ["project_id"])
    op.create_table(
        "game",
        sa.Column("run_id", ID, nullable=False),
        sa.Column("strategy", sa.String(40), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_game_run_id")),
        sa.PrimaryKeyConstraint("run_id", "strategy", "seed", name=op.f("pk_game")),
    )


def _advice() -> None:
    op.create_table(
        "advice",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_advice_project_id")),
        sa.ForeignKeyConstraint(
            ["project_id", "version"],
            ["version.project_id", "version.number"],
            name=op.f("fk_advice_project_id_version"),
        ),
        sa.PrimaryKeyConstraint("project_id", "version", name=op.f("pk_advice")),
    )
    op.create_table(
        "doubt",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("sample_key", sa.String(200), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.String(200), nullable=False),
        sa.Column("likely", sa.String(200), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("quality", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_doubt_project_id")),
        sa.PrimaryKeyConstraint("project_id", "sample_key", name=op.f("pk_doubt")),
    )
    op.create_table(
        "examination",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_examination_project_id")
        ),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_examination")),
    )


def _asks() -> None:
    op.add_column("version", sa.Column("asks", sa.Text(), nullable=False, server_default=""))
    op.add_column("version", sa.Column("drift", sa.JSON(), nullable=True))
