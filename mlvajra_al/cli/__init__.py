"""The command line: `mlvajra …`. Its entry point stands here, so that any Python can read it."""

from __future__ import annotations

import sys

INTERRUPTED = 130
OLDEST, NEWEST = (3, 11), (3, 13)


def main() -> None:
    """Run the command line, or say in a sentence that this Python cannot."""
    refusal = refuse(sys.version_info[:2])
    if refusal:
        sys.exit(refusal)
    try:
        from mlvajra_al.cli.application import run
    except KeyboardInterrupt:  # before anything could answer it
        sys.exit(INTERRUPTED)
    sys.exit(run(sys.argv[1:]))


def refuse(version: tuple[int, int]) -> str:
    """Return why a version of Python is not good enough; empty if it is.

    >>> refuse((3, 10))
    'mlvajra: needs Python 3.11 to 3.13, but this is 3.10; install one of them and run it again'
    >>> refuse((3, 12))
    ''
    """
    if OLDEST <= version <= NEWEST:
        return ""
    return (
        f"mlvajra: needs Python {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}, "
        f"but this is {version[0]}.{version[1]}; install one of them and run it again"
    )
