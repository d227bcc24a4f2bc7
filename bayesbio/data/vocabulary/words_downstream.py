"""Purification: columns, filters, holds and what is read from them."""

from __future__ import annotations

from typing import Any

from bayesbio.data.vocabulary.lookup import Quantity


def _q(
    name: str, unit: str, symbol: str, description: str, aliases: str = "", **more: Any
) -> Quantity:
    """Write a quantity on one line; aliases are separated by semicolons."""
    names = tuple(alias.strip() for alias in aliases.split(";") if alias.strip())
    return Quantity(name, unit, symbol, description, names, **more)


def _parameter(name: str, unit: str, symbol: str, description: str, aliases: str = "") -> Quantity:
    return _q(name, unit, symbol, description, aliases, role="parameter")


SIGNALS = (
    _q(
        "uv_absorbance",
        "1",
        "A",
        "Absorbance at the column's outlet",
        "UV; UV280; UV 280 nm; A280; absorbance; UV signal; UV 1_280",
        lower=None,
    ),
    _q(
        "salt_concentration",
        "mol/L",
        "c_s",
        "Counter-ion in the mobile phase",
        "salt; NaCl; salt conc",
        molar_mass=58.443,
    ),
    _q(
        "outlet_concentration",
        "g/L",
        r"c_{\mathrm{out}}",
        "Protein at the outlet",
        "c_out; effluent concentration",
    ),
    _q(
        "inlet_concentration",
        "g/L",
        r"c_{\mathrm{in}}",
        "Protein at the inlet",
        "c_in; load concentration",
        role="profile",
    ),
    _q("breakthrough", "1", r"c/c_0", "Outlet over load concentration", "c/c0; C/C0"),
    _q("step_yield", "1", "Y", "Product in the pool per product loaded", "recovery; yield"),
    _q("pool_volume", "L", r"V_{\mathrm{pool}}", "Volume of the pool", ""),
    _q("column_volumes", "1", r"\mathrm{CV}", "Volume passed in column volumes", "CV"),
    _q("transmembrane_pressure", "bar", r"\mathrm{TMP}", "Pressure across the membrane", "TMP"),
    _q("permeate_flux", "L/(m2 h)", "J", "Filtrate per area and time", "flux; LMH; filtrate flux"),
    _q("turbidity_after_filter", "1", r"\tau", "Turbidity behind the filter", "filtrate turbidity"),
    _q(
        "log_reduction",
        "1",
        r"\mathrm{LRV}",
        "Decades of virus removed",
        "LRV; log reduction value",
        lower=None,
    ),
    _q("impurity", "g/L", "c_i", "Impurity concentration", ""),
)

SETUP = (
    _q(
        "flow_rate",
        "L/h",
        "Q",
        "Flow through the column",
        "flow; mobile phase flow",
        role="profile",
        interpolation="step",
    ),
    _q(
        "superficial_velocity",
        "m/h",
        "u",
        "Flow per cross section",
        "velocity; linear velocity; linear flow",
        role="setting",
    ),
    _q(
        "residence_time", "h", r"\tau", "Column volume per flow", "RT; contact time", role="setting"
    ),
    _q("column_length", "m", "L", "Bed height", "bed height; bed length", role="setting"),
    _q("column_diameter", "m", "d", "Inner diameter of the column", "", role="setting"),
    _q("column_volume", "L", r"V_c", "Volume of the packed bed", "bed volume", role="setting"),
    _q(
        "load",
        "g/L",
        r"m_L",
        "Protein loaded per column volume",
        "loading; load density; column load",
        role="setting",
    ),
    _q(
        "membrane_area",
        "m2",
        "A_m",
        "Area of the membrane or filter",
        "filter area; area",
        role="setting",
    ),
)

PARAMETERS = (
    _parameter("column_porosity", "1", r"\varepsilon_c", "Share of the bed between the particles"),
    _parameter("particle_porosity", "1", r"\varepsilon_p", "Share of pores in a particle"),
    _parameter("total_porosity", "1", r"\varepsilon_t", "Share of liquid in the bed"),
    _parameter("ionic_capacity", "mol/L", r"\Lambda", "Ionic capacity of the resin"),
    _parameter("characteristic_charge", "1", r"\nu", "Counter-ions released per bound protein"),
    _parameter("steric_factor", "1", r"\sigma", "Counter-ions shielded per bound protein"),
    _parameter(
        "adsorption_rate",
        "L/(g h)",
        r"k_{\mathrm{ads}}",
        "Adsorption rate; its unit is stated with the isotherm",
    ),
    _parameter(
        "desorption_rate",
        "1/h",
        r"k_{\mathrm{des}}",
        "Desorption rate; its unit is stated with the isotherm",
    ),
    _parameter("equilibrium_constant", "1", r"k_{\mathrm{eq}}", "Adsorption over desorption rate"),
    _parameter("henry_constant", "1", "H", "Bound over dissolved at infinite dilution"),
    _parameter(
        "maximum_binding_capacity",
        "g/L",
        r"q_{\max}",
        "Protein that fills the resin",
        "qmax; SBC; DBC; DBC10; DBC 10%",
    ),
    _parameter("langmuir_constant", "L/g", "K_L", "Langmuir affinity"),
    _parameter("axial_dispersion", "m2/h", r"D_{\mathrm{ax}}", "Axial dispersion"),
    _parameter("film_transfer", "m/h", r"k_f", "Film mass transfer"),
    _parameter("pore_diffusivity", "m2/h", r"D_p", "Diffusivity in the pores"),
    _parameter("particle_radius", "m", r"r_p", "Radius of a resin particle"),
    _parameter("sieving_coefficient", "1", "S", "Permeate over retentate concentration"),
    _parameter("membrane_resistance", "1/m", "R_m", "Resistance of the membrane"),
    _parameter(
        "filter_capacity", "L/m2", r"V_{\max}", "Volume per area that plugs the filter", "Vmax"
    ),
    _parameter("inactivation_rate", "1/h", r"k_{\mathrm{inact}}", "Loss of virus per time"),
)

QUANTITIES = (*SIGNALS, *SETUP, *PARAMETERS)
