"""Work that repeats: many independent jobs on processes, on a cluster, or one after the other."""

from __future__ import annotations

import dataclasses
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, wait
from contextlib import contextmanager
from typing import Any

import cloudpickle  # type: ignore[import-untyped]  # comes with PyMC

from bayesbio.errors import BayesbioError, CalibrationError
from bayesbio.inference.parallel.progress import Progress, progress_reporter
from bayesbio.inference.parallel.threads import single_job, usable_cores, worker_environment

_REPORT = 0.25  # seconds between two reports of progress
_RESTARTS = 3  # times in a row that workers may die before any job is done
_one_at_a_time = threading.Lock()  # models are built and compiled by one thread of a process


@dataclasses.dataclass(frozen=True)
class JobResults:
    """
    Results of jobs.

    Attributes
    ----------
    results : dict
        Name of the job -> what it returned, in the order in which the jobs were given.
    left_undone : tuple of str
        Names of the jobs without a result; empty unless the work was stopped.
    reason : str
        Why it was stopped.
    """

    results: dict[str, Any]
    left_undone: tuple[str, ...] = ()
    reason: str = ""

    @property
    def partial(self) -> bool:
        """Whether jobs are left undone."""
        return bool(self.left_undone)


def map_jobs(
    work: Callable[[Any], Any],
    jobs: Mapping[str, Any],
    *,
    executor: Any = None,
    stage: str = "repeating",
    progress: Callable[[Progress], None] | bool | None = None,
) -> JobResults:
    """
    Do the same work for each job, several at a time; each job counts exactly once.

    Parameters
    ----------
    work : callable
        Takes a job, gives its result. The result follows from the job alone, so that it is the same
        wherever and however often it is computed.
    jobs : mapping of name to description
        Plain descriptions (campaigns, models, priors, seeds): nothing compiled. A model that was
        written in a script or notebook goes along.
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        Where. By default one process for each usable core; a single job, or a single core, stays
        in this process. A job keeps to one core of its worker: what it samples runs chain by chain.
    stage : str
        What is repeated, for whoever listens.
    progress : callable or bool, optional
        True shows a bar with the remaining time; a callable receives a `Progress`.

    Returns
    -------
    JobResults
        Stopped by Ctrl-C, or where the executor given broke down, it holds what was done until
        then. When a worker of the default processes dies, its job starts again in a new one; dask
        does the same by itself.

    Raises
    ------
    CalibrationError
        When `executor` is no executor, or workers die again and again.
    BayesbioError
        As the work; the message names the job.
    KeyboardInterrupt
        When stopped before any job was done.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with ThreadPoolExecutor(2) as pool:
    ...     map_jobs(abs, {"R1": -3, "R2": 4}, executor=pool).results
    {'R1': 3, 'R2': 4}
    """
    done: dict[str, Any] = {}
    reason = ""
    with progress_reporter(progress, counted="done") as tell:
        report = _Reporter(tell, stage, len(jobs))
        try:
            if executor is None and (len(jobs) < 2 or usable_cores() < 2):
                for name, job in jobs.items():
                    report(len(done))
                    with _naming(name):
                        done[name] = work(job)
            elif executor is None:
                _on_processes(work, jobs, done, report)
            else:
                with _as_executor(executor) as given:
                    try:
                        _on(given, work, jobs, done, report)
                    except BrokenExecutor as error:
                        reason = f"a worker of the executor died ({error})"
                        if not done:
                            raise CalibrationError(_died(jobs)) from error
        except KeyboardInterrupt:
            if not done:
                raise
            reason = "stopped by Ctrl-C"
        report(len(done))
    left = tuple(name for name in jobs if name not in done)
    return JobResults({name: done[name] for name in jobs if name in done}, left, reason)


