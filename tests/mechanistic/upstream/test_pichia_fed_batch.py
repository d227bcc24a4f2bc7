"""Pichia: glycerol represses methanol, methanol induces the product."""

from types import SimpleNamespace as Values

from numpy.testing import assert_allclose

from bayesbio.mechanistic import PichiaFedBatch

MODEL = PichiaFedBatch()
GIVEN = {name: (each.low * each.high) ** 0.5 for name, each in MODEL.defaults.items()}


def at(glycerol, methanol, *, feed=0.0, feed_2=0.0):
    state, parameters = MODEL.State(20.0, glycerol, methanol, 0.5, 2.0), MODEL.Parameters(**GIVEN)
    inputs = Values(feed_rate=feed, feed_rate_2=feed_2)
    settings = Values(feed_glycerol=600.0, feed_methanol=790.0)
    rates = MODEL.rates(0.0, state, parameters, inputs, settings)
    return rates, MODEL.derivatives(0.0, state, parameters, inputs, settings, rates)


def test_glycerol_represses_the_use_of_methanol():
    alone, mixed = at(0.0, 2.0)[0], at(10.0, 2.0)[0]
    share = GIVEN["glycerol_repression_constant"] / (GIVEN["glycerol_repression_constant"] + 10.0)
    assert_allclose(mixed["growth_on_methanol"], share * alone["growth_on_methanol"])
    assert_allclose(mixed["production"], share * alone["production"])


def test_without_methanol_nothing_is_produced():
    rates, slopes = at(10.0, 0.0)
    assert rates["production"] == 0.0 and slopes.titer == 0.0 and slopes.biomass > 0.0


def test_two_feeds_bring_their_own_substrate_and_dilute_everything():
    _, still = at(1.0, 1.0)
    _, fed = at(1.0, 1.0, feed=0.01, feed_2=0.02)
    assert_allclose(fed.glycerol, still.glycerol + 0.01 * 600.0 / 2.0 - 0.03 / 2.0 * 1.0)
    assert_allclose(fed.methanol, still.methanol + 0.02 * 790.0 / 2.0 - 0.03 / 2.0 * 1.0)
    assert_allclose(fed.biomass, still.biomass - 0.03 / 2.0 * 20.0)
    assert_allclose(fed.volume, 0.03)
