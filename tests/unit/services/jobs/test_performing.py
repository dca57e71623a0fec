"""Every kind of job has somebody who does it."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest

from mlvajra_al.records import JobKind
from mlvajra_al.services.jobs.performing import MODULES, handler_of


@pytest.mark.parametrize("kind", get_args(JobKind))
def test_every_kind_of_job_is_done_by_a_function_of_its_name(kind: JobKind) -> None:
    assert callable(handler_of(kind))
    assert kind in MODULES


def test_a_worker_that_stands_by_has_not_loaded_what_it_may_never_need() -> None:
    look = (
        "import sys, mlvajra_al.worker; "
        "print(sorted({'sklearn', 'scipy', 'pandas', 'shap'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
