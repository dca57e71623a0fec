"""Every error a caller may want to tell apart, and the words a person reads.

::

    MlvajraError
    ├── NotFound                 no such project, version, job, sample or person
    ├── NotAllowed               the person's role does not permit it
    ├── ForeignPage              sent by a page of another address
    ├── NotLinked                a provider vouches for somebody nobody here is linked with
    ├── ProviderFailed           the sign-in provider is down, or answers what cannot be trusted
    ├── NotSignedIn              no session, an expired or a revoked one
    ├── WrongPerson              an answer posted for somebody else's session
    ├── Invalid                  a value we cannot accept, with the reason and the remedy
    │   ├── BadSource            a file or table we cannot read: names file, place and remedy
    │   └── BadPassword
    ├── Conflict                 the world has moved on: a stale pointer, a taken name
    │   └── Superseded           a correction of what its person has corrected already
    ├── TooLarge                 an upload over the limit
    ├── Throttled                too many attempts; says how long to wait
    ├── QueueFull                too much of a kind waits already; says when to try again
    ├── PoolExhausted            more samples asked for than are left
    ├── NotEnoughLabels          a fit needs examples of at least two labels
    ├── Damaged                  a file that is missing or whose checksum does not match
    ├── DiskFull                 no room left where something was to be written
    ├── Unavailable              the database does not answer just now
    │   ├── ReadOnly             it answers, but takes nothing in
    │   │   └── Unjournalled     a file that cannot even be read where it lies
    │   └── Contended            two processes waited for each other, and this one gave way
    ├── NotAdditive              an explanation that does not sum to the model's output
    └── Setup                    the installation or its settings need attention
"""

from __future__ import annotations

from collections.abc import Sequence

from mlvajra_al.words import plural

BY_BEARER = (
    "make one with 'mlvajra token create --user NAME' and send it as 'Authorization: Bearer TOKEN'"
)
MOST_NAMED = 4
"""More labels than these are not told one by one."""


WHERE_LISTED = {
    "project": "check the name or pick one from the list",
    "person": "check the name; admins see who there is under Admin and by 'mlvajra user list'",
    "version": "the page Versions and 'mlvajra versions PROJECT' show which there are",
    "sample": "check the key; exports and the page Explain show the keys there are",
    "job": "the page Train and 'mlvajra jobs PROJECT' show which there are",
    "simulation": "the page Simulate shows which there are",
    "token": "'mlvajra token list' shows which there are",
    "examination of": "labels are looked at after each version from 50 labels on",
    "file of predictions of job": "it is there once the job is done, and the newest twenty of a "
    "project are kept; the job says how it stands",
    "advice of version": "it is made with each new version; retrain to get one",
    "uploaded file": "uploads are kept for a day; send it again",
    "upload": "uploads are kept for a day; send it again",
}
"""Where to look for what there is, by the kind of what was not found."""


class MlvajraError(Exception):
    """Base of all our errors; its text is fit to show to the person concerned."""

    status = 500
    refused: str | None = None
    """The id of the one of several answers that it is about."""


class NotFound(MlvajraError):
    """Something asked for by name is not there."""

    status = 404

    def __init__(self, kind: str, name: object) -> None:
        remedy = WHERE_LISTED.get(kind, "check it")
        super().__init__(f"there is no {kind} {name!r}; {remedy}")
        self.kind, self.name = kind, name


class NotAllowed(MlvajraError):
    """The person's role does not permit this."""

    status = 403

    def __init__(self, action: str, needed: str) -> None:
        super().__init__(f"only {needed} may {action}; ask an admin if you need to")
        self.action, self.needed = action, needed


class ForeignPage(MlvajraError):
    """A browser sends this from a page that, as far as can be seen here, is not ours."""

    status = 403

    def __init__(self, origin: str, host: str) -> None:
        seen = f"a browser at {origin[:200]!r} sent this, but it arrived for {host[:200]!r}"
        super().__init__(
            f"{seen}; open the app by the address it is served at, and have a proxy pass Host and "
            "the scheme on"
        )
        self.origin, self.host = origin, host


