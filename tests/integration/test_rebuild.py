"""A version made again from its labels comes out the same, or it is said why not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from mlvajra_al import worker
from mlvajra_al.cli.application import app
from mlvajra_al.errors import NotFound
from mlvajra_al.learning import persistence
from mlvajra_al.records import Answer, EstimatorName
from mlvajra_al.services.jobs.rebuilding import Rebuilt, rebuild
from mlvajra_al.store import annotations as events
from mlvajra_al.store import artefacts, schema, versions
from mlvajra_al.store.database import Store
from tests.integration.chains import a_chain, a_template, copied, opened
from tests.rehearsal import Rehearsal


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """A chain of three versions that tests work on copies of; its store is closed."""
    with a_template(tmp_path_factory) as loop:
        return loop


@pytest.fixture
def chain(template: Rehearsal, workspace: Path) -> Iterator[Rehearsal]:
    """The chain, in a workspace of one's own."""
    with copied(template, workspace) as loop:
        yield loop


def rebuilt(loop: Rehearsal, number: int) -> Rebuilt:
    return rebuild(loop.store, loop.admin, "texts", number=number, now=worker.utc_now())


def damage(loop: Rehearsal, digest: str) -> None:
    file = loop.store.home / "artefacts" / digest[:2] / digest
    file.write_bytes(file.read_bytes()[:-1])


def amend(loop: Rehearsal, number: int, **changes: object) -> None:
    """Change what is written of a version, as no program of ours ever does."""
    mine = (schema.version.c.project_id == loop.project.id) & (schema.version.c.number == number)
    with loop.store.begin() as connection:
        connection.execute(update(schema.version).where(mine).values(changes))


@pytest.mark.parametrize(
    ("estimator", "fits"),
    [
        ("logistic_regression", 3),
        ("sgd", 3),
        ("complement_nb", 3),
        ("random_forest", 1),
        ("hist_gradient_boosting", 2),
    ],
)
def test_every_version_of_a_chain_comes_out_the_same_to_the_bit(
    tmp_path: Path, estimator: EstimatorName, fits: int
) -> None:
    store = opened(tmp_path)
    loop = a_chain(store, tmp_path, estimator=estimator, fits=fits)
    assert len(loop.versions()) == fits
    for version in loop.versions():
        assert rebuilt(loop, version.number) == Rebuilt(True, 0.0, "")
    store.close()


def test_a_rebuild_on_postgresql_reads_the_same_labels(store: Store, tmp_path: Path) -> None:
    loop = a_chain(store, tmp_path, fits=2)
    assert rebuilt(loop, 2).identical


def test_answers_given_since_do_not_matter(chain: Rehearsal) -> None:
    chain.answer(30)
    assert rebuilt(chain, 2).identical


def test_an_answer_that_was_changed_since_does_not_matter(chain: Rehearsal) -> None:
    with chain.store.read() as connection:
        rows = events.current_answers(connection, chain.project.id)
        row = next(row for row in rows if not row.holdout)
        (event,) = events.of_sample(connection, chain.project.id, row.sample_key)
    other = {"ham": "spam", "spam": "ham"}[row.label]
    chain.record([Answer(str(uuid4()), row.sample_key, "answer", other, supersedes=event.event_id)])
    assert rebuilt(chain, 1).identical and rebuilt(chain, 2).identical


def test_other_libraries_are_named_and_the_difference_is_measured(chain: Rehearsal) -> None:
    libraries = chain.versions()[1].libraries
    amend(chain, 2, libraries=libraries | {"scikit-learn": "1.2.3"}, seed=99)
    amend(chain, 3, estimator=chain.versions()[0].estimator)
    found = rebuilt(chain, 3)
    assert not found.identical
    assert found.max_abs_difference is not None and 0 < found.max_abs_difference < 1
    here = libraries["scikit-learn"]
    assert found.reason == f"version 2 was made with scikit-learn 1.2.3, here is {here}"


def test_another_processor_is_named(chain: Rehearsal) -> None:
    amend(chain, 2, cpu="abacus", estimator=chain.versions()[0].estimator)
    assert rebuilt(chain, 2).reason == "version 2 was made on abacus"


def test_a_difference_nobody_can_explain_is_to_be_reported(chain: Rehearsal) -> None:
    amend(chain, 2, estimator=chain.versions()[0].estimator)
    assert rebuilt(chain, 2).reason.endswith("should not differ; please report this")


def test_labels_that_resolve_differently_are_named(chain: Rehearsal) -> None:
    amend(chain, 2, label_fingerprint="0" * 64, estimator=chain.versions()[0].estimator)
    assert rebuilt(chain, 2).reason == "the labels of version 2 resolve differently today"


def test_a_damaged_model_leaves_nothing_to_compare_with(chain: Rehearsal) -> None:
    second = chain.versions()[1]
    damage(chain, second.estimator)
    found = rebuilt(chain, 2)
    assert (found.identical, found.max_abs_difference) == (False, None)
    assert found.reason.startswith(
        f"there is nothing to compare with: artefacts/{second.estimator[:2]}"
    )
    assert rebuilt(chain, 1).identical


def test_a_damaged_step_on_the_way_does_not_matter(chain: Rehearsal) -> None:
    damage(chain, chain.versions()[1].estimator)
    assert rebuilt(chain, 3).identical


def test_without_the_frozen_preprocessing_nothing_can_be_made_again(chain: Rehearsal) -> None:
    with chain.store.read() as connection:
        revision = versions.latest_revision(connection, chain.project.id)
    assert revision is not None
    digest = revision.preprocessing
    (chain.store.home / "artefacts" / digest[:2] / digest).unlink()
    found = rebuilt(chain, 1)
    assert not found.identical and found.max_abs_difference is None
    assert found.reason.startswith("nothing can be made again: artefacts/")


def test_models_of_other_labels_cannot_be_compared(chain: Rehearsal) -> None:
    stored = persistence.loads(artefacts.get(chain.store.home, chain.versions()[0].estimator))
    stored.classes_ = stored.classes_[::-1]
    amend(chain, 1, estimator=artefacts.put(chain.store.home, persistence.dumps(stored)))
    found = rebuilt(chain, 1)
    assert (found.identical, found.max_abs_difference) == (False, None)


def test_a_version_that_is_not_there_is_named(chain: Rehearsal) -> None:
    with pytest.raises(NotFound, match="there is no version 7"):
        rebuilt(chain, 7)


def test_the_command_prints_one_document_or_one_sentence(chain: Rehearsal) -> None:
    run = CliRunner().invoke
    told = run(app, ["rebuild", "texts", "2", "--json"])
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout) == {"identical": True, "max_abs_difference": 0.0, "reason": ""}
    same = run(app, ["rebuild", "texts", "2"])
    assert same.stdout == "version 2 of texts comes out the same to the last bit\n"
    amend(chain, 2, cpu="abacus", estimator=chain.versions()[0].estimator)
    other = run(app, ["rebuild", "texts", "2"])
    assert other.stdout.startswith("version 2 of texts differs, probabilities by at most ")
    assert other.stdout.endswith(": version 2 was made on abacus\n")
