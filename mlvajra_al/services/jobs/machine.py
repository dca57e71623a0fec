"""What a model was made with: libraries and kind of processor, for whoever rebuilds it."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

LIBRARIES = (
    "mlvajra_al",
    "modAL-python",
    "numpy",
    "pandas",
    "scikit-learn",
    "scipy",
    "skops",
)


@cache
def libraries() -> dict[str, str]:
    """Return the versions of what a fit depends on."""
    return {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}


@cache
def cpu() -> str:
    """Return the kind of processor: results are bit-identical on the same kind only."""
    kind = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = next((line for line in lines if line.startswith("model name")), None)
    name = named.partition(":")[2].strip() if named else kind
    return f"{platform.machine()} {name}"[:200]
