"""Several trainings at once: each a Ray task, started again where its process died.

The work is ``aqa.experiments.runs.run``, a pure function of its run: on Ray it gives the same
weights as in this process, and what was killed goes on from its last snapshot. Where Ray itself
dies, another one does the runs that are left.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from aqa import AqaDataset, AqaError
from aqa.experiments import WHOLE, Run, RunResult, finished_result, run
from aqa.training import EpochReport
from extractors.errors import UnforeseenError
from pipeline.cluster import RayLostError, RayOptions, driven, ray_session
from pipeline.errors import UsageError, one_line
from pipeline.workspace import Console, Ticker, counted

POLL_S = 0.5
# One death is bad luck (a full memory, a node that went away); four deaths of one run are not, nor
# of Ray without one run that ended.
TRIES_AGAIN = 3


def run_all(runs: Sequence[Run], options: RayOptions | None, console: Console) -> list[RunResult]:
    """The results in the order of ``runs``. Finished runs are kept; a single one needs no Ray, but
    goes to the cluster that was asked for.

    Without ``options`` all are trained in this process, one after the other.
    """
    results = {index: finished_result(task) for index, task in enumerate(runs)}
    todo = {index: task for index, task in enumerate(runs) if results[index] is None}
    if len(todo) < len(runs):
        console.note(f"{len(runs) - len(todo)} of {len(runs)} finished before: not trained again")
    if todo:
        results |= _train_all(todo, options, console)
    return [results[index] for index in range(len(runs))]


def _train_all(
    todo: Mapping[int, Run], options: RayOptions | None, console: Console
) -> dict[int, RunResult]:
    over_ray = options is not None and (len(todo) > 1 or options.address is not None)
    count = counted(len(todo), "training")
    if over_ray:
        console.note(f"starting Ray ({options.place}) for {count} ...")
    elif len(todo) > 1:
        console.note(f"{count} in this process, one after the other ...")
    epochs = sum(task.config.training.epochs for task in todo.values())
    with console.progress("train", epochs, "epoch") as ticker:
        if over_ray:
            return _outlive_ray(todo, options, ticker, console)
        results, before = {}, 0
        for index, task in todo.items():
            results[index] = run(task, partial(_tick, ticker, task, before))
            before += task.config.training.epochs
        return results


def _outlive_ray(
    todo: Mapping[int, Run], options: RayOptions, ticker: Ticker, console: Console
) -> dict[int, RunResult]:
    """The results of all runs, in as many sessions of Ray as they take."""
    results: dict[int, RunResult] = {}
    whole = {index: task.config.training.epochs for index, task in todo.items()}
    fruitless = 0
    while len(results) < len(todo):
        before = len(results)
        left = {index: task for index, task in todo.items() if index not in results}
        try:
            with closing(driven(_trained, left, options, limit_s=options.standstill_s)) as events:
                for event in events:
                    if isinstance(event, Ended):
                        results[event.index] = event.result
                    elif isinstance(event, Death):
                        console.warn(f"{event.what}, it goes on again")
                    else:
                        epochs = whole | event.epochs  # a run of an earlier session is whole
                        ticker.advance(event.latest, by=sum(epochs.values()) - ticker.done)
        except RayLostError as lost:
            fruitless = 0 if len(results) > before else fruitless + 1
            if fruitless > TRIES_AGAIN:
                raise UsageError(f"Ray died {fruitless} times: {lost}") from None
            console.warn(f"{lost}; the trainings go on again")
    return results


def name_of(task: Run) -> str:
    """``held out 2, seed 0``"""
    return f"seed {task.seed}" if task.fold == WHOLE else f"held out {task.fold}, seed {task.seed}"


class Board:
    """How far each run is: an actor that runs report to and the driver reads.

    Epochs are numbers, not counted reports: one that goes on from a snapshot starts in the middle.
    """

    def __init__(self) -> None:
        self._epochs: dict[int, int] = {}
        self._latest = ""

    def report(self, index: int, epoch: int, latest: str) -> None:
        self._epochs[index], self._latest = epoch, latest

    def read(self) -> tuple[dict[int, int], str]:
        return self._epochs, self._latest


@dataclass(frozen=True)
class Standing:
    """Epochs of each run that this session was given, by its index, and what was last reported."""

    epochs: dict[int, int]
    latest: str


@dataclass(frozen=True)
class Death:
    """A run's process died: ``what`` names the run, and how."""

    what: str


@dataclass(frozen=True)
class Ended:
    """A run came to its end."""

    index: int
    result: RunResult


def _trained(todo: Mapping[int, Run], options: RayOptions) -> Iterator[Standing | Death | Ended]:
    """What the driver's process does."""
    with ray_session(options) as ray:
        yield from _Schedule(ray, todo, options).events()


