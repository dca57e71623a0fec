"""Projects: made, described, changed, archived."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from unicodedata import category, normalize

from mlvajra_al.errors import Invalid
from mlvajra_al.records import JobKind, Label, Person, Policy, Project, Recipe
from mlvajra_al.services import access
from mlvajra_al.services.label_sets import check_labels
from mlvajra_al.services.labelling import project_pool
from mlvajra_al.services.overview import ESTIMATORS, require_strategy, strategies_of
from mlvajra_al.services.people import require
from mlvajra_al.services.recipes import require_readable
from mlvajra_al.store import audit, jobs, projects, ranking, versions
from mlvajra_al.store.database import Connection, Store

NAME = re.compile(r"\w[\w .-]{0,63}")
LONGEST = 64
"""Letters of a project's name, as `NAME` has it."""
SHOWN = 20
"""Letters of one that is longer are told."""
LONGEST_COLUMN = 200
HALF = re.compile("[\ud800-\udfff]")
"""Half a character: JSON can carry it, and no answer of ours could."""
SEEDS = 2**31
"""A project's seed is a number below this."""


def check_policy(project: Project, policy: Policy) -> None:
    """Refuse a policy whose numbers or whose strategy cannot work in a project.

    Raises
    ------
    Invalid
    """
    for name, value, low, high in (
        ("overlap", policy.overlap, 1, 20),
        ("holdout share", policy.holdout_share, 0.0, 0.9),
        ("holdout rate", policy.holdout_rate, 0.0, 0.9),
        ("answers until a retrain", policy.retrain_every, 1, 100_000),
        ("retrains until a full fit", policy.full_every, 1, 1_000),
    ):
        if not low <= value <= high:
            raise Invalid(f"{name} must be between {low} and {high} but is {value}; change it")
    require_strategy(policy.strategy, strategies_of(project))


def draw_seed() -> int:
    """Return a seed for a new project."""
    return secrets.randbelow(SEEDS)


def draft(
    name: str,
    *,
    labels: Sequence[Label],
    recipe: Recipe,
    now: datetime,
    seed: int | None = None,
) -> Project:
    """Return a project that is not stored yet, to be adjusted with ``dataclasses.replace``.

    Without a seed it gets one of its own.
    """
    return Project(
        id=0,
        name=normalize("NFC", name.strip()),
        labels=tuple(labels),
        recipe=recipe,
        policy=Policy(),
        seed=draw_seed() if seed is None else seed,
        key_column=None,
        group_column=None,
        gold_column=None,
        title_column=None,
        guidelines="",
        holdout_threshold=0.0,
        champion=None,
        last_seq=0,
        created_at=now,
        archived_at=None,
    )


def create(store: Store, person: Person, project: Project) -> Project:
    """Store a new project.

    Raises
    ------
    Invalid
        If its name, labels, columns or policy cannot be used.
    Conflict
        If the name is taken.
    """
    require(person, "admin", "create a project")
    if len(project.name) > LONGEST:
        raise Invalid(
            f"a project's name has at most {LONGEST} letters, and {project.name[:SHOWN]!r}… has "
            f"{len(project.name)}; shorten it"
        )
    if not _is_name(project.name):
        raise Invalid(
            f"{project.name!r} cannot be a project's name; use 1 to 64 letters, digits, "
            "spaces, dots or dashes, and not digits alone"
        )
    check_labels(project.labels)
    check_policy(project, project.policy)
    check_recipe(project.recipe, answers=project.gold_column)
    check_columns(project)

    def operation(connection: Connection) -> Project:
        created = projects.create(connection, project)
        _audit(connection, person, "project created", created, project.created_at)
        return created

    return store.write(operation)


