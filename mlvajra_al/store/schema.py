"""The tables. What people and jobs did is a row; pools, features and models are files."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)

from mlvajra_al.store.moments import UtcDateTime

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = MetaData(naming_convention=NAMING)
Id = BigInteger().with_variant(Integer, "sqlite")


def _project(**kwargs: Any) -> Column[int]:
    return Column("project_id", Id, ForeignKey("project.id"), nullable=False, **kwargs)


person = Table(
    "person",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(80), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("password_hash", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("disabled_at", UtcDateTime),
)
Index("ix_person_lower_name", func.lower(person.c.name), unique=True)

session = Table(
    "session",
    metadata,
    Column("id", Id, primary_key=True),
    Column("person_id", Id, ForeignKey("person.id"), nullable=False, index=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("kind", String(8), nullable=False),
    Column("name", String(200), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("seen_at", UtcDateTime),
    Column("agent", String(200), nullable=False, server_default=""),
    Column("scopes", String(80)),
)

invitation = Table(
    "invitation",
    metadata,
    Column("id", Id, primary_key=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("purpose", String(8), nullable=False),
    Column("role", String(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
    Column("invited_by", Id, ForeignKey("person.id")),
)

login_attempt = Table(
    "login_attempt",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(80), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("address", String(64), nullable=False, server_default=""),
    Index("ix_login_attempt_name_at", "name", "at"),
    Index("ix_login_attempt_address_at", "address", "at"),
)

identity = Table(
    "identity",
    metadata,
    Column("id", Id, primary_key=True),
    Column("issuer", String(300), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("person_id", Id, ForeignKey("person.id"), nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("issuer", "subject"),
)

sign_in_flow = Table(
    "sign_in_flow",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("body", JSON, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

project = Table(
    "project",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(80), nullable=False, unique=True),
    Column("recipe", JSON, nullable=False),
    Column("policy", JSON, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("key_column", String(200)),
    Column("group_column", String(200)),
    Column("gold_column", String(200)),
    Column("title_column", String(200)),
    Column("guidelines", Text, nullable=False, server_default=""),
    Column("holdout_threshold", Float, nullable=False, server_default="0"),
    Column("statistics", JSON, nullable=False, server_default="{}"),
    Column("champion", Integer),
    Column("last_seq", BigInteger, nullable=False, server_default="0"),
    Column("answers_since_retrain", Integer, nullable=False, server_default="0"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("archived_at", UtcDateTime),
    Column("restricted", Boolean, nullable=False, server_default=text("false")),
    Column("multilabel", Boolean, nullable=False, server_default=text("false")),
)

membership = Table(
    "membership",
    metadata,
    _project(primary_key=True),
    Column("person_id", Id, ForeignKey("person.id"), primary_key=True, index=True),
    Column("added_at", UtcDateTime, nullable=False),
    Column("added_by", Id, ForeignKey("person.id")),
)

label = Table(
    "label",
    metadata,
    _project(primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("place", Integer, nullable=False),
    Column("display", String(200), nullable=False),
    Column("key", String(1), nullable=False),
    Column("color", String(7), nullable=False),
    Column("definition", Text, nullable=False, server_default=""),
    UniqueConstraint("project_id", "key"),
)

shard = Table(
    "shard",
    metadata,
    _project(primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("start", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("source", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("project_id", "start"),
)

slot = Table(
    "slot",
    metadata,
    Column("id", Id, primary_key=True),
    _project(),
    Column("sample_key", String(200), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("slot_no", Integer, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("holdout", Boolean, nullable=False),
    Column("strategy", String(40), nullable=False),
    Column("utility", Float),
    Column("version", Integer),
    Column("inclusion_probability", Float),
    Column("annotator_id", Id, ForeignKey("person.id")),
    Column("lease_until", UtcDateTime),
    Column("lease_token", String(32), unique=True),
    Column("done", Boolean, nullable=False, server_default=text("false")),
    # Why it was asked when it was handed out; the ranking may have changed since.
    Column("shown_rank", Integer),
    Column("shown_strategy", String(40)),
    Column("shown_utility", Float),
    Column("shown_version", Integer),
    Column("shown_probability", Float),
    UniqueConstraint("project_id", "sample_key", "slot_no"),
    UniqueConstraint("project_id", "sample_key", "annotator_id"),
    Index(
        "ix_slot_waiting",
        "project_id",
        "holdout",
        "rank",
        "slot_no",
        sqlite_where=text("done = 0"),
        postgresql_where=text("NOT done"),
    ),
    Index(
        "ix_slot_mine",
        "annotator_id",
        "project_id",
        sqlite_where=text("done = 0"),
        postgresql_where=text("NOT done"),
    ),
)

annotation = Table(
    "annotation",
    metadata,
    _project(primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("event_id", String(64), nullable=False, unique=True),
    Column("sample_key", String(200), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("person_id", Id, ForeignKey("person.id"), nullable=False),
    Column("action", String(8), nullable=False),
    Column("label", String(200)),
    Column("supersedes", String(64), ForeignKey("annotation.event_id"), unique=True),
    Column("comment", Text, nullable=False),
    Column("elapsed_ms", Integer),
    Column("client_time", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("late", Boolean, nullable=False),
    Column("adjudicates", Boolean, nullable=False),
    Column("source", String(200), nullable=False),
    Column("holdout", Boolean, nullable=False),
    Column("strategy", String(40)),
    Column("utility", Float),
    Column("rank", Integer),
    Column("version", Integer),
    Column("inclusion_probability", Float),
    Column("labels", Text),
    Column("asks_again", Boolean, nullable=False, server_default=text("false")),
    ForeignKeyConstraint(["project_id", "label"], ["label.project_id", "label.name"]),
    Index(
        "uq_annotation_first",
        "project_id",
        "sample_key",
        "person_id",
        unique=True,
        sqlite_where=text("supersedes IS NULL"),
        postgresql_where=text("supersedes IS NULL"),
    ),
    Index("ix_annotation_sample", "project_id", "sample_key", "person_id"),
    Index("ix_annotation_person", "project_id", "person_id", "seq"),
)

reservation = Table(
    "reservation",
    metadata,
    _project(primary_key=True),
    Column("sample_key", String(200), primary_key=True),
    Column("person_id", Id, ForeignKey("person.id"), nullable=False),
    Column("until", UtcDateTime, nullable=False),
)

revision = Table(
    "revision",
    metadata,
    Column("id", Id, primary_key=True),
    _project(),
    Column("recipe", JSON, nullable=False),
    Column("preprocessing", String(64), nullable=False),
    Column("samples", BigInteger, nullable=False),
    Column("features", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

version = Table(
    "version",
    metadata,
    _project(primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("parent", Integer),
    Column("mode", String(16), nullable=False),
    Column("revision_id", Id, ForeignKey("revision.id"), nullable=False),
    Column("estimator", String(64), nullable=False),
    Column("n_labels", Integer, nullable=False),
    Column("label_counts", JSON, nullable=False),
    Column("label_seq", BigInteger, nullable=False),
    Column("label_fingerprint", String(64), nullable=False),
    Column("recipe", JSON, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("shards", JSON, nullable=False),
    Column("libraries", JSON, nullable=False),
    Column("cpu", String(200), nullable=False),
    Column("duration_s", Float, nullable=False),
    Column("trigger", String(80), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("because", Text, nullable=False, server_default=""),
    Column("asks", Text, nullable=False, server_default=""),
    Column("drift", JSON),
    Column("fitted", Text, nullable=False, server_default=""),
    ForeignKeyConstraint(["project_id", "parent"], ["version.project_id", "version.number"]),
)

report = Table(
    "report",
    metadata,
    _project(primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("holdout_seq", BigInteger, primary_key=True),
    Column("asked", Integer, nullable=False),
    Column("answered", Integer, nullable=False),
    Column("skipped", Integer, nullable=False),
    Column("evaluation", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("mistakes", String(64)),
    ForeignKeyConstraint(["project_id", "version"], ["version.project_id", "version.number"]),
)

explanation = Table(
    "explanation",
    metadata,
    _project(primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("sample_key", String(200), primary_key=True),
    Column("body", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    ForeignKeyConstraint(["project_id", "version"], ["version.project_id", "version.number"]),
)

advice = Table(
    "advice",
    metadata,
    _project(primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("body", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    ForeignKeyConstraint(["project_id", "version"], ["version.project_id", "version.number"]),
)

doubt = Table(
    "doubt",
    metadata,
    _project(primary_key=True),
    Column("sample_key", String(200), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("label", String(200), nullable=False),
    Column("likely", String(200), nullable=False),
    Column("probability", Float, nullable=False),
    Column("quality", Float, nullable=False),
)

examination = Table(
    "examination",
    metadata,
    _project(primary_key=True),
    Column("body", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

promotion = Table(
    "promotion",
    metadata,
    Column("id", Id, primary_key=True),
    _project(),
    Column("version", Integer, nullable=False),
    Column("previous", Integer),
    Column("person_id", Id, ForeignKey("person.id")),
    Column("reason", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    ForeignKeyConstraint(["project_id", "version"], ["version.project_id", "version.number"]),
)

verdict = Table(
    "verdict",
    metadata,
    _project(primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("champion", Integer, nullable=False),
    Column("challenger", Integer, nullable=False),
    Column("holdout", String(64), nullable=False),
    Column("body", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("project_id", "champion", "challenger", "holdout"),
    ForeignKeyConstraint(["project_id", "champion"], ["version.project_id", "version.number"]),
    ForeignKeyConstraint(["project_id", "challenger"], ["version.project_id", "version.number"]),
)

damage = Table(
    "damage",
    metadata,
    _project(primary_key=True),
    Column("path", String(300), primary_key=True),
    Column("what", Text, nullable=False),
    Column("found_at", UtcDateTime, nullable=False),
)

job = Table(
    "job",
    metadata,
    Column("id", Id, primary_key=True),
    _project(),
    Column("kind", String(16), nullable=False),
    Column("state", String(12), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("progress", Float, nullable=False, server_default="0"),
    Column("message", Text, nullable=False, server_default=""),
    Column("result", JSON),
    Column("error", Text),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("dedupe", String(80)),
    Column("person_id", Id, ForeignKey("person.id")),
    Column("worker", String(80)),
    Column("lease_until", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Index("ix_job_state", "state", "priority", "id"),
    Index("ix_job_project", "project_id", "kind", "id"),
    Index(
        "uq_job_waiting",
        "project_id",
        "dedupe",
        unique=True,
        sqlite_where=text("state = 'queued'"),
        postgresql_where=text("state = 'queued'"),
    ),
)

run = Table(
    "run",
    metadata,
    Column("id", Id, primary_key=True),
    _project(index=True),
    Column("job_id", Id, ForeignKey("job.id"), nullable=False, unique=True),
    Column("person_id", Id, ForeignKey("person.id")),
    Column("scenario", JSON, nullable=False),
    Column("facts", JSON),
    Column("created_at", UtcDateTime, nullable=False),
)

game = Table(
    "game",
    metadata,
    Column("run_id", Id, ForeignKey("run.id"), primary_key=True),
    Column("strategy", String(40), primary_key=True),
    Column("seed", Integer, primary_key=True),
    Column("body", JSON, nullable=False),
)

process = Table(
    "process",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("doing", Text, nullable=False, server_default=""),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("person_id", Id, ForeignKey("person.id")),
    Column("action", String(80), nullable=False),
    Column("project_id", Id, ForeignKey("project.id")),
    Column("detail", Text, nullable=False),
    Index("ix_audit_person", "person_id", "id"),
    Index("ix_audit_project", "project_id", "id"),
)
