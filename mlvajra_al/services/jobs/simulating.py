"""Play a simulation as a job: each game is kept as soon as it is over, so that none is lost."""

from __future__ import annotations

import time

from mlvajra_al.config import settings
from mlvajra_al.records import Game, Job, Run
from mlvajra_al.services.jobs import oracles, playing
from mlvajra_al.services.jobs.oracles import Oracle
from mlvajra_al.services.jobs.telling import Later, Result, Tell
from mlvajra_al.services.standings import advice, guess_of
from mlvajra_al.store import runs, turns
from mlvajra_al.store.database import Connection, Store
from mlvajra_al.words import plural

LOOK_S = 1.0
"""Seconds between two looks whether somebody waits for this worker."""


def simulate(store: Store, job: Job, tell: Tell) -> Result:
    """Play the games of a run that are not over yet.

    Raises
    ------
    Invalid
        If a game cannot be played.
    Later
        If something more urgent waits for a worker: what is over is kept.
    """
    tell(0.0, "Reading the samples")
    with store.read() as connection:
        run = runs.of_job(connection, job.id)
    oracle = oracles.consult(store, job.project_id, run.scenario)
    run = _begun(store, run, oracle, tell=tell)
    games = list(run.games)
    table = Referee(store, run, games, tell=tell)
    table.say()
    note = playing.play(
        oracle,
        run.scenario.plan,
        done=run.games,
        took=table.keep,
        pulse=table.look,
        processes=settings().processes,
    )
    said = advice(games, guess=guess_of(run))
    result = {"run": run.id, "games": len(games), "advice": said, "note": note}

    def operation(connection: Connection) -> Result:
        tell.settle(connection, result)
        return result

    return store.write(operation)


def _begun(store: Store, run: Run, oracle: Oracle, *, tell: Tell) -> Run:
    """Store what is played on, and return the run with the games that were played on the same."""

    def operation(connection: Connection) -> Run:
        tell.check(connection)
        runs.begin(connection, run.id, oracle.facts)
        return runs.get(connection, run.project_id, run.id)

    return store.write(operation)


class Referee:
    """Keeps the games of a run, says how many are over, and gives way to who is more urgent."""

    def __init__(self, store: Store, run: Run, games: list[Game], *, tell: Tell) -> None:
        self._store, self._run, self._games, self._tell = store, run, games, tell
        self._looked_at = time.monotonic()

    def keep(self, game: Game) -> None:
        """Store a game for good."""

        def operation(connection: Connection) -> None:
            self._tell.check(connection)
            runs.add_game(connection, self._run.id, game)

        self._store.write(operation)
        self._games.append(game)
        self.say()

    def say(self) -> None:
        """Say how many games are over."""
        over, of = len(self._games), len(self._run.scenario.plan.games)
        self._tell(over / of, f"{over} of {plural(of, 'game')} played")

    def look(self) -> None:
        """Notice within a second that the job was cancelled, or that a worker is wanted."""
        if time.monotonic() - self._looked_at < LOOK_S:
            return
        self._looked_at = time.monotonic()
        self.say()
        with self._store.read() as connection:
            if turns.held_up(connection, self._run.job_id, now=self._tell.clock()):
                raise Later
