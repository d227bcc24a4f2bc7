"""What tests share: no open windows, no progress bars, and one switch that shifts all seeds."""

import os

import numpy as np
import pytest

os.environ.setdefault("MPLBACKEND", "Agg")

_default_rng = np.random.default_rng


def pytest_addoption(parser):
    parser.addoption(
        "--seed-shift",
        type=int,
        default=0,
        help="shift the seed of every random generator: no test may depend on one lucky seed",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    """Shift seeds while a test under tests/ and its fixtures run; doctests keep theirs."""
    shift = item.config.getoption("--seed-shift")
    if not shift:
        return (yield)
    import nutpie

    nutpie_sample = nutpie.sample

    def default_rng(seed=None):
        whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
        return _default_rng([int(seed), shift] if whole else seed)

    def sample(*arguments, seed=None, **options):
        return nutpie_sample(
            *arguments, seed=None if seed is None else (seed + shift) % 2**31, **options
        )

    np.random.default_rng, nutpie.sample = default_rng, sample
    try:
        return (yield)
    finally:
        np.random.default_rng, nutpie.sample = _default_rng, nutpie_sample