class _Schedule:
    """Hands out runs, reads the board, hands out again what died."""

    def __init__(self, ray: Any, todo: Mapping[int, Run], options: RayOptions) -> None:
        self._ray, self._todo = ray, todo
        self._limit = options.workers or len(todo)
        self._board = ray.remote(Board).options(num_cpus=0, max_restarts=-1).remote()
        self._epochs = dict.fromkeys(todo, 0)
        self._deaths: Counter[int] = Counter()

    def events(self) -> Iterator[Standing | Death | Ended]:
        """Until all runs have ended; UsageError for one that fails, or dies again and again."""
        from ray import exceptions as lost

        deaths = (
            lost.WorkerCrashedError,
            lost.NodeDiedError,
            lost.OutOfMemoryError,
            lost.ObjectLostError,
        )
        waiting, under_way = deque(self._todo), {}
        while waiting or under_way:
            while waiting and len(under_way) < self._limit:
                index = waiting.popleft()
                under_way[self._submit(index)] = index
            ready, _ = self._ray.wait(list(under_way), timeout=POLL_S)
            for ended in ready:
                index = under_way.pop(ended)
                try:
                    yield Ended(index, self._result(index, ended))
                except deaths as death:
                    yield self._count_death(index, death)
                    waiting.append(index)
            yield self._standing()

    def _submit(self, index: int) -> Any:
        task = self._todo[index]
        # Ray's own retries are off: they would not be counted, nor said.
        train = self._ray.remote(_train).options(max_retries=0, **_place(self._ray, task))
        return train.remote(index, _absolute(task), self._board)

    def _result(self, index: int, ended: Any) -> RunResult:
        from ray.exceptions import RayTaskError

        task = self._todo[index]
        try:
            result = self._ray.get(ended)
        except RayTaskError as error:
            if isinstance(error.cause, AqaError):
                raise UsageError(f"{name_of(task)}: {error.cause}") from None
            raise UnforeseenError(str(error)) from None
        self._epochs[index] = task.config.training.epochs
        result = replace(result, checkpoint=task.folder / result.checkpoint.name)
        if not result.checkpoint.is_file():
            raise UsageError(
                f"{result.checkpoint} was written on another machine: "
                "--output must be a folder that all nodes of the cluster share"
            )
        return result

    def _count_death(self, index: int, death: Exception) -> Death:
        self._deaths[index] += 1
        name, reason = name_of(self._todo[index]), one_line(death)[:200]
        if self._deaths[index] > TRIES_AGAIN:
            raise UsageError(f"{name}: its process died {self._deaths[index]} times ({reason})")
        return Death(f"{name}: its process died ({type(death).__name__})")

    def _standing(self) -> Standing:
        from ray.exceptions import GetTimeoutError, RayActorError

        try:
            epochs, latest = self._ray.get(self._board.read.remote(), timeout=POLL_S)
        except (GetTimeoutError, RayActorError):
            epochs, latest = {}, ""  # the board is only shown, and starts again by itself
        for index, epoch in epochs.items():
            self._epochs[index] = max(self._epochs[index], epoch)
        return Standing(dict(self._epochs), latest)


def _train(index: int, task: Run, board: Any) -> RunResult:
    """What a worker does."""

    def report(epoch: EpochReport) -> None:
        board.report.remote(index, epoch.epoch, _status(task, epoch))

    return run(task, report)


def _tick(ticker: Ticker, task: Run, before: int, report: EpochReport) -> None:
    """``before``: epochs of the runs that came first."""
    ticker.advance(_status(task, report), by=before + report.epoch - ticker.done)


def _status(task: Run, report: EpochReport) -> str:
    return f"{name_of(task)}, loss {report.losses['total']:.3f}"


def _absolute(task: Run) -> Run:
    """The same run for a worker, whose working directory is not ours."""
    parts = (
        [replace(example, features_path=example.features_path.absolute()) for example in part]
        for part in (task.dataset.train, task.dataset.test)
    )
    dataset: AqaDataset = task.dataset.with_split(*parts)
    return replace(task, folder=task.folder.absolute(), dataset=dataset)


def _place(ray: Any, task: Run) -> dict[str, float]:
    """What Ray sets aside for one run: its threads, as far as one node has them, and its GPU."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    place: dict[str, float] = {}
    if task.device.startswith("cuda"):
        nodes = [node for node in nodes if node.get("GPU")]
        place["num_gpus"] = 1
        if not nodes:
            raise UsageError(f"--device {task.device}: Ray has no GPU here, use --device cpu")
    # More than any node has would wait for ever; with fewer CPUs its threads take turns.
    most = max(1.0, *(node.get("CPU", 0.0) for node in nodes))
    return {**place, "num_cpus": min(task.config.training.threads, most)}
