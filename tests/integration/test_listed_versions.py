"""What lists of versions say: in pages, of the newest report, and without the whole of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import update

from mlvajra_al.errors import Invalid, NotFound
from mlvajra_al.records import Measure, Project
from mlvajra_al.services import versions
from mlvajra_al.store import schema
from mlvajra_al.store import versions as stored
from mlvajra_al.store.database import Store
from tests.factories import a_project, a_report, a_version


@pytest.fixture
def project(store: Store) -> Project:
    """A project of three versions, of which the first two were measured."""
    project = a_project(store)
    for number in (1, 2, 3):
        a_version(store, project, number, labels=10 * number)
    a_report(store, project, 1, value=0.7, n=20)
    a_report(store, project, 1, value=0.8, n=30)
    a_report(store, project, 2, value=None, n=5)
    return project


def champion(store: Store, project: Project, number: int) -> None:
    """Make a version the champion, as if nobody had chosen it."""
    with store.begin() as connection:
        chosen = update(schema.project).where(schema.project.c.id == project.id)
        connection.execute(chosen.values(champion=number))


def test_a_list_says_what_the_newest_report_comes_to(store: Store, project: Project) -> None:
    one, two, three = (row.summary for row in versions.listed(store, None, "spam"))
    assert one is not None and (one.n, one.answered) == (30, 30)
    assert one.headline == Measure("F1 (spam)", 0.8, pytest.approx(0.7), pytest.approx(0.85), 30)
    assert one.ordered == (one.headline,)
    assert two is not None and two.headline.value is None
    assert three is None
    assert versions.one(store, None, "spam", 1).summary == one
    for number in (4, 10**30):
        with pytest.raises(NotFound, match=f"there is no version {number}"):
            versions.one(store, None, "spam", number)


def test_a_summary_names_each_measure_once_the_headline_first(
    store: Store, project: Project
) -> None:
    report = a_report(store, project, 3)
    accuracy = Measure("accuracy", 0.5, 0.4, 0.6, 30)
    measures = (accuracy, report.evaluation.headline)
    evaluation = replace(report.evaluation, measures=measures)
    with store.begin() as connection:
        later = replace(report, holdout_seq=99, evaluation=evaluation)
        stored.add_report(connection, later)
        found = stored.summaries(connection, project.id, [3])[3]
    assert found.ordered == evaluation.ordered == (report.evaluation.headline, accuracy)


def test_revisions_are_counted_in_each_project(store: Store, project: Project) -> None:
    other = a_project(store, "other")
    a_version(store, other)
    a_version(store, project, 4)
    assert versions.one(store, None, "other", 1).revision == 1
    listed = versions.listed(store, None, "spam", after=2)
    assert [row.as_document()["revision"] for row in listed] == [3, 4]


def test_versions_are_listed_page_by_page(store: Store, project: Project) -> None:
    def numbers(**page: int) -> list[int]:
        return [row.version.number for row in versions.listed(store, None, "spam", **page)]

    assert numbers() == [1, 2, 3]
    assert (numbers(limit=2), numbers(after=2, limit=2), numbers(after=3)) == ([1, 2], [3], [])
    for limit in (0, versions.PAGE_MAX + 1):
        with pytest.raises(Invalid, match=f"asked for {limit} versions at once; ask for 1 to"):
            numbers(limit=limit)


def test_the_champion_and_the_newest_version_stand_out(store: Store, project: Project) -> None:
    def numbers() -> list[tuple[int, bool]]:
        found = versions.foremost(store, None, "spam")
        return [(row.version.number, row.is_champion) for row in found]

    assert numbers() == [(3, False)]
    champion(store, project, 1)
    assert numbers() == [(1, True), (3, False)]
    champion(store, project, 3)
    assert numbers() == [(3, True)]
    a_project(store, "other")
    assert versions.foremost(store, None, "other") == ()
