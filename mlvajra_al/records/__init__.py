"""The nouns: frozen values that cross every border in the house."""

from __future__ import annotations

from mlvajra_al.records.explanations import (
    Attribution,
    FeatureImportance,
    GlobalExplanation,
    SampleExplanation,
)
from mlvajra_al.records.labelling import (
    Action,
    Annotation,
    Answer,
    Claim,
    Gold,
    Ranked,
    Recorded,
    Why,
)
from mlvajra_al.records.measures import Curve, Evaluation, LabelMeasures, Measure, Report, Verdict
from mlvajra_al.records.models import Damage, Promotion, Revision, TrainingMode, Version
from mlvajra_al.records.people import (
    AuditEntry,
    Invitation,
    Member,
    Origin,
    Person,
    Role,
    Scope,
    Session,
    SignedIn,
)
from mlvajra_al.records.projects import (
    Column,
    ColumnKind,
    EstimatorName,
    Label,
    Policy,
    Project,
    Recipe,
    Schema,
    Shard,
)
from mlvajra_al.records.upkeep import Finding
from mlvajra_al.records.work import ACTIVE, ENDED, Job, JobKind, JobState, Progress

__all__ = [
    "ACTIVE",
    "ENDED",
    "Action",
    "Annotation",
    "Answer",
    "Attribution",
    "AuditEntry",
    "Claim",
    "Column",
    "ColumnKind",
    "Curve",
    "Damage",
    "EstimatorName",
    "Evaluation",
    "FeatureImportance",
    "Finding",
    "GlobalExplanation",
    "Gold",
    "Invitation",
    "Job",
    "JobKind",
    "JobState",
    "Label",
    "LabelMeasures",
    "Measure",
    "Member",
    "Origin",
    "Person",
    "Policy",
    "Progress",
    "Project",
    "Promotion",
    "Ranked",
    "Recipe",
    "Recorded",
    "Report",
    "Revision",
    "Role",
    "SampleExplanation",
    "Schema",
    "Scope",
    "Session",
    "Shard",
    "SignedIn",
    "TrainingMode",
    "Verdict",
    "Version",
    "Why",
]
