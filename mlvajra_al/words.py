"""Numbers in sentences: what every room says of them."""

from __future__ import annotations


def plural(count: int, word: str, words: str = "") -> str:
    """Return a count with its word.

    Examples
    --------
    >>> plural(1, "sample"), plural(2_000, "sample"), plural(0, "copy", "copies")
    ('1 sample', '2,000 samples', '0 copies')
    """
    return f"{count:,} {word if count == 1 else words or word + 's'}"