def _is_name(name: str) -> bool:
    """Say whether a project may be called so; a mark, as of a Hindi vowel, belongs to its letter.

    >>> _is_name("हिन्दी"), _is_name("2026"), _is_name("a/b"), _is_name(""), _is_name("\u0301")
    (True, False, False, False, False)
    """
    letters = "".join(letter for letter in name if not category(letter).startswith("M"))
    return letters[:1] == name[:1] and bool(NAME.fullmatch(letters)) and not name.isdigit()


def came_to_nothing(store: Store, person: Person | None, name: str) -> bool:
    """Tell whether a project's imports failed and nothing is in it: `create` may make it anew."""
    with store.read() as connection:
        return projects.came_to_nothing(connection, access.project(connection, person, name).id)


def drop_if_empty(store: Store, person: Person, name: str, *, now: datetime) -> bool:
    """Remove a project whose imports failed if nothing is in it, and tell whether it was."""
    require(person, "admin", "remove a project")

    def operation(connection: Connection) -> bool:
        project = projects.by_name(connection, name)
        if not projects.came_to_nothing(connection, project.id):
            return False
        _audit(connection, person, "empty project removed", project, now)
        projects.drop(connection, project.id)
        return True

    return store.write(operation)


def check_recipe(recipe: Recipe, *, answers: str | None) -> None:
    """Refuse a recipe without input, of an unknown estimator, or one that would see the answers.

    Raises
    ------
    Invalid
    """
    inputs = [column.name for column in recipe.columns if column.kind != "ignored"]
    if not inputs:
        raise Invalid("the model needs at least one input column; choose one")
    require_hidden(answers, inputs)
    if recipe.estimator not in ESTIMATORS:
        raise Invalid(
            f"there is no estimator {recipe.estimator!r}; choose one of {', '.join(ESTIMATORS)}"
        )


def require_hidden(answers: str | None, inputs: Sequence[str]) -> None:
    """Refuse a model that would see what it is to find.

    Raises
    ------
    Invalid
    """
    if answers in inputs:
        raise Invalid(f"{answers!r} holds the answers, so it cannot be an input; leave it out")


def check_columns(project: Project) -> None:
    """Refuse columns whose names cannot be kept, and cards that would show the answers.

    Raises
    ------
    Invalid
    """
    if project.gold_column is not None and project.gold_column == project.title_column:
        raise Invalid(
            f"{project.gold_column!r} holds the answers, so it cannot be the title of cards; "
            "choose another title or none"
        )
    named = (project.key_column, project.group_column, project.gold_column, project.title_column)
    check_column_names((*named, *(column.name for column in project.recipe.columns)))


def check_column_names(names: Iterable[str | None]) -> None:
    """Refuse names of columns that one database would store and another would not.

    Raises
    ------
    Invalid
    """
    for name in names:
        if name is not None and len(name) > LONGEST_COLUMN:
            raise Invalid(
                f"the column {name[:40]!r}… has a name of {len(name)} characters where at most "
                f"{LONGEST_COLUMN} can be kept; rename it in the file"
            )
        if name is not None and "\x00" in name:
            raise Invalid(f"the column {name!r} has a NUL in its name; rename it in the file")
        if name is not None and HALF.search(name):
            raise Invalid(
                f"the column {name!r} has half a character in its name; rename it in the file"
            )


def get(store: Store, person: Person | None, name: str) -> Project:
    """Return a project by name, if the person may see it."""
    with store.read() as connection:
        return access.project(connection, person, name)


def listed(store: Store, person: Person | None, *, archived: bool = False) -> tuple[Project, ...]:
    """Return the projects a person may see, archived ones only on request."""
    with store.read() as connection:
        return access.listed(connection, person, archived=archived)


def set_labels(
    store: Store, person: Person, name: str, *, labels: Sequence[Label], now: datetime
) -> Project:
    """Change the label set: add, rename for display, set keys, colours and definitions."""
    require(person, "admin", "change the label set")
    check_labels(labels)
    return _change(
        store,
        person,
        name,
        what="labels changed",
        now=now,
        write=lambda connection, project: projects.set_labels(connection, project.id, labels),
    )


