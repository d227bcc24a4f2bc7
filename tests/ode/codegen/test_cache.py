"""The cache of compiled models: private, no byte code is executed, the same bits come from it."""

from __future__ import annotations

import importlib.util
import logging
import os
import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

from bayesbio.mechanistic import BatchReactor
from bayesbio.ode.codegen import cache


def test_a_new_cache_is_its_users_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("BAYESBIO_CACHE_DIR", str(tmp_path / "made" / "here"))
    folder = cache.cache_folder()
    assert folder == tmp_path / "made" / "here"
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("inner", ["", "__pycache__"])
def test_a_folder_that_others_can_write_is_not_used(tmp_path, monkeypatch, caplog, inner):
    opened = tmp_path / "shared" / inner
    opened.mkdir(parents=True)
    (tmp_path / "shared").chmod(0o700)
    opened.chmod(0o777)
    monkeypatch.setenv("BAYESBIO_CACHE_DIR", str(tmp_path / "shared"))
    with caplog.at_level(logging.WARNING):
        folder = cache.cache_folder()
    assert folder != tmp_path / "shared"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert "others can write" in caplog.text


def test_planted_byte_code_does_not_run(tmp_path, monkeypatch):
    monkeypatch.setenv("BAYESBIO_CACHE_DIR", str(tmp_path))
    tmp_path.chmod(0o700)
    source, key = "value = 1\n", "0123456789abcdef01234567"
    path = tmp_path / f"bayesbio_kernels_{key}.py"
    path.write_text(source)
    evil = tmp_path / "evil.py"
    evil.write_text("value = 2\n")
    py_compile.compile(
        str(evil),
        cfile=importlib.util.cache_from_source(str(path)),
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    try:
        assert cache.load_module(key, source).value == 1
    finally:
        sys.modules.pop(f"bayesbio_kernels_{key}", None)


def test_a_source_that_was_changed_on_disk_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("BAYESBIO_CACHE_DIR", str(tmp_path))
    tmp_path.chmod(0o700)
    (tmp_path / "bayesbio_kernels_abc.py").write_text("value = 3\n")
    with pytest.raises(ImportError, match="is not what was generated"):
        cache.load_module("abc")


def test_equal_equations_share_a_module_and_equal_models_a_trace():
    first, second = BatchReactor(isothermal=True), BatchReactor(isothermal=True)
    assert cache.kernels(first) is cache.kernels(second)


def test_kernels_are_compiled_without_fast_math():
    """What may be reassociated or contracted has other bits in every copy that is optimised."""
    source = Path(cache.kernels(BatchReactor(isothermal=True)).module.__file__).read_text()
    assert "fastmath" not in source
    assert "parallel=True" not in source  # no OpenMP, whose forked children are killed


GRADIENTS = """
import hashlib
import numpy as np
import pandas as pd
from bayesbio.calibrate.coordinates.starts import CompiledProblem
from bayesbio.calibrate.problem.formulation import formulate
from bayesbio.calibrate.requests import FitRequest, Tolerances
from bayesbio.data import Campaign, Run
from bayesbio.mechanistic import BatchCulture

times = np.arange(0.0, 25.0, 4.0)
runs = []
for name, rate in (("A", 0.3), ("B", 0.35)):
    values = 9.5 / (1 + (9.5 / 0.2 - 1) * np.exp(-rate * times))
    frame = pd.DataFrame({"time_h": times, "quantity": "biomass", "value": values})
    runs.append(Run(name, frame, {"initial_biomass": 0.2, "initial_substrate": 20.0}))
campaign = Campaign(runs)
"""
FIT = """
from bayesbio.calibrate import fit
result = fit(campaign, BatchCulture(), random_seed=1, draws=60, tune=100, chains=2)
print(hashlib.sha256(result.draws["maximum_growth_rate"].to_numpy().tobytes()).hexdigest())
"""
DENSITY = """
import pytensor
import pytensor.tensor as pt
from bayesbio.ode import trajectories
with pytensor.config.change_flags(numba__fastmath=False):
    names = BatchCulture().Parameters._fields
    values = [pt.dscalar(name) for name in names]
    course = trajectories(BatchCulture(), campaign, dict(zip(names, values)))["biomass"]
    total = (course**2).sum()
    compute = pytensor.function(values, [total, *pytensor.grad(total, values)], mode="NUMBA")
found = [compute(*np.exp(np.random.default_rng(i).normal(-1, 1, 3))) for i in range(300)]
print(hashlib.sha256(np.array(found).tobytes()).hexdigest())
"""


def printed(folder, program):
    """What a program prints in a new process, with a cache of its own in a folder."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "BAYESBIO_CACHE_DIR": str(folder / "kernels"),
        "PYTENSOR_FLAGS": f"base_compiledir={folder / 'pytensor'}",
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


@pytest.mark.slow
@pytest.mark.parametrize("program", [DENSITY, FIT], ids=["gradients", "draws"])
def test_code_compiled_afresh_and_code_from_the_cache_give_the_same_bits(tmp_path, program):
    """The first process finds no cache at all, the others what it left."""
    first, *others = [printed(tmp_path, GRADIENTS + program) for _ in range(3)]
    assert others == [first, first]
