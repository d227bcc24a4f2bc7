"""
Thread policy: one thread for BLAS, the usable cores for numba, one core for a job in a worker.

Chains, runs and jobs are what runs side by side. A BLAS that starts a thread a core beside them
spends its time waiting (a monitor learns 40 runs in 1.2 s instead of 9.8 s with one BLAS thread),
and its sums depend on how many threads there are.
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numba
from numba.np.ufunc import parallel
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

# For processes that are started as workers: one thread, whichever library reads it.
SINGLE_THREADED = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
_WORKER = "BAYESBIO_WORKER"  # marks the environment of a process that does jobs
_in_job = contextvars.ContextVar("in_job", default=False)


def usable_cores() -> int:
    """
    Cores that this process may use: one within a job of `map_jobs`, whose neighbours use the rest.

    Examples
    --------
    >>> usable_cores() >= 1
    True
    """
    if _in_job.get() or os.environ.get(_WORKER):
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def worker_environment() -> dict[str, str]:
    """Environment variables of a process that does one job at a time on one core."""
    return {**SINGLE_THREADED, _WORKER: "1"}


@contextmanager
def thread_policy(*, cores: int | None = None) -> Iterator[None]:
    """
    Run a block with one BLAS thread, and numba on the usable cores; also a decorator.

    Every ``fit``, ``sample`` and other entry that starts work takes it. Blocks may lie within each
    other and in several threads: the setting of before comes back with the end of the last.

    Parameters
    ----------
    cores : int, optional
        Threads of numba; the usable cores by default.

    Examples
    --------
    >>> from threadpoolctl import threadpool_info
    >>> @thread_policy()
    ... def fit():
    ...     return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]
    >>> set(fit()) <= {1}
    True
    """
    with _BLAS, _numba_threads(cores or usable_cores()):
        yield


@contextmanager
def single_job() -> Iterator[None]:
    """Mark this thread as one that does a job on one core, for `usable_cores` and libraries."""
    token = _in_job.set(True)
    try:
        with thread_policy(cores=1):
            yield
    finally:
        _in_job.reset(token)


@contextmanager
def _numba_threads(cores: int) -> Iterator[None]:
    """Threads of numba in this thread, where it has started them: asking would start them."""
    if not parallel._is_initialized:
        yield
        return
    before = numba.get_num_threads()
    launched = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    numba.set_num_threads(max(1, min(cores, launched)))
    try:
        yield
    finally:
        numba.set_num_threads(before)


class _SingleThreadedBlas:
    """BLAS on one thread from the first entry to the last exit, in whichever thread they are."""

    def __init__(self) -> None:
        self.lock, self.entered = threading.Lock(), 0
        self.before: list[tuple[Any, int]] = []

    def __enter__(self) -> None:
        with self.lock:
            if not self.entered:
                controllers = ThreadpoolController().select(user_api="blas").lib_controllers
                self.before = [(each, each.num_threads) for each in controllers]
                self._set([(each, 1) for each in controllers])
            self.entered += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.entered -= 1
            if not self.entered:
                self._set(self.before)

    @staticmethod
    def _set(numbers: list[tuple[Any, int]]) -> None:
        for controller, number in numbers:
            # else only the thread that set it first could set it back
            free = getattr(controller, "clear_controlling_thread", lambda force: None)
            free(force=True)
            controller.set_num_threads(number)
            free(force=True)


_BLAS = _SingleThreadedBlas()
