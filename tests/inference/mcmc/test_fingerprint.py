"""One model, one fingerprint: in every process, and no other model has it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pymc as pm
import pytest

from bayesbio.inference import FunctionDensity, LogDensity, model_fingerprint


def density_of(*, sd=1.0, data=(1.0, 2.0), labels=("A", "B"), offset=0.0, label="rate"):
    with pm.Model(coords={"run": list(labels)}) as model:
        rate = pm.Normal(label, 0.0, sd, dims="run")
        pm.Deterministic("double", 2.0 * rate + offset)
        measured = pm.Data("measured", np.array(data))
        pm.Potential("fit", -((rate - measured) ** 2).sum())
    return LogDensity(model)


@pytest.mark.parametrize(
    "change",
    [
        {"sd": 2.0},
        {"data": (2.0, 1.0)},
        {"labels": ("B", "A")},
        {"offset": 1.0},
        {"label": "speed"},
    ],
    ids=str,
)
def test_priors_data_labels_and_formulas_change_it(change):
    assert model_fingerprint(density_of()) != model_fingerprint(density_of(**change))


def test_it_is_the_same_in_another_process_and_after_rounding():
    here = model_fingerprint(density_of())
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_fingerprint import density_of, model_fingerprint\n"
        "density_of(sd=3.0)\nprint(model_fingerprint(density_of()))"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert there.stdout.strip() == here
    assert model_fingerprint(density_of(data=(1.0 + 1e-12, 2.0))) == here


def test_a_plain_function_is_known_by_its_values():
    def density(scale):
        return FunctionDensity(lambda x: (-scale * float(x @ x), -2 * scale * x), 2)

    assert model_fingerprint(density(1.0)) == model_fingerprint(density(1.0))
    assert model_fingerprint(density(1.0)) != model_fingerprint(density(2.0))
