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


def not_installed(strategy: str) -> str:
    """Say what a strategy of scikit-activeml needs.

    Examples
    --------
    >>> print(not_installed("prob_cover"))
    strategy 'prob_cover' comes from scikit-activeml, which is not installed: pip install
    "mlvajra_al[skactiveml]"
    """
    return (
        f"strategy {strategy!r} comes from scikit-activeml, which is not installed: "
        'pip install "mlvajra_al[skactiveml]"'
    )


def strategy_words(name: str) -> str:
    """Return a query strategy as it stands within a sentence.

    Examples
    --------
    >>> strategy_words("vote_entropy")
    'vote entropy'
    """
    return name.replace("_", " ")
