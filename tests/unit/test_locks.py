"""The lock files answer pyproject.toml, agree with each other and name no place to fetch from."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import mlvajra_al

ROOT = Path(mlvajra_al.__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
RUNTIME = PROJECT["dependencies"]
DEVELOPMENT = PROJECT["optional-dependencies"]["dev"]


def _locked(name: str) -> list[Requirement]:
    return [Requirement(line) for line in (ROOT / name).read_text("utf-8").splitlines()]


@pytest.mark.parametrize(
    ("lock", "declared"),
    [("requirements.txt", RUNTIME), ("requirements-dev.txt", RUNTIME + DEVELOPMENT)],
)
def test_every_declared_dependency_is_locked_at_a_version_it_allows(
    lock: str, declared: list[str]
) -> None:
    pins = _locked(lock)
    for requirement in map(Requirement, declared):
        name = canonicalize_name(requirement.name)
        versions = [
            specifier.version
            for pin in pins
            if canonicalize_name(pin.name) == name
            for specifier in pin.specifier
        ]
        assert versions, f"{name} is not in {lock}: run `make lock`"
        assert all(map(requirement.specifier.contains, versions)), f"run `make lock` for {name}"


def test_development_runs_on_what_users_run_on() -> None:
    development = {(pin.name, str(pin.specifier)) for pin in _locked("requirements-dev.txt")}
    runtime = {(pin.name, str(pin.specifier)) for pin in _locked("requirements.txt")}
    assert runtime <= development


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt"])
def test_a_lock_holds_exact_versions_and_no_address(lock: str) -> None:
    for line, pin in zip((ROOT / lock).read_text("utf-8").splitlines(), _locked(lock), strict=True):
        assert str(pin.specifier).startswith("=="), line
        assert "://" not in line and not line.startswith("-"), line
