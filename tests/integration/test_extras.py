"""What is there, and what is said, where an optional extra is not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

WITHOUT = """
import sys
sys.modules["skactiveml"] = None
from mlvajra_al.cli import main
sys.argv[0] = "mlvajra"
main()
"""


def test_without_scikit_activeml_its_strategy_is_refused_with_what_to_install(
    tmp_path: Path,
) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text("size,truth\n" + "".join(f"{n},{'ab'[n % 2]}\n" for n in range(20)))
    command = ["simulate", "--source", str(truth), "--label", "truth", "--strategies", "prob_cover"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *command], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode != 0
    said = " ".join(done.stderr.split())
    assert "comes from scikit-activeml, which is not installed" in said
    assert 'pip install "mlvajra_al[skactiveml]"' in said


def test_scikit_activeml_is_loaded_only_by_who_asks_for_it() -> None:
    program = (
        "import sys, mlvajra_al.learning.strategies, mlvajra_al.services.overview;"
        "sys.exit('skactiveml' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-W", "error", "-c", program]).returncode == 0
