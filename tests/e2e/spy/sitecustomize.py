"""On SIGUSR1, write the names of all loaded modules to a file named after the process."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path


def _tell(_number: int, _frame: object) -> None:
    names = "\n".join(sorted(sys.modules))
    unfinished = Path(os.environ["MODULES_OF"]) / f"{os.getpid()}.part"
    unfinished.write_text(names)
    unfinished.rename(unfinished.with_suffix(".txt"))


signal.signal(signal.SIGUSR1, _tell)
