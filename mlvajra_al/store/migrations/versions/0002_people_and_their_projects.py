"""Let people belong to projects, tokens have scopes, and sign-in come from elsewhere."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Move one schema forward.

    No table that others refer to is made anew (``recreate="never"``): SQLite cannot drop it.
    """
    _people()
    _projects()
    _models()
    with op.batch_alter_table("audit", recreate="never") as batch:
        batch.create_index("ix_audit_person", ["person_id", "id"])
        batch.create_index("ix_audit_project", ["project_id", "id"])


def _names() -> None:
    """Let no two people have one name that differs in case only.

    Two who asked at the same moment could; since then neither has been able to sign in.
    """
    person = sa.table("person", sa.column("id", ID), sa.column("name", sa.String(80)))
    earlier = person.alias("earlier")
    taken = sa.select(earlier.c.id).where(
        sa.func.lower(earlier.c.name) == sa.func.lower(person.c.name), earlier.c.id < person.c.id
    )
    numbered = sa.func.substr(person.c.name, 1, 60) + " " + sa.cast(person.c.id, sa.String(19))
    op.execute(sa.update(person).where(taken.exists()).values(name=numbered))
    op.create_index("ix_person_lower_name", "person", [sa.text("lower(name)")], unique=True)


def _people() -> None:
    _names()
    with op.batch_alter_table("session", recreate="never") as batch:
        batch.add_column(sa.Column("seen_at", TIME, nullable=True))
        batch.add_column(sa.Column("agent", sa.String(200), server_default="", nullable=False))
        batch.add_column(sa.Column("scopes", sa.String(80), nullable=True))
    # Nothing refers to invitations, so that SQLite may make the table anew with its foreign key.
    with op.batch_alter_table("invitation", recreate="auto") as batch:
        batch.add_column(sa.Column("invited_by", ID, nullable=True))
        batch.create_foreign_key(op.f("fk_invitation_invited_by"), "person", ["invited_by"], ["id"])
    with op.batch_alter_table("login_attempt", recreate="never") as batch:
        batch.add_column(sa.Column("address", sa.String(64), server_default="", nullable=False))
        batch.create_index("ix_login_attempt_address_at", ["address", "at"])
    op.create_table(
        "identity",
        sa.Column("id", ID, nullable=False),
        sa.Column("issuer", sa.String(300), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_identity_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_identity_issuer_subject")),
    )
    op.create_index(op.f("ix_identity_person_id"), "identity", ["person_id"])
    op.create_table(
        "sign_in_flow",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sign_in_flow")),
    )


def _models() -> None:
    with op.batch_alter_table("version", recreate="never") as batch:
        batch.add_column(sa.Column("because", sa.Text(), server_default="", nullable=False))
    op.create_table(
        "verdict",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("champion", sa.Integer(), nullable=False),
        sa.Column("challenger", sa.Integer(), nullable=False),
        sa.Column("holdout", sa.String(64), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_verdict_project_id")),
        sa.ForeignKeyConstraint(
            ["project_id", "champion"],
            ["version.project_id", "version.number"],
            name=op.f("fk_verdict_project_id_champion"),
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "challenger"],
            ["version.project_id", "version.number"],
            name=op.f("fk_verdict_project_id_challenger"),
        ),
        sa.PrimaryKeyConstraint("project_id", "number", name=op.f("pk_verdict")),
        sa.UniqueConstraint(
            "project_id",
            "champion",
            "challenger",
            "holdout",
            name=op.f("uq_verdict_project_id_champion_challenger_holdout"),
        ),
    )
    op.create_table(
        "damage",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("path", sa.String(300), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("found_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_damage_project_id")),
        sa.PrimaryKeyConstraint("project_id", "path", name=op.f("pk_damage")),
    )


def _projects() -> None:
    with op.batch_alter_table("project", recreate="never") as batch:
        batch.add_column(
            sa.Column("restricted", sa.Boolean(), server_default=sa.text("false"), nullable=False)
        )
    op.create_table(
        "membership",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.Column("added_at", TIME, nullable=False),
        sa.Column("added_by", ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_membership_project_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_membership_person_id")),
        sa.ForeignKeyConstraint(["added_by"], ["person.id"], name=op.f("fk_membership_added_by")),
        sa.PrimaryKeyConstraint("project_id", "person_id", name=op.f("pk_membership")),
    )
    op.create_index(op.f("ix_membership_person_id"), "membership", ["person_id"])
    with op.batch_alter_table("slot", recreate="never") as batch:
        batch.add_column(sa.Column("shown_rank", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("shown_strategy", sa.String(40), nullable=True))
        batch.add_column(sa.Column("shown_utility", sa.Float(), nullable=True))
        batch.add_column(sa.Column("shown_version", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("shown_probability", sa.Float(), nullable=True))
