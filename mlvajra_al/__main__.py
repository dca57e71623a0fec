"""`python -m mlvajra_al` is `mlvajra`."""

from __future__ import annotations

from mlvajra_al.cli import main

if __name__ == "__main__":
    main()
