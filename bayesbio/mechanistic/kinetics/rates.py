"""Kinetic laws: how fast growth, death, uptake, formation and reaction go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bayesbio.mechanistic.functions import constant, exp, smooth_maximum, sqrt

__all__ = [
    "GAS_CONSTANT",
    "arrhenius",
    "byproduct_inhibition",
    "contois",
    "haldane",
    "hyperbolic_inhibition",
    "levenspiel_inhibition",
    "luedeking_piret",
    "monod",
    "moser",
    "pirt",
    "power_of_positive",
    "tessier",
]

GAS_CONSTANT = 8.31446261815324
"""Molar gas constant [J/(mol K)], CODATA 2018, doi:10.1103/RevModPhys.93.025010."""

_CORNER = 1e-6  # rounding of max(x, 0) under a power, for x of order one
_FLOOR = 1e-12  # far below zero the rounded corner cancels to 0, where an exponent has no slope


def monod(substrate: Any, *, maximum_rate: Any, half_saturation: Any) -> Any:
    """
    Monod saturation: a rate that rises with substrate, then levels off.

    Parameters
    ----------
    substrate : array, any shape [g/L]
        Concentration of the limiting substrate, zero or more.
    maximum_rate : broadcastable [1/h]
        Rate when substrate is plentiful.
    half_saturation : broadcastable [g/L]
        Monod constant: the substrate that gives half the maximum rate.

    Returns
    -------
    array, broadcast shape [1/h]

    Notes
    -----
    rate = maximum_rate * S / (K + S), Monod (1949), doi:10.1146/annurev.mi.03.100149.002103

    Examples
    --------
    >>> monod(2.0, maximum_rate=0.04, half_saturation=2.0)
    0.02
    """
    return maximum_rate * substrate / (half_saturation + substrate)


def haldane(
    substrate: Any, *, maximum_rate: Any, half_saturation: Any, inhibition_constant: Any
) -> Any:
    """
    Haldane (Andrews) kinetics: substrate limits when scarce and inhibits when in excess.

    Parameters
    ----------
    substrate : array, any shape [g/L]
        Concentration of the limiting substrate, zero or more.
    maximum_rate : broadcastable [1/h]
        Rate that would be reached without inhibition.
    half_saturation : broadcastable [g/L]
        Monod constant.
    inhibition_constant : broadcastable [g/L]
        Substrate at which inhibition alone halves the rate.

    Returns
    -------
    array, broadcast shape [1/h]

    Notes
    -----
    rate = maximum_rate * S / (K + S + S^2 / K_I), Andrews (1968), doi:10.1002/bit.260100602.
    The fastest rate is at S = sqrt(K K_I).

    Examples
    --------
    >>> haldane(2.0, maximum_rate=0.8, half_saturation=1.0, inhibition_constant=4.0)
    0.4
    """
    return (
        maximum_rate
        * substrate
        / (half_saturation + substrate + substrate * substrate / inhibition_constant)
    )


def contois(substrate: Any, *, biomass: Any, maximum_rate: Any, contois_constant: Any) -> Any:
    """
    Contois kinetics: saturation by the substrate available to each unit of biomass.

    Parameters
    ----------
    substrate : array, any shape [g/L]
        Concentration of the limiting substrate, zero or more.
    biomass : broadcastable [g/L]
        Cell concentration, greater than zero.
    maximum_rate : broadcastable [1/h]
        Rate when substrate is plentiful.
    contois_constant : broadcastable [g/g]
        Substrate per biomass that gives half the maximum rate.

    Returns
    -------
    array, broadcast shape [1/h]

    Notes
    -----
    rate = maximum_rate * S / (K X + S), Contois (1959), doi:10.1099/00221287-21-1-40

    Examples
    --------
    >>> contois(2.0, biomass=4.0, maximum_rate=0.5, contois_constant=0.5)
    0.25
    """
    return maximum_rate * substrate / (contois_constant * biomass + substrate)


def tessier(substrate: Any, *, maximum_rate: Any, tessier_constant: Any) -> Any:
    """
    Tessier saturation: an exponential approach to the maximum rate.

    Parameters
    ----------
    substrate : array, any shape [g/L]
        Concentration of the limiting substrate, zero or more.
    maximum_rate : broadcastable [1/h]
        Rate when substrate is plentiful.
    tessier_constant : broadcastable [g/L]
        Substrate that gives 63 % of the maximum rate.

    Returns
    -------
    array, broadcast shape [1/h]

    Notes
    -----
    rate = maximum_rate * (1 - exp(-S / K)), Tessier (1942); reviewed by Kovarova-Kovar and
    Egli (1998), doi:10.1128/mmbr.62.3.646-666.1998

    Examples
    --------
    >>> round(tessier(2.0, maximum_rate=1.0, tessier_constant=2.0), 4)
    0.6321
    """
    return maximum_rate * (1 - exp(-substrate / tessier_constant))


def moser(substrate: Any, *, maximum_rate: Any, half_saturation: Any, exponent: Any) -> Any:
    """
    Moser saturation: Monod with a steeper or flatter rise.

    Parameters
    ----------
    substrate : array, any shape [g/L]
        Concentration of the limiting substrate, zero or more.
    maximum_rate : broadcastable [1/h]
        Rate when substrate is plentiful.
    half_saturation : broadcastable [g/L]
        Substrate that gives half the maximum rate.
    exponent : broadcastable [1]
        Steepness; 1 is Monod.

    Returns
    -------
    array, broadcast shape [1/h]

    Notes
    -----
    rate = maximum_rate * s / (1 + s), s = (S / K)^n, Moser (1958); reviewed by Kovarova-Kovar and
    Egli (1998), doi:10.1128/mmbr.62.3.646-666.1998. Written with S / K, so that K is a
    concentration whatever the exponent (Moser's own constant is K^n).

    Examples
    --------
    >>> round(moser(4.0, maximum_rate=1.0, half_saturation=2.0, exponent=2.0), 9)
    0.8
    """
    saturation = power_of_positive(substrate / half_saturation, exponent=exponent)
    return maximum_rate * saturation / (1 + saturation)


def pirt(growth_rate: Any, *, cell_yield: Any, maintenance_rate: Any) -> Any:
    """
    Pirt uptake: substrate taken up to grow, and to stay alive.

    Parameters
    ----------
    growth_rate : array, any shape [1/h]
        Specific growth rate.
    cell_yield : broadcastable [g/g]
        True yield of biomass on substrate, maintenance apart.
    maintenance_rate : broadcastable [g/(g h)]
        Specific substrate uptake at zero growth.

    Returns
    -------
    array, broadcast shape [g/(g h)]

    Notes
    -----
    uptake = mu / Y + m, Pirt (1965), doi:10.1098/rspb.1965.0069

    Examples
    --------
    >>> pirt(0.25, cell_yield=0.5, maintenance_rate=0.02)
    0.52
    """
    return growth_rate / cell_yield + maintenance_rate


def luedeking_piret(growth_rate: Any, *, growth_associated: Any, non_growth_associated: Any) -> Any:
    """
    Luedeking-Piret product formation: one part follows growth, one part follows biomass.

    Parameters
    ----------
    growth_rate : array, any shape [1/h]
        Specific growth rate.
    growth_associated : broadcastable [g/g]
        Product formed per biomass formed.
    non_growth_associated : broadcastable [g/(g h)]
        Specific product formation rate at zero growth.

    Returns
    -------
    array, broadcast shape [g/(g h)]

    Notes
    -----
    q_P = alpha mu + beta, Luedeking and Piret (1959), doi:10.1002/jbmte.390010406

    Examples
    --------
    >>> luedeking_piret(0.25, growth_associated=2.0, non_growth_associated=0.125)
    0.625
    """
    return growth_associated * growth_rate + non_growth_associated


def arrhenius(
    temperature: Any, *, rate_at_reference: Any, activation_energy: Any, reference_temperature: Any
) -> Any:
    """
    Arrhenius law around a reference temperature.

    Parameters
    ----------
    temperature : array, any shape [K]
    rate_at_reference : broadcastable [any unit of a rate]
        Rate constant at the reference temperature.
    activation_energy : broadcastable [J/mol]
    reference_temperature : broadcastable [K]
        Best in the middle of the data: it takes most of the correlation out of the two parameters.

    Returns
    -------
    array, broadcast shape [unit of rate_at_reference]

    Notes
    -----
    k = k_ref exp(-E / R (1 / T - 1 / T_ref)), Arrhenius (1889), doi:10.1515/zpch-1889-0416; on the
    reference temperature Schwaab and Pinto (2007), doi:10.1016/j.ces.2007.02.020

    Examples
    --------
    >>> arrhenius(
    ...     333.15, rate_at_reference=0.5, activation_energy=60e3, reference_temperature=333.15
    ... )
    0.5
    """
    gas_constant = constant(GAS_CONSTANT, "J/(mol K)", like=temperature)
    distance = 1 / temperature - 1 / reference_temperature
    return rate_at_reference * exp(-activation_energy / gas_constant * distance)


def hyperbolic_inhibition(inhibitor: Any, *, inhibition_constant: Any) -> Any:
    """
    Hyperbolic inhibition: the share of a rate that is left beside an inhibitor.

    Parameters
    ----------
    inhibitor : array, any shape [g/L]
        Concentration of the product or by-product, zero or more.
    inhibition_constant : broadcastable [g/L]
        Concentration that halves the rate.

    Returns
    -------
    array, broadcast shape [1]

    Notes
    -----
    share = K / (K + P); reviewed by Han and Levenspiel (1988), doi:10.1002/bit.260320404

    Examples
    --------
    >>> hyperbolic_inhibition(3.0, inhibition_constant=1.0)
    0.25
    """
    return inhibition_constant / (inhibition_constant + inhibitor)


def byproduct_inhibition(byproducts: Sequence[Any], *, inhibition_constants: Sequence[Any]) -> Any:
    """
    Inhibition by several by-products at once, such as lactate and ammonium.

    Parameters
    ----------
    byproducts : sequence of arrays, any broadcastable shapes [g/L]
        Concentrations, zero or more.
    inhibition_constants : sequence of the same length [g/L]
        Concentration of each that alone halves the rate.

    Returns
    -------
    array, broadcast shape [1]
        The share of the rate that is left; 1 for no by-products.

    Notes
    -----
    share = product of K_i / (K_i + c_i), as for lactate and ammonium in Xing et al. (2010),
    doi:10.1002/btpr.284

    Examples
    --------
    >>> byproduct_inhibition([3.0, 1.0], inhibition_constants=[1.0, 1.0])
    0.125
    """
    share: Any = 1.0
    for byproduct, inhibition_constant in zip(byproducts, inhibition_constants, strict=True):
        share = share * hyperbolic_inhibition(byproduct, inhibition_constant=inhibition_constant)
    return share


def levenspiel_inhibition(product: Any, *, maximum_product: Any, exponent: Any) -> Any:
    """
    Levenspiel inhibition: the rate falls to zero at a maximum product concentration.

    Parameters
    ----------
    product : array, any shape [g/L]
        Concentration of the inhibiting product, zero or more.
    maximum_product : broadcastable [g/L]
        Concentration at which nothing grows any more.
    exponent : broadcastable [1]
        Toxic power; 1 is a straight line.

    Returns
    -------
    array, broadcast shape [1]
        The share of the rate that is left; zero beyond ``maximum_product``.

    Notes
    -----
    share = (1 - P / P_max)^n, Levenspiel (1980), doi:10.1002/bit.260220810

    Examples
    --------
    >>> round(levenspiel_inhibition(20.0, maximum_product=40.0, exponent=2.0), 9)
    0.25
    """
    return power_of_positive(1 - product / maximum_product, exponent=exponent)


def power_of_positive(base: Any, *, exponent: Any) -> Any:
    """
    Power of a number of order one that is taken as zero where it is negative.

    A solver's trial step may carry a concentration slightly below zero, where a broken power is
    not a number; the corner at zero is rounded over 1e-6 and lifted by 1e-12: slopes stay finite.

    Parameters
    ----------
    base : array, any shape [1]
    exponent : broadcastable [1]
        Greater than zero.

    Returns
    -------
    array, broadcast shape [1]

    Examples
    --------
    >>> round(power_of_positive(0.25, exponent=0.5), 9)
    0.5
    >>> power_of_positive(-0.25, exponent=1.5) < 1e-15
    True
    """
    rounded = smooth_maximum(base, 0, width=_CORNER)
    return sqrt(rounded * rounded + _FLOOR * _FLOOR) ** exponent
