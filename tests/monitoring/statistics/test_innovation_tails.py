"""Heavy tails of one quantity, learned and mapped to normal."""

import numpy as np
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.data import Run
from bayesbio.monitoring import Monitor
from bayesbio.monitoring.statistics.innovation_tails import FREEDOMS, InnovationTails
from bayesbio.monitoring.statistics.innovations import Innovation
from tests.monitoring.normal_runs import normal_run


def innovation(size):
    return Innovation(0.0, np.array([0]), np.array([size]), np.eye(1), *np.ones((3, 1)))


def test_tails_of_student_t_quantiles_are_learned_and_mapped_to_normal():
    drawn = stats.t(4).ppf((np.arange(2000) + 0.5) / 2000)
    innovations = [innovation(size) for size in drawn]
    tails = InnovationTails.of([[each] for each in innovations], 1)
    assert tails.freedom == 4.0
    mapped = np.array([each.size[0] for each in tails.normal(innovations)])
    assert drawn.max() > 8.0 > 4.5 > mapped.max()
    assert_allclose(mapped, -mapped[::-1], atol=1e-9)


def test_a_known_tail_is_mapped_probability_by_probability():
    weight = (np.array(FREEDOMS) == 4.0).astype(float)[None]
    tails = InnovationTails(np.ones_like(weight), weight)
    assert_allclose(tails.reach(0.05), stats.t(4).isf(0.05), rtol=1e-2)
    (mapped,) = tails.normal([innovation(-3.0)])
    assert_allclose(mapped.size, stats.norm.ppf(stats.t(4).cdf(-3.0)), rtol=1e-3)


def test_heavy_tails_of_one_quantity_do_not_set_the_limit_for_all():
    rng = np.random.default_rng(11)

    def run(name, shift=0.0):
        rows = normal_run(rng, name, shift=shift, quantity="ph").measurements.copy()
        wild = rows["quantity"] == "glucose"
        rows.loc[wild, "value"] += 0.3 * rng.standard_t(2.5, size=wild.sum())
        return Run(name, rows)

    monitor = Monitor().fit([run(f"good {n}") for n in range(30)])
    heavy = dict(zip(monitor.quantities, monitor.tails.freedom, strict=True))
    assert heavy["glucose"] <= 7.0
    assert monitor.screen([run(f"new {n}") for n in range(60)])["alarm"].mean() <= 0.1
    assert monitor.screen([run(f"bad {n}", shift=5.0) for n in range(20)])["alarm"].mean() >= 0.8