def set_guidelines(store: Store, person: Person, name: str, *, text: str, now: datetime) -> Project:
    """Replace the guidelines, written in markdown."""
    require(person, "admin", "write the guidelines")
    return _change(
        store,
        person,
        name,
        what="guidelines changed",
        now=now,
        write=lambda connection, project: projects.set_guidelines(connection, project.id, text),
    )


def change_policy(
    store: Store, person: Person, name: str, *, changes: Mapping[str, Any], now: datetime
) -> Project:
    """Change some of how the project asks and retrains; what others change meanwhile stays.

    The holdout share is fixed at the first import, whatever is said here.
    """
    require(person, "admin", "change the policy")
    return _change(
        store,
        person,
        name,
        what="policy changed",
        now=now,
        write=lambda connection, project: _set_policy(
            connection, project, replace(project.policy, **changes), person=person, now=now
        ),
    )


def _set_policy(
    connection: Connection, project: Project, policy: Policy, *, person: Person, now: datetime
) -> None:
    check_policy(project, policy)
    kept = replace(policy, holdout_share=project.policy.holdout_share)
    projects.set_policy(connection, project.id, kept)
    if kept.strategy != project.policy.strategy:
        _rank_anew(connection, project, person=person, now=now)
    if kept.overlap != project.policy.overlap:
        ranking.set_overlap(connection, project.id, overlap=kept.overlap, now=now)


def _rank_anew(connection: Connection, project: Project, *, person: Person, now: datetime) -> None:
    """Let the queue follow another strategy; the retrain learns what it finds on the way."""
    kind: JobKind = "retrain"
    if versions.latest(connection, project.id) is None:
        if versions.latest_revision(connection, project.id) is None:
            return  # what reads the pool for the first time ranks it too
        kind = "prepare"
    payload = {"trigger": "another query strategy"} if kind == "retrain" else {}
    jobs.enqueue(
        connection, project.id, kind, payload=payload, now=now, dedupe=kind, person_id=person.id
    )


def set_recipe(
    store: Store, person: Person, name: str, *, recipe: Recipe, now: datetime
) -> Project:
    """Change inputs or estimator: a new revision is prepared and the next fit is a full one."""
    require(person, "admin", "change the recipe")
    with store.read() as connection:
        project = access.project(connection, person, name)
        pool = project_pool(store, connection, project)
    require_readable(pool, project.recipe, recipe)

    def write(connection: Connection, project: Project) -> None:
        check_recipe(recipe, answers=project.gold_column)
        check_columns(replace(project, recipe=recipe))
        projects.set_recipe(connection, project.id, recipe)
        jobs.enqueue(
            connection,
            project.id,
            "prepare",
            payload={},
            now=now,
            dedupe="prepare",
            person_id=person.id,
        )

    return _change(store, person, name, what="recipe changed", now=now, write=write)


def set_archived(
    store: Store, person: Person, name: str, *, archived: bool, now: datetime
) -> Project:
    """Archive a project (nothing is deleted), or take it out of the archive."""
    require(person, "admin", "archive a project")
    return _change(
        store,
        person,
        name,
        what="project archived" if archived else "project taken out of the archive",
        now=now,
        write=lambda connection, project: projects.set_archived(
            connection, project.id, now if archived else None
        ),
    )


def _change(
    store: Store,
    person: Person,
    name: str,
    *,
    what: str,
    now: datetime,
    write: Callable[[Connection, Project], None],
) -> Project:
    def operation(connection: Connection) -> Project:
        project = projects.held(connection, name)
        write(connection, project)
        _audit(connection, person, what, project, now)
        return projects.get(connection, project.id)

    return store.write(operation)


def _audit(
    connection: Connection, person: Person, what: str, project: Project, now: datetime
) -> None:
    audit.add(
        connection,
        what,
        now=now,
        person_id=person.id,
        project_id=project.id,
        detail=project.name,
    )
