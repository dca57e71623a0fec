"""Set the clock of the app by as many seconds as the file SOAK_CLOCK says, while it runs.

Found by Python at its start when this folder is on PYTHONPATH. Only the app's own clocks are
set: each is a function of one module, which reads `datetime.now`.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta, tzinfo
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

CLOCKS = ("mlvajra_al.web.context", "mlvajra_al.services.jobs.performing")


class Set(datetime):
    """The time as a clock shows it that was set."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        """Return the present moment, and what the file says."""
        off = float(Path(os.environ["SOAK_CLOCK"]).read_text() or 0)
        return datetime.now(tz) + timedelta(seconds=off)


class Setter(MetaPathFinder):
    """Gives the modules that have a clock one that can be set."""

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> Any:
        """Return how to load a module with a clock; None for every other one."""
        spec = PathFinder.find_spec(name, path) if name in CLOCKS else None
        return None if spec is None else _set(spec)


def _set(spec: ModuleSpec) -> ModuleSpec:
    loader: Any = spec.loader
    load = loader.exec_module

    def load_and_set(module: Any) -> None:
        load(module)
        module.datetime = Set

    loader.exec_module = load_and_set
    return spec


sys.meta_path.insert(0, Setter())
