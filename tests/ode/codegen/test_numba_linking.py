"""One copy of machine code: inner functions are linked, entries are called by their symbol."""

import os
import subprocess
import sys

import numpy as np
import pytest
from numba import from_dtype, njit, types

from bayesbio.ode.codegen.numba_linking import InnerCompiler, entry_by_symbol

VECTOR = types.Array(from_dtype(np.dtype(float)), 1, "C")


@njit(pipeline_class=InnerCompiler, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def square_root(x):
    if x < 0:
        raise ValueError("a root of a negative number")
    return np.sqrt(x)


@njit(pipeline_class=InnerCompiler, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def roots(x):
    found = np.empty_like(x)
    for i in range(len(x)):
        found[i] = square_root(x[i])
    return found


@njit
def entry(x):
    return roots(x)


def test_inner_functions_work_in_the_function_that_calls_them():
    np.testing.assert_allclose(entry(np.array([4.0, 9.0])), [2.0, 3.0])
    with pytest.raises(ValueError, match="negative number"):
        entry(np.array([-1.0]))


def test_inner_functions_have_no_machine_code_of_their_own():
    entry(np.ones(1))
    library = roots.overloads[(VECTOR,)].library
    assert library._compiled_object is None


def test_an_entry_is_called_by_its_symbol_and_not_copied():
    call = entry_by_symbol(entry, "bayesbio_test_roots", (VECTOR,))

    @njit
    def caller(x):
        return call((x,))

    np.testing.assert_allclose(caller(np.array([16.0, 25.0])), [4.0, 5.0])
    code = caller.inspect_llvm(caller.signatures[0])
    assert "declare" in code and "bayesbio_test_roots" in code
    assert "llvm.sqrt" not in code
    with pytest.raises(ValueError, match="negative number"):
        caller(np.array([-1.0]))


def test_an_entry_refuses_other_types():
    call = entry_by_symbol(entry, "bayesbio_test_types", (VECTOR,))

    @njit
    def caller(x):
        return call((x,))

    with pytest.raises(Exception, match="bayesbio_test_types takes"):
        caller(np.ones(3, dtype=np.float32))


PROGRAM = """
import sys
import numpy as np
from numba import from_dtype, njit, types
sys.path.insert(0, {folder!r})
from solver import entry
from bayesbio.ode.codegen.numba_linking import entry_by_symbol
VECTOR = types.Array(from_dtype(np.dtype(float)), 1, "C")
call = entry_by_symbol(entry, "bayesbio_test_second_process", (VECTOR,))
import caller_module
caller_module.bind(call)
print(caller_module.CALLERS[0](np.array([3.0]))[0], sum(entry.stats.cache_hits.values()))
"""


def test_a_second_process_finds_the_entry_in_the_cache(tmp_path):
    (tmp_path / "solver.py").write_text(
        "from numba import njit\n\n\n@njit(cache=True)\ndef entry(x):\n    return 2 * x\n"
    )
    (tmp_path / "caller_module.py").write_text(
        "from numba import njit\nCALLERS = []\n\n\ndef bind(call):\n"
        "    @njit(cache=True)\n    def caller(x):\n        return call((x,))\n\n"
        "    CALLERS.append(caller)\n"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-c", PROGRAM.format(folder=str(tmp_path))]
    said = [
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert [line.split() for line in said] == [["6.0", "0"], ["6.0", "1"]]
