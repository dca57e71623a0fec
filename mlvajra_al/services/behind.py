"""Whether the champion is clearly worse than the newest version, so that it should not answer."""

from __future__ import annotations

from dataclasses import dataclass

from mlvajra_al.records import Person, Summary, Version
from mlvajra_al.services import versions
from mlvajra_al.services.champions import damaged_of, is_provisional, promotions, was_rolled_back
from mlvajra_al.services.versions import VersionRow
from mlvajra_al.store.database import Store


@dataclass(frozen=True, slots=True)
class Behind:
    """A champion that answers, and the newest version, which is clearly better."""

    champion: VersionRow
    newest: VersionRow


def behind(store: Store, person: Person | None, project_name: str) -> Behind | None:
    """Return the champion and the newest version if that is clearly better, else None.

    It is where comparing the two found so. Where nobody chose the champion, it also is where the
    95% intervals of their headline measures are apart; against a chosen one, a look at each new
    version would sooner or later find a lead by luck. One that cannot be promoted because a file of
    it is damaged is not pointed out, nor one that somebody has rolled back from.
    """
    rows = versions.foremost(store, person, project_name)
    if len(rows) < 2 or not rows[0].is_champion:
        return None
    champion, newest = rows
    pair = (champion.version.number, newest.version.number)
    moves = promotions(store, person, project_name)
    if was_rolled_back(moves, pair[1]):
        return None
    provisional = is_provisional(moves, pair[0])
    verdict = versions.last_verdict(
        store, person, project_name, champion=pair[0], challenger=pair[1]
    )
    better = verdict is not None and verdict.better
    better = better or (provisional and apart(champion.summary, newest.summary))
    return Behind(champion, newest) if better and _is_whole(store, newest.version) else None


def _is_whole(store: Store, version: Version) -> bool:
    with store.read() as connection:
        return not damaged_of(store.home, connection, [version])


def apart(worse: Summary | None, better: Summary | None) -> bool:
    """Tell whether the interval of one headline measure lies below that of the other.

    Examples
    --------
    >>> from mlvajra_al.records import Measure
    >>> one, two, three = (
    ...     Summary(30, 30, Measure("macro F1", value, low, high, 30), ())
    ...     for value, low, high in ((0.1, 0.0, 0.3), (0.9, 0.6, 1.0), (0.4, 0.2, 0.7))
    ... )
    >>> apart(one, two), apart(one, three), apart(two, one), apart(None, two)
    (True, False, False, False)
    """
    if worse is None or better is None or worse.headline.name != better.headline.name:
        return False
    high, low = worse.headline.high, better.headline.low
    return high is not None and low is not None and high < low
