"""What cannot be solved ends in not-a-number and a reason: extreme values, counts, words."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from bayesbio.data import Event, Profile
from bayesbio.mechanistic import LIBRARY, BatchCulture, MammalianFedBatch
from bayesbio.ode.codegen.cache import kernels
from bayesbio.ode.schedule.dynamic_events import problem_of
from bayesbio.ode.schedule.events import Plan
from bayesbio.ode.schedule.failures import (
    REASONS,
    failure_records,
    failure_sentence,
    new_failure_log,
)
from bayesbio.ode.schedule.segments import Options

SHIPPED = list({type(model): model for model in reversed(LIBRARY)}.values())  # one of each
EXTREMES = np.array([0.0, 1e-300, 1e-12, 1e6, 1e12, 1e300, -1.0, np.inf, -np.inf, np.nan])
TIMES = np.array([0.0, 30.0, 90.0])


def extreme_values(model, traced, count, seed):
    """Rows of parameters, settings and initial states, of which one in four is extreme."""
    rng = np.random.default_rng(seed)
    usual = np.array(
        [
            model.defaults[name].centre if name in model.defaults else
            330.0 if "temperature" in name else 1.0
            for name in traced.names
        ]
    )  # fmt: skip
    values = usual * np.exp(rng.normal(0.0, 2.0, (count, len(usual))))
    extreme = rng.random(values.shape) < rng.choice([0.0, 0.05, 0.25, 1.0], (count, 1))
    return np.where(extreme, rng.choice(EXTREMES, values.shape), values)


def fuzzed(model, count, seed):
    """Solve a run with extreme values, forwards as draws and, for some, with the gradient."""
    compiled = kernels(model)
    traced = compiled.trace
    profiles = {
        name: Profile([(0.0, 320.0 if "temperature" in name else 1e-3)], "step")
        for name in traced.inputs
    }
    events = [Event(10.0, "sample", "volume", 0.05)] if "volume" in traced.fields else []
    plans = [Plan("extreme", TIMES, profiles, events)]
    problem = problem_of(traced, plans)[0]
    theta = extreme_values(model, traced, count, seed)[:, None]
    stored = np.full((count, len(TIMES), len(traced.observed)), 7.0)
    status = np.full((count, 1), -9)
    triggers = np.tile(problem.triggers, (count, 1))
    amounts = np.tile(problem.amounts, (count, 1, 1))
    of_draws = problem._replace(triggers=triggers, amounts=amounts)
    options, log = Options(1e-6, 1e-9, 0, False), new_failure_log(traced)
    results = (stored, status, triggers.copy())
    compiled.module.solve_draws(theta, of_draws, options, (0, count), results)
    for row in theta[:: max(1, count // 200)]:
        found = compiled.module.solve(row, problem, options._replace(keep=True), log)
        gradient = compiled.module.pull(row, problem, np.ones_like(found[0]), *found[1:]).theta
        assert gradient.shape == row.shape
        assert found[1][0] <= 0 or np.all(np.isnan(gradient))
    return stored, status[:, 0], len(traced.states)


def check_fuzzed(model, count, seed):
    stored, status, states = fuzzed(model, count, seed)
    assert set(status.tolist()) <= {-1, 0, *REASONS}
    assert np.all(np.isnan(stored[status > 0]))
    assert np.all(np.isfinite(stored[status <= 0][:, :, :states]))
    assert 0.02 < np.mean(status <= 0) < 0.98


@pytest.mark.parametrize("model", [BatchCulture(), MammalianFedBatch()], ids=repr)
def test_extreme_values_end_in_a_number_or_a_reason(model):
    check_fuzzed(model, 400, 1)


@pytest.mark.slow
@pytest.mark.parametrize("model", SHIPPED, ids=lambda model: type(model).__name__)
def test_a_hundred_thousand_extreme_values_end_in_a_number_or_a_reason(model):
    check_fuzzed(model, 100_000, 2)


def test_failures_are_counted_and_told_with_the_parameter_furthest_out(decay):
    compiled = kernels(decay)
    plans = [Plan(name, np.array([50.0]), {}, ()) for name in ("R1", "R2")]
    problem = problem_of(compiled.trace, plans)[0]
    log = new_failure_log(compiled.trace)
    assert failure_sentence(log, compiled.trace, ["R1", "R2"]) == ""
    theta = np.array([[0.1, 1.0], [-1e4, 1.0]])
    for _ in range(3):
        compiled.module.solve(theta, problem, Options(1e-6, 1e-9, 0, False), log)
    sentence = failure_sentence(log, compiled.trace, ["R1", "R2"], {"rate": (-1.0, 0.1)})
    assert sentence.startswith("3 solutions of a run were given up")
    assert any(f"{reason} (3)" in sentence for reason in REASONS.values())
    assert sentence.endswith("in run R2, at rate = -1e+04 1/h")


def test_threads_that_fail_at_once_share_a_log_without_mixing_their_records(decay):
    """Each thread fails in a run of its own with values of its own; all of it is counted."""
    compiled = kernels(decay)
    log, times, threads = new_failure_log(compiled.trace), 400, 4
    plans = [Plan(f"R{run}", np.array([50.0]), {}, ()) for run in range(threads)]
    problem = problem_of(compiled.trace, plans)[0]

    def fail(thread):
        theta = np.full((threads, 2), 0.1)
        theta[thread] = -1e4 - thread, 1.0 + thread
        for _ in range(times):
            compiled.module.solve(theta, problem, Options(1e-6, 1e-9, 0, False), log)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fail, range(threads)))
    assert log[1:4].sum() == threads * times
    final = failure_records(log)
    assert len(final) == 8
    assert all((v[0], v[1]) == (-1e4 - run, 1.0 + run) for run, v in final)


SMALL = """
import sys
from pathlib import Path
import numpy as np
from bayesbio.data import Event
from bayesbio.mechanistic import BatchCulture
from bayesbio.ode import Below
from bayesbio.ode.codegen.cache import kernels
from bayesbio.ode.schedule.dynamic_events import problem_of
from bayesbio.ode.schedule.events import Plan
from bayesbio.ode.schedule.failures import new_failure_log
from bayesbio.ode.schedule.segments import Options

