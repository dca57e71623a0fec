"""The launcher: small, and the same options whichever way it is started."""

from __future__ import annotations

import ast
from pathlib import Path

from streamlit import config
from streamlit.web.server.app_discovery import discover_asgi_app

import mlvajra_al
from mlvajra_al.web import options

ROOT = Path(mlvajra_al.__file__).parent.parent
LAUNCHER = ROOT / "app.py"


def test_streamlit_run_finds_the_app() -> None:
    assert discover_asgi_app(LAUNCHER).import_string == "app:app"


def test_the_launcher_only_launches() -> None:
    body = ast.parse(LAUNCHER.read_text()).body

    assert not [node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert len(LAUNCHER.read_text().splitlines()) <= 30


def test_no_folder_of_pages_lies_beside_the_main_script() -> None:
    shell = Path(options.__file__).parent / "shell.py"

    assert shell.exists()
    assert not (shell.parent / "pages").exists()


def test_the_options_survive_that_streamlit_reads_its_files_again() -> None:
    options.apply()
    config.get_config_options(force_reparse=True)

    for name, value in options.OPTIONS.items():
        assert config.get_option(name) == value, name
    assert config.get_option("server.maxUploadSize") == 1024


def test_no_option_asks_anything_of_another_host() -> None:
    assert options.OPTIONS["browser.gatherUsageStats"] is False
    assert not [value for value in options.OPTIONS.values() if "http" in str(value)]
