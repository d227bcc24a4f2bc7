"""Jobs that repeat: on processes, threads or a cluster, whatever happens to their workers."""

import os
import signal
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numba
import pytest

from bayesbio.errors import CalibrationError, DataError
from bayesbio.inference import Progress, map_jobs, usable_cores

JOBS = {f"R{number}": number for number in range(6)}
SQUARES = {name: number**2 for name, number in JOBS.items()}


def square(number):
    return number**2


def square_unless_killed(job):
    """Write down each job that comes to its end; the first to take number 2 dies of it."""
    number, folder = job
    scene = Path(folder) / "killed"
    if number == 2 and not scene.exists():
        scene.touch()
        time.sleep(2.0)  # what this worker had done before is home by now
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.2)
    with (Path(folder) / "finished").open("a") as diary:
        diary.write(f"{number}\n")
    return number**2


def die(job):
    os.kill(os.getpid(), signal.SIGKILL)


def surroundings(job):
    return usable_cores(), numba.get_num_threads(), os.getpid()


def refuse(number):
    if number == 3:
        raise DataError("glucose is negative")
    return number


def finished(folder):
    return sorted(int(line) for line in (folder / "finished").read_text().split())


@pytest.fixture
def two_cores(monkeypatch):
    monkeypatch.setattr("bayesbio.inference.parallel.jobs.usable_cores", lambda: 2)


def test_results_keep_the_order_of_the_jobs():
    with ThreadPoolExecutor(3) as pool:
        found = map_jobs(square, JOBS, executor=pool)
    assert list(found.results.items()) == list(SQUARES.items())
    assert not found.partial


@pytest.mark.slow
def test_a_function_of_a_script_or_notebook_goes_along_to_any_processes(two_cores):
    offset = 10
    jobs, expected = {"a": 1, "b": 2}, {"a": 11, "b": 12}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert map_jobs(lambda number: number + offset, jobs, executor=pool).results == expected
    assert map_jobs(lambda number: number + offset, jobs).results == expected


@pytest.mark.slow
def test_a_job_keeps_to_one_core_of_its_worker(two_cores):
    found = map_jobs(surroundings, {"a": 1, "b": 2}).results
    assert [places[:2] for places in found.values()] == [(1, 1), (1, 1)]
    assert os.getpid() not in [places[2] for places in found.values()]


def test_a_single_job_stays_in_this_process_with_all_its_cores():
    assert map_jobs(surroundings, {"a": 1}).results["a"][2] == os.getpid()


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_only_the_job_in_hand(two_cores, tmp_path):
    jobs = {name: (number, str(tmp_path)) for name, number in JOBS.items()}
    found = map_jobs(square_unless_killed, jobs)
    assert found.results == SQUARES
    assert (tmp_path / "killed").exists()
    assert set(finished(tmp_path)) == set(JOBS.values())


@pytest.mark.slow
def test_on_a_cluster_all_jobs_are_done_once_although_a_worker_is_killed(tmp_path):
    import distributed

    jobs = {name: (number, str(tmp_path)) for name, number in JOBS.items()}
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        found = map_jobs(square_unless_killed, jobs, executor=client)
    assert (tmp_path / "killed").exists()
    assert found.results == SQUARES
    assert finished(tmp_path) == sorted(JOBS.values())


@pytest.mark.slow
def test_workers_that_always_die_are_given_up_with_advice(two_cores):
    with pytest.raises(CalibrationError, match="left are a, b. Usually the memory is too small"):
        map_jobs(die, {"a": 1, "b": 2})


@pytest.mark.slow
def test_a_given_executor_that_breaks_down_leaves_what_was_done(tmp_path):
    jobs = {name: (number, str(tmp_path)) for name, number in JOBS.items()}
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = map_jobs(square_unless_killed, jobs, executor=pool)
    assert found.results == {"R0": 0, "R1": 1}
    assert found.partial
    assert found.left_undone == ("R2", "R3", "R4", "R5")
    assert "worker of the executor died" in found.reason


def test_stopped_by_ctrl_c_it_gives_what_is_done():
    presses = iter([True])

    def press(state: Progress) -> None:
        if state.finished == 2 and next(presses, False):
            raise KeyboardInterrupt

    with ThreadPoolExecutor(1) as pool:
        found = map_jobs(slowly_squared, JOBS, executor=pool, progress=press)
    assert found.results == {"R0": 0, "R1": 1}
    assert found.left_undone == ("R2", "R3", "R4", "R5")
    assert found.reason == "stopped by Ctrl-C"


def slowly_squared(number):
    time.sleep(0.3)
    return number**2


def test_an_error_names_the_job_it_happened_in():
    with pytest.raises(DataError, match="R3: glucose is negative"):
        map_jobs(refuse, {"R3": 3})


def test_progress_tells_the_remaining_time():
    heard: list[Progress] = []
    with ThreadPoolExecutor(1) as pool:
        map_jobs(square, JOBS, executor=pool, stage="squares", progress=heard.append)
    assert (heard[-1].stage, heard[-1].finished, heard[-1].total) == ("squares", 6, 6)
    assert heard[-1].remaining == 0.0


def test_what_is_no_executor_is_refused():
    with pytest.raises(CalibrationError, match="expected a concurrent.futures.Executor"):
        map_jobs(square, JOBS, executor=4)
