"""mlvajra_al: human-in-the-loop active learning, the whole loop."""

__version__ = "0.1.0"
