import numpy as np
import pytest

import bayesbio
from bayesbio.errors import ModelError
from bayesbio.surrogate import emulate

RANGES = {"rate": (0.1, 0.5), "time": (0.0, 4.0)}
QUICK = {
    "gaussian_process": dict(draws=60, tune=100, chains=1, unit="g/L"),
    "polynomial_chaos": dict(draws=60, unit="g/L"),
}


def simulator(rate, time):
    return np.exp(-rate * time)


@pytest.fixture(scope="module", params=QUICK)
def surrogate(request):
    options = QUICK[request.param]
    return emulate(simulator, ranges=RANGES, method=request.param, random_seed=1, **options)


def test_a_surrogate_predicts_the_simulator_within_its_intervals(surrogate):
    prediction = surrogate.predict({"rate": [0.3, 0.2], "time": [2.0, 1.0]}, outside="refuse")
    outcome = prediction["outcome"]
    assert outcome.dims == ("chain", "draw", "point") and outcome.attrs["units"] == "g/L"
    truth = np.exp([-0.6, -0.2])
    assert np.abs(outcome.mean(("chain", "draw")) - truth).max() < 0.01
    assert surrogate.leave_one_out_q2 > 0.99
    assert not any("Q2" in sentence for sentence in surrogate.warnings)


def test_both_surrogates_keep_the_contract_of_results(surrogate, tmp_path):
    assert surrogate.model and len(surrogate.data) == 20 and surrogate.options["draws"] == 60
    assert {"eti_5", "eti_50", "eti_95"} <= set(surrogate.summary())
    assert "verdict" in surrogate.summary().attrs and surrogate.check().names
    surrogate.save(tmp_path / "surrogate.nc")
    again = bayesbio.load(tmp_path / "surrogate.nc")
    asked = {"rate": [0.3], "time": [2.0]}
    assert again.predict(asked, random_seed=3).identical(surrogate.predict(asked, random_seed=3))
    assert isinstance(again.hash, str) and again.hash == surrogate.hash


def test_beyond_the_ranges_a_surrogate_flags_or_refuses(surrogate):
    beyond = {"rate": [0.3], "time": [9.0]}
    assert surrogate.predict(beyond)["outside"].item()
    with pytest.raises(ModelError, match="time = 9 lies outside"):
        surrogate.predict(beyond, outside="refuse")


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(ModelError, match="expected low < high"):
        emulate(simulator, ranges={"rate": (1.0, 0.0)})
    with pytest.raises(ModelError, match="'gaussian_process', 'polynomial_chaos'"):
        emulate(simulator, ranges=RANGES, method="spline")
    with pytest.raises(ModelError, match="option of polynomial_chaos is 'tune'"):
        emulate(simulator, ranges=RANGES, method="polynomial_chaos", tune=10)
    with pytest.raises(ModelError, match="give .low, high. for each input"):
        emulate(simulator, ranges={})
