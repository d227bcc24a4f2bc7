import numpy as np
import xarray as xr
from numpy.testing import assert_allclose

from bayesbio.surrogate.gaussian_process.inputs import OutcomeTransform
from bayesbio.surrogate.gaussian_process.tables import (
    hash_of,
    hyperparameters,
    judge,
    left_out_draws,
    posterior_tree,
)


def test_hyperparameters_stand_in_the_units_of_the_data(fitted):
    process = fitted.gaussian_process
    posterior = fitted.posterior["posterior"].to_dataset()
    width = fitted.data["temperature"].max() - fitted.data["temperature"].min()
    assert_allclose(
        posterior["length_scale"].to_numpy().ravel(), width * np.exp(process.parameters[:, 2])
    )
    spread = fitted.data["outcome"].std(ddof=0)
    assert_allclose(posterior["noise"].to_numpy().ravel(), spread * np.exp(process.eta[:, 0]))
    assert posterior["noise"].attrs["units"] == "g/L"


def test_after_a_log_link_amplitudes_are_relative(fitted):
    variables = hyperparameters(
        fitted.gaussian_process,
        domain=fitted.domain,
        transform=OutcomeTransform("log", 0.0, 1.0),
        unit="g/L",
        prefix="bench_",
    )
    assert variables["bench_amplitude"][2] == {"units": "1 (relative)"}


def test_a_tree_of_two_processes_adds_energies_and_joins_divergences(fitted):
    process = fitted.gaussian_process
    tree = posterior_tree({}, [process, process], inputs=("temperature",))
    energy = tree["sample_stats/energy"].to_numpy().ravel()
    assert_allclose(energy, 2.0 * process.energy)


def test_left_out_draws_have_the_leave_one_out_mean(fitted):
    drawn = left_out_draws(fitted.gaussian_process, random_seed=1)
    assert drawn.shape == (400, 24)
    expected = np.mean([fitted.gaussian_process.left_out(d)[0] for d in range(0, 2800, 40)], axis=0)
    assert np.abs(drawn.mean(axis=0) - expected).max() < 0.3


def test_readings_outside_their_left_out_intervals_are_noted():
    rng = np.random.default_rng(1)
    amplitude = (("chain", "draw"), np.exp(rng.normal(size=(2, 500))))
    stats = xr.Dataset({"diverging": (("chain", "draw"), np.zeros((2, 500), bool))})
    tree = xr.DataTree.from_dict(
        {"posterior": xr.Dataset({"amplitude": amplitude}), "sample_stats": stats}
    )
    drawn = rng.normal(size=(400, 10))
    verdict = judge(tree, {"": (drawn, np.repeat([0.0, 5.0], 5))})
    item = verdict["left-out coverage"]
    assert item.value == 0.5 and not item.passed and item.advisory


def test_a_hash_tells_shapes_and_texts_apart():
    assert hash_of(np.zeros((2, 3))) != hash_of(np.zeros((3, 2)))
    assert hash_of("a", np.zeros(2)) != hash_of("b", np.zeros(2))
