"""`make` sets itself up with the first Python that runs and fits, or says what is missing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mlvajra_al

ROOT = Path(mlvajra_al.__file__).parent.parent
FITTING = """#!/bin/sh
case "$*" in
  *print*) echo {version} ;;
  *ensurepip*) exit {without_venv} ;;
  *"-m venv"*) echo "made by {name}" ;;
esac
"""
SHIM = """#!/bin/sh
echo "pyenv: {name}: command not found" >&2
exit 127
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "bin").mkdir()
    for tool in ("make", "sh", "cat"):
        found = shutil.which(tool)
        assert found
        (tmp_path / "bin" / tool).symlink_to(found)
    return tmp_path


def _python(checkout: Path, name: str, version: str, *, without_venv: int = 0) -> None:
    _script(checkout, name, FITTING.format(name=name, version=version, without_venv=without_venv))


def _shim(checkout: Path, name: str) -> None:
    _script(checkout, name, SHIM.format(name=name))


def _script(checkout: Path, name: str, text: str) -> None:
    script = checkout / "bin" / name
    script.write_text(text)
    script.chmod(0o755)


def _make(checkout: Path, *words: str, target: str = "venv") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--silent", "--no-print-directory", target, *words],
        cwd=checkout,
        env={"PATH": str(checkout / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_newest_python_that_fits_makes_the_environment(checkout: Path) -> None:
    for name, version in (("python3", "3.11"), ("python3.11", "3.11"), ("python3.13", "3.13")):
        _python(checkout, name, version)
    assert _make(checkout).stdout.splitlines()[-1] == "made by python3.13"


def test_a_name_that_does_not_run_is_passed_over(checkout: Path) -> None:
    _shim(checkout, "python3.13")
    _shim(checkout, "python3.12")
    _python(checkout, "python3", "3.11")
    assert _make(checkout).stdout.splitlines()[-1] == "made by python3"


def test_the_python_that_is_named_is_taken(checkout: Path) -> None:
    _python(checkout, "python3.13", "3.13")
    _python(checkout, "python3.12", "3.12")
    assert _make(checkout, "PYTHON=python3.12").stdout.splitlines()[-1] == "made by python3.12"


@pytest.mark.parametrize("version", ["2.7", "3.10", "3.14"])
def test_other_versions_are_refused_in_one_sentence(checkout: Path, version: str) -> None:
    _python(checkout, "python3", version)
    refused = _make(checkout)
    sentence = refused.stderr.splitlines()[0]
    assert refused.returncode != 0
    assert f"found python3 is {version}" in sentence
    assert "make run PYTHON=python3.12" in sentence


def test_a_machine_without_python_is_told_what_is_needed(checkout: Path) -> None:
    refused = _make(checkout)
    assert refused.returncode != 0
    assert "needs Python 3.11, 3.12 or 3.13, but found none that runs" in refused.stderr


def test_a_python_without_venv_is_named_with_the_package_that_is_missing(checkout: Path) -> None:
    _python(checkout, "python3", "3.11", without_venv=1)
    refused = _make(checkout)
    assert refused.returncode != 0
    assert "apt-get install python3.11-venv" in refused.stderr


def test_an_environment_that_fits_is_kept(checkout: Path) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    _python(checkout, "../.venv/bin/python", "3.12")
    kept = _make(checkout)
    assert (kept.returncode, kept.stdout) == (0, "")


def test_what_is_installed_is_not_installed_again(checkout: Path) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    _python(checkout, "../.venv/bin/python", "3.12")
    for lock, kept in (("requirements.txt", ".runtime"), ("pyproject.toml", ".package")):
        shutil.copy(ROOT / lock, checkout)
        shutil.copy(ROOT / lock, checkout / ".venv" / kept)
    made = _make(checkout, target="runtime")
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    (checkout / ".venv" / ".runtime").unlink()
    assert "Installing the locked" in _make(checkout, target="runtime").stdout


def test_an_environment_that_moved_with_its_folder_is_made_anew(checkout: Path) -> None:
    there = checkout / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", there], check=True)
    [packages] = there.glob("lib/python*/site-packages")
    (packages / "pip.py").touch()
    (there / "bin" / "pip").write_text(f"#!{there}/bin/python\n")
    _python(checkout, "python3", "3.12")
    beside = checkout.parent / "beside"
    shutil.copytree(checkout, beside, symlinks=True, ignore=shutil.ignore_patterns(".venv"))
    (beside / ".venv").symlink_to(there)
    assert [_make(folder).stdout for folder in (checkout, beside)] == ["", ""]
    moved = checkout.rename(checkout.parent / "moved")
    assert _make(moved).stdout.splitlines()[-1] == "made by python3"