class NotLinked(MlvajraError):
    """A provider vouches for somebody, but no account here is linked with that."""

    status = 403

    def __init__(self, name: str) -> None:
        super().__init__(
            f"no account here is linked with {name}; sign in with your password and link it under "
            "'Your account', or ask an admin for an invitation"
        )
        self.name = name


class ProviderFailed(MlvajraError):
    """Signing in elsewhere did not work."""

    status = 502

    def __init__(self, provider: str, problem: str) -> None:
        super().__init__(
            f"signing in with {provider} did not work ({problem}); try again, or sign in with "
            "your password"
        )
        self.provider, self.problem = provider, problem


class NotSignedIn(MlvajraError):
    """There is no valid session."""

    status = 401

    def __init__(self, *, by_token: bool = False, nothing: bool = False) -> None:
        if by_token:
            told = f"the token is wrong, has expired or was revoked; {BY_BEARER}"
        elif nothing:
            told = f"you are not signed in, and no token was sent; sign in, or {BY_BEARER}"
        else:
            told = "you are not signed in, or your session has ended; sign in again"
        super().__init__(told)


class WrongPerson(MlvajraError):
    """Answers were sent for a person other than the one signed in."""

    status = 409

    def __init__(self, sent: str, signed_in: str) -> None:
        super().__init__(
            f"these answers belong to {sent}, but {signed_in} is signed in here now; "
            f"they are kept in this browser until {sent} signs in again"
        )
        self.sent, self.signed_in = sent, signed_in


class Invalid(MlvajraError):
    """A value that cannot be accepted."""

    status = 422


class BadSource(Invalid):
    """A source that cannot be read as it is.

    Parameters
    ----------
    name : str
        The file or location, as the person knows it.
    problem : str
        What was found, with the line or column where there is one.
    remedy : str
        What to do about it.
    """

    def __init__(self, name: str, problem: str, remedy: str) -> None:
        super().__init__(f"{name}: {problem}; {remedy}")
        self.name, self.problem, self.remedy = name, problem, remedy


class BadPassword(Invalid):
    """A password that is wrong, or too weak to be accepted."""


class Conflict(MlvajraError):
    """Somebody or something else got there first."""

    status = 409


class Superseded(Conflict):
    """A correction of what is not the last a person said about a sample.

    `event_id`, `action` and `label` are what was said last; None where nothing was.
    """

    def __init__(
        self, *, event_id: str | None, action: str | None, label: str | None, words: str
    ) -> None:
        super().__init__(
            f"what this corrects does not stand any more: {words}; look at it and answer again"
        )
        self.event_id, self.action, self.label = event_id, action, label


class TooLarge(MlvajraError):
    """An upload over the limit."""

    status = 413

    def __init__(self, limit_mb: int) -> None:
        super().__init__(
            f"the file is larger than {limit_mb} MB; import it on the server with "
            "'mlvajra import PROJECT --source FILE', or raise MLVAJRA_MAX_UPLOAD_MB"
        )
        self.limit_mb = limit_mb


class Throttled(MlvajraError):
    """Too many attempts in a short time."""

    status = 429

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many attempts; wait {plural(seconds, 'second')} and try again")
        self.seconds = seconds


class QueueFull(MlvajraError):
    """As much of a kind waits for the worker as may; `seconds` is when to try again."""

    status = 429

    def __init__(self, kind: str, project: str, *, waiting: int, most: int, seconds: int) -> None:
        super().__init__(
            f"{waiting} {kind} of {project!r} wait already, and at most {most} may; wait until "
            "some are done, or cancel some"
        )
        self.waiting, self.most, self.seconds = waiting, most, seconds


class PoolExhausted(MlvajraError):
    """More samples were asked for than are left."""

    status = 409

    def __init__(self, available: int, requested: int) -> None:
        are = "is" if available == 1 else "are"
        super().__init__(
            f"asked for {plural(requested, 'sample')} but {available:,} {are} left in the pool; "
            "ask for fewer or import more data"
        )
        self.available, self.requested = available, requested