def _on_processes(
    work: Callable[[Any], Any],
    jobs: Mapping[str, Any],
    done: dict[str, Any],
    report: Callable[[int], None],
) -> None:
    """Do the jobs in processes of our own; where one dies, what is left goes to new ones."""
    in_vain = 0
    while len(done) < len(jobs):
        before = len(done)
        pool = worker_pool(min(len(jobs) - before, usable_cores()))
        try:
            _on(pool, work, jobs, done, report)
        except BrokenExecutor as error:
            in_vain = in_vain + 1 if len(done) == before else 0
            if in_vain >= _RESTARTS:
                left = {name: job for name, job in jobs.items() if name not in done}
                raise CalibrationError(_died(left)) from error
        finally:
            pool.shutdown(wait=True, kill_workers=len(done) < len(jobs))


def worker_pool(workers: int) -> Any:
    """
    Start processes that do jobs, each on one core; several calls of `map_jobs` may share them.

    Parameters
    ----------
    workers : int

    Returns
    -------
    concurrent.futures.Executor
        A context manager; its processes end with it.
    """
    # loky's pool is that of concurrent.futures, but does not run the user's script once more in
    # every worker, which a script without a guard against it would not survive.
    from joblib.externals.loky import ProcessPoolExecutor  # type: ignore[import-untyped]

    return ProcessPoolExecutor(workers, initializer=_leave_interrupts, env=worker_environment())


def _on(
    pool: Executor,
    work: Callable[[Any], Any],
    jobs: Mapping[str, Any],
    done: dict[str, Any],
    report: Callable[[int], None],
) -> None:
    """Hand the jobs that are not done to an executor and gather what comes back."""
    pending = {
        pool.submit(_do, cloudpickle.dumps((work, job))): name
        for name, job in jobs.items()
        if name not in done
    }
    try:
        while pending:
            report(len(done))
            finished, _ = wait(pending, timeout=_REPORT, return_when=FIRST_COMPLETED)
            broken = None
            for future in finished:
                name = pending.pop(future)
                try:
                    with _naming(name):
                        done[name] = future.result()
                except (BrokenExecutor, CancelledError) as error:
                    broken = error  # what the others brought home is gathered first
            if broken is not None:
                if isinstance(broken, CancelledError):
                    raise BrokenExecutor("its work was cancelled")
                raise broken
    finally:
        for future in pending:
            future.cancel()


def _do(described: bytes) -> Any:
    """Do one job in a worker, on one core."""
    with _one_at_a_time, single_job():
        work, job = cloudpickle.loads(described)
        return work(job)


def _leave_interrupts() -> None:
    """Leave Ctrl-C to the process that waits for the results."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _as_executor(executor: Any) -> Iterator[Executor]:
    """Take an executor as it is, a client of dask through its executor."""
    if isinstance(executor, Executor):
        yield executor
    elif hasattr(executor, "get_executor"):
        # pure: two jobs of one description are still two jobs
        given = executor.get_executor(pure=False)
        try:
            yield given
        finally:
            given.shutdown(wait=False)  # nothing that is still running is waited for
    else:
        raise CalibrationError(
            f"executor={executor!r}: expected a concurrent.futures.Executor, such as "
            "ProcessPoolExecutor(4), or a dask.distributed.Client. Leave it out for one process a "
            "core."
        )


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Say in which job something went wrong."""
    try:
        yield
    except BayesbioError as error:
        raise type(error)(f"{name}: {error}") from error
    except Exception as error:
        error.add_note(f"This happened in {name}.")
        raise


def _died(left: Mapping[str, Any]) -> str:
    names = ", ".join(list(left)[:5])
    return (
        f"Worker processes died before anything more was done; left are {names}"
        f"{', ...' if len(left) > 5 else ''}. Usually the memory is too small for so many at a "
        "time: give fewer workers, executor=concurrent.futures.ProcessPoolExecutor(1)."
    )


class _Reporter:
    """Tells how many jobs are done and how long the rest will take."""

    def __init__(self, tell: Callable[[Progress], None], stage: str, total: int) -> None:
        self.tell, self.stage, self.total = tell, stage, total
        self.began = time.perf_counter()

    def __call__(self, finished: int) -> None:
        elapsed = time.perf_counter() - self.began
        left = elapsed * (self.total - finished) / finished if finished else float("nan")
        self.tell(
            Progress(
                stage=self.stage,
                finished=finished,
                total=self.total,
                elapsed=elapsed,
                remaining=left,
            )
        )
