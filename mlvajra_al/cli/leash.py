"""Run a module or a file as a process that ends when its parent does, however that ended.

``python -m mlvajra_al.cli.leash MODULE|FILE.py ARGUMENT…``: standard input is a pipe whose other
end only the parent holds, so that it closes even when the parent is killed.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

GRACE_SECONDS = 5.0


def _end_with_parent(pipe: int) -> None:
    while os.read(pipe, 1024):
        continue
    os.kill(os.getpid(), signal.SIGTERM)
    # A fit deep inside compiled code does not hear the signal.
    time.sleep(GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Watch the parent and become what was asked for."""
    pipe = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=_end_with_parent, args=(pipe,), name="leash", daemon=True).start()
    sys.argv = sys.argv[1:]
    if sys.argv[0].endswith(".py"):
        runpy.run_path(sys.argv[0], run_name="__main__")
    else:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
