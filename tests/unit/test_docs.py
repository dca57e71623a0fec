"""The documentation knows every setting, command and module, and names none that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import mlvajra_al
from mlvajra_al.config import Settings

ROOT = Path(mlvajra_al.__file__).parent
DOCS = ROOT.parent / "docs"


def _page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_every_setting_is_documented_with_its_default() -> None:
    rows = re.findall(r"^\| `(MLVAJRA_\w+)` \| (.+?) \|", _page("settings.md"), re.MULTILINE)
    documented = {name: default.strip("`") for name, default in rows}
    settings = {
        f"MLVAJRA_{name.upper()}": _as_written(field.get_default(call_default_factory=True))
        for name, field in Settings.model_fields.items()
    }
    assert documented == settings


def _as_written(default: object) -> str:
    if default is None:
        return "not set"
    if isinstance(default, Path):
        return default.relative_to(ROOT.parent).as_posix()
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:g}"
    return str(default) or "empty"


def test_no_page_names_a_setting_that_does_not_exist() -> None:
    known = {f"MLVAJRA_{name.upper()}" for name in Settings.model_fields}
    pages = [*DOCS.glob("*.md"), ROOT.parent / "README.md"]
    named = {name for page in pages for name in re.findall(r"MLVAJRA_\w+", page.read_text("utf-8"))}
    assert named <= known


def test_every_module_of_learning_is_in_the_python_reference() -> None:
    documented = set(re.findall(r"^::: mlvajra_al\.learning\.(\w+)$", _page("python.md"), re.M))
    modules = {path.stem for path in (ROOT / "learning").glob("*.py")} - {"__init__"}
    assert documented == modules


def test_every_page_of_the_documentation_is_in_its_navigation() -> None:
    navigation = (ROOT.parent / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r": (\w+\.md)$", navigation, re.MULTILINE))
    assert named == {path.name for path in DOCS.glob("*.md")}
