"""One BLAS thread while work runs, one core in a job, and everything as before afterwards."""

import os
import threading

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from bayesbio.inference.parallel.threads import all_cores, single_job, thread_policy, usable_cores


def blas_threads():
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


def test_blas_runs_on_one_thread_within_nested_blocks_and_gets_its_threads_back():
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with thread_policy():
            with thread_policy():
                assert blas_threads() == {1}
            assert blas_threads() == {1}
        assert blas_threads() == before


def test_the_last_of_several_threads_gives_blas_its_threads_back():
    inside, leave = threading.Event(), threading.Event()

    def other():
        with thread_policy():
            inside.set()
            leave.wait(10.0)

    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with thread_policy():
            thread = threading.Thread(target=other)
            thread.start()
            assert inside.wait(10.0)
        assert blas_threads() == {1}
        leave.set()
        thread.join()
        assert blas_threads() == before


def test_a_job_keeps_to_one_core_in_its_thread_alone(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    elsewhere = []
    with single_job():
        assert usable_cores() == 1
        thread = threading.Thread(target=lambda: elsewhere.append(usable_cores()))
        thread.start()
        thread.join()
    assert elsewhere == [8] and usable_cores() == 8


def test_a_worker_process_keeps_to_one_core(monkeypatch):
    from bayesbio.inference.parallel.threads import worker_environment

    for name, value in worker_environment().items():
        monkeypatch.setenv(name, value)
    assert usable_cores() == 1


@pytest.fixture
def idle_cores(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(4)))
    monkeypatch.setattr("os.getloadavg", lambda: (0.3, 0.3, 0.3))


def shared_out(chains=1, runs=8):
    with all_cores(chains=chains, runs=runs) as found:
        return found


def test_a_single_chain_over_many_runs_has_all_cores_where_they_are_idle(idle_cores, monkeypatch):
    assert shared_out()
    assert not shared_out(chains=2)
    assert not shared_out(runs=7)
    with single_job():
        assert not shared_out()
    monkeypatch.setattr("os.getloadavg", lambda: (3.0, 0.3, 0.3))
    assert not shared_out()


def test_two_threads_never_share_work_out_at_the_same_time(idle_cores):
    found = []
    with all_cores(chains=1, runs=8) as first:
        thread = threading.Thread(target=lambda: found.append(shared_out()))
        thread.start()
        thread.join()
    assert first and found == [False]
    assert shared_out()


def test_a_process_forked_off_one_that_shared_work_out_does_not(idle_cores, monkeypatch):
    assert shared_out()
    parent = os.getpid()
    monkeypatch.setattr("os.getpid", lambda: parent + 1)
    assert not shared_out()