model = BatchCulture()
compiled = kernels(model)
checked = "boundscheck=True" in Path(compiled.module.__file__).read_text()
assert checked == (sys.argv[1] == "checked")
events = (
    Event("inoculum_time", "inoculation", "biomass", 0.4),
    Event(Below("substrate", 3.0), "stop"),
)
plans = [
    Plan("plain", np.linspace(0.0, 30.0, 700), {}, ()),
    Plan("open", np.array([0.0, 4.0, 40.0]), {}, events),
]
problem = problem_of(compiled.trace, plans)[0]._replace(triggers=np.array([2.0, 3.0]))
theta = np.array([[0.3, 1e-3, 0.5, 0.2, 20.0]] * 2)
options, log = Options(1e-7, 1e-9, 0, True), new_failure_log(compiled.trace)
found = compiled.module.solve(theta, problem, options, log)
assert np.all(found[1] <= 0)
gradient = compiled.module.pull(theta, problem, np.ones_like(found[0]), *found[1:])
print(repr(float(found[0].sum())), repr(float(gradient.theta.sum())))
"""


def start(folder, **environment):
    """Run the small case in a process of its own, with a cache of its own."""
    home = str(Path(__file__).parents[3])
    variables = {**os.environ, "PYTHONPATH": home, "BAYESBIO_CACHE_DIR": str(folder)}
    variables.pop("NUMBA_BOUNDSCHECK", None)
    checked = "checked" if environment else "unchecked"
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SMALL, checked],
        env={**variables, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process):
    out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err
    return [float(number) for number in out.split()]


def test_every_index_stays_inside_its_array(tmp_path):
    """Many output times; a moved and a waiting event; indices are checked."""
    assert np.all(np.isfinite(finished(start(tmp_path, NUMBA_BOUNDSCHECK="1"))))


@pytest.mark.slow
def test_two_processes_that_compile_at_once_share_one_cache(tmp_path):
    together = [start(tmp_path / "shared"), start(tmp_path / "shared")]
    first, second = [finished(process) for process in together]
    assert first == second
    modules = list((tmp_path / "shared").glob("bayesbio_kernels_*.py"))
    assert len(modules) == 1
    assert finished(start(tmp_path / "shared")) == first
