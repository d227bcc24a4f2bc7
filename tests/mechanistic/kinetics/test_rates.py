"""Kinetic laws in their limiting cases."""

import numpy as np
import pytest
import sympy
from numpy.testing import assert_allclose

from bayesbio.mechanistic.kinetics import rates

SUBSTRATE = np.linspace(0.0, 10.0, 41)


def test_the_saturation_laws_start_at_zero_and_end_at_the_maximum():
    laws = [
        rates.monod(np.array([0.0, 1e9]), maximum_rate=0.5, half_saturation=0.2),
        rates.contois(np.array([0.0, 1e9]), biomass=3.0, maximum_rate=0.5, contois_constant=0.2),
        rates.tessier(np.array([0.0, 1e9]), maximum_rate=0.5, tessier_constant=0.2),
        rates.moser(np.array([0.0, 1e9]), maximum_rate=0.5, half_saturation=0.2, exponent=2.0),
    ]
    for law in laws:
        assert_allclose(law, [0.0, 0.5], rtol=1e-8, atol=1e-11)


def test_haldane_is_monod_without_inhibition_and_peaks_at_the_geometric_mean():
    common = {"maximum_rate": 0.5, "half_saturation": 0.2}
    free = rates.haldane(SUBSTRATE, **common, inhibition_constant=1e12)
    assert_allclose(free, rates.monod(SUBSTRATE, **common), rtol=1e-10)
    around = np.sqrt(0.2 * 5.0) * np.array([0.99, 1.0, 1.01])
    below, peak, above = rates.haldane(around, **common, inhibition_constant=5.0)
    assert peak > below and peak > above


def test_moser_with_exponent_one_is_monod():
    common = {"maximum_rate": 0.5, "half_saturation": 0.2}
    moser = rates.moser(SUBSTRATE, **common, exponent=1.0)
    assert_allclose(moser, rates.monod(SUBSTRATE, **common), rtol=1e-9, atol=1e-6)


def test_moser_and_its_slopes_stay_finite_at_and_below_zero():
    symbols = sympy.symbols("S K n")
    law = rates.moser(symbols[0], maximum_rate=1.0, half_saturation=symbols[1], exponent=symbols[2])
    for variable in symbols:
        slope = sympy.lambdify(symbols, sympy.diff(law, variable), "numpy")
        for substrate in (0.0, -1e-9, -1e-3, -1.0, -1e6):
            assert np.isfinite(slope(substrate, 0.1, 1.5))


def test_contois_is_monod_with_a_constant_in_proportion_to_biomass():
    contois = rates.contois(SUBSTRATE, biomass=4.0, maximum_rate=0.5, contois_constant=0.1)
    assert_allclose(contois, rates.monod(SUBSTRATE, maximum_rate=0.5, half_saturation=0.4))


def test_levenspiel_falls_from_one_to_zero_and_stays_there():
    share = rates.levenspiel_inhibition(
        np.array([0.0, 50.0, 100.0, 150.0]), maximum_product=100.0, exponent=0.5
    )
    assert_allclose(share, [1.0, np.sqrt(0.5), 0.0, 0.0], atol=1e-3)


def test_byproducts_inhibit_independently():
    both = rates.byproduct_inhibition([1.0, 2.0], inhibition_constants=[1.0, 2.0])
    assert both == 0.25
    assert rates.byproduct_inhibition([], inhibition_constants=[]) == 1.0
    with pytest.raises(ValueError, match="shorter"):
        rates.byproduct_inhibition([1.0, 2.0], inhibition_constants=[1.0])


def test_arrhenius_doubles_in_about_ten_kelvin_at_fifty_kilojoules():
    rate = rates.arrhenius(
        308.15, rate_at_reference=1.0, activation_energy=52.9e3, reference_temperature=298.15
    )
    assert_allclose(rate, 2.0, rtol=2e-3)


def test_pirt_and_luedeking_piret_are_straight_lines():
    growth = np.array([0.0, 0.1, 0.2])
    assert_allclose(rates.pirt(growth, cell_yield=0.5, maintenance_rate=0.03), [0.03, 0.23, 0.43])
    product = rates.luedeking_piret(growth, growth_associated=2.0, non_growth_associated=0.01)
    assert_allclose(product, [0.01, 0.21, 0.41])
