from __future__ import annotations

from collections.abc import Iterator

import argon2
import pytest

from mlvajra_al.errors import BadPassword
from mlvajra_al.services import credentials

FORMER = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$lV3rBZ7cNdRMbXpZ0Yk+6Q"


@pytest.fixture
def real_cost(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let passwords cost what they cost outside of tests."""
    monkeypatch.setattr(credentials, "PasswordHasher", argon2.PasswordHasher)
    credentials._hasher.cache_clear()
    yield
    credentials._hasher.cache_clear()


@pytest.mark.usefixtures("real_cost")
def test_a_guess_costs_64_megabytes_and_three_passes() -> None:
    kept = argon2.extract_parameters(credentials.hash_of("correct horse"))
    assert kept.type is argon2.Type.ID
    assert (kept.memory_cost, kept.time_cost) == (64 * 1024, 3)


@pytest.mark.parametrize("password", ["12345678", "Zoë " * 5, "\x00" * 8, "x" * 1024])
def test_a_password_is_known_again_and_no_other_is(password: str) -> None:
    stored = credentials.hash_of(password)
    assert stored != credentials.hash_of(password)
    assert credentials.matches(stored, password)
    assert not credentials.matches(stored, password[:-1])
    assert not credentials.matches(stored, password + "x")


@pytest.mark.parametrize("stored", [None, "", "none of ours", FORMER])
def test_nothing_opens_what_is_no_hash_of_it(stored: str | None) -> None:
    assert not credentials.matches(stored, "correct horse")


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("", "the password has 0 characters; use at least 8"),
        ("1234567", "the password has 7 characters; use at least 8"),
        ("x" * 1025, "the password is longer than 1024 characters; shorten it"),
    ],
)
def test_a_password_nobody_should_have_is_refused(password: str, said: str) -> None:
    with pytest.raises(BadPassword) as refused:
        credentials.hash_of(password)
    assert str(refused.value) == said