class NotEnoughLabels(MlvajraError):
    """A model needs answers of at least two labels."""

    status = 409

    def __init__(self, seen: tuple[str, ...], missing: tuple[str, ...]) -> None:
        words = "two different labels are needed; there are 0: answer some samples first"
        if seen:
            so_far = "answers that differ are needed; all are the same"
            if len(seen) == 1:
                so_far = "two different labels are needed; there is 1"
            words = f"{so_far}: the model {examples_needed(seen, missing)}"
        super().__init__(words)
        self.seen, self.missing = seen, missing


def examples_needed(seen: Sequence[str], missing: Sequence[str]) -> str:
    """Say of which labels a model needs examples before it can learn.

    Examples
    --------
    >>> examples_needed([], ["ham", "spam"])
    'needs examples of at least two labels'
    >>> examples_needed(["ham"], ["spam"])
    'needs an example of: spam'
    >>> examples_needed(["art"], ["money", "sport"])
    'needs an example of one of: money, sport'
    >>> examples_needed(["3"], list("012456789"))
    'needs an example of another label than 3'
    """
    if not seen:
        return "needs examples of at least two labels"
    if len(missing) > MOST_NAMED:
        return f"needs an example of another label than {' and '.join(seen)}"
    which = "needs an example of one of: " if len(missing) > 1 else "needs an example of: "
    return which + ", ".join(missing)


MISSING = "is missing"
UNLIKE = "is damaged: its SHA-256 does not match the one recorded"
FROM_A_BACKUP = "restore it from a backup"


class Damaged(MlvajraError):
    """A stored file is missing, cannot be read, or does not match its checksum."""

    def __init__(self, path: str, remedy: str = FROM_A_BACKUP, *, what: str = UNLIKE) -> None:
        super().__init__(f"{path} {what}; {remedy}")
        self.path, self.remedy, self.what = path, remedy, what


class DiskFull(MlvajraError):
    """There is no room left where something was to be written."""

    status = 507

    def __init__(self, place: str, free: int) -> None:
        super().__init__(
            f"there is no room left on the disk of {place} ({free / 2**20:,.1f} MB are free); "
            "make some and try again"
        )
        self.place, self.free = place, free


class Unavailable(MlvajraError):
    """The database does not answer just now; it may the next moment."""

    status = 503

    def __init__(self, why: str, remedy: str = "try again in a moment") -> None:
        super().__init__(
            f"the database cannot be used right now ({why}); nothing that was saved is lost: "
            f"{remedy}"
        )
        self.why = why


class ReadOnly(Unavailable):
    """The database can be read, but not written: a disk or an account without that right."""

    def __init__(self) -> None:
        super().__init__(
            "it can only be read", "an admin should let this program write to it and its folder"
        )


class Unjournalled(ReadOnly):
    """A file of SQLite that nobody has open, where its journal cannot be laid beside it."""

    def __init__(self, file: str) -> None:
        Unavailable.__init__(
            self,
            f"nobody has {file} open, and SQLite reads it only where it may put a journal by it",
            "let this program write to its folder, or copy the folder to where it may and set "
            "MLVAJRA_HOME to the copy",
        )


class Contended(Unavailable):
    """Two processes waited for each other's rows, and the database ended this one's work."""

    def __init__(self) -> None:
        super().__init__("another process was at the same rows")


class NotAdditive(MlvajraError):
    """Attributions do not sum to the model's output."""

    def __init__(self, gap: float, tolerance: float) -> None:
        super().__init__(
            f"the explanation misses the model's output by {gap:.2g} where at most "
            f"{tolerance:.2g} is allowed, so it is not shown; please report this model"
        )
        self.gap, self.tolerance = gap, tolerance


class Setup(MlvajraError):
    """The installation or its settings need attention."""
