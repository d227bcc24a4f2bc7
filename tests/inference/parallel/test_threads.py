"""One BLAS thread while work runs, one core in a job, and everything as before afterwards."""

import threading

from threadpoolctl import threadpool_info, threadpool_limits

from bayesbio.inference.parallel.threads import single_job, thread_policy, usable_cores


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
