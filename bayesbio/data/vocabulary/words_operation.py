"""How a vessel is run: volumes, feeds, gases, stirring, controls, and what they imply."""

from __future__ import annotations

from typing import Any

from bayesbio.data.vocabulary.lookup import Quantity


def _q(
    name: str, unit: str, symbol: str, description: str, aliases: str = "", **more: Any
) -> Quantity:
    """Write a quantity on one line; aliases are separated by semicolons."""
    names = tuple(alias.strip() for alias in aliases.split(";") if alias.strip())
    return Quantity(name, unit, symbol, description, names, **more)


def _control(
    name: str, unit: str, symbol: str, text: str, aliases: str = "", **more: Any
) -> Quantity:
    return _q(name, unit, symbol, text, aliases, role="profile", **more)


def _flow(name: str, symbol: str, text: str, aliases: str = "") -> Quantity:
    return _control(name, "L/h", symbol, text, aliases, interpolation="step")


VESSEL = (
    _q(
        "volume",
        "L",
        "V",
        "Liquid volume in the vessel",
        "WV; working volume; work volume; vessel volume; culture volume; liquid volume; "
        "reactor volume;"
        "Vol; broth volume; Volumen; Arbeitsvolumen; V; current volume; bioreactor volume; V_L",
    ),
    _q(
        "adjusted_volume", "L", r"V_{\mathrm{adj}}", "Volume had no sample been taken", "adj volume"
    ),
    _q(
        "vessel_weight",
        "kg",
        "m_V",
        "Weight of the vessel's content",
        "weight; reactor weight; vessel mass; scale",
    ),
    _q(
        "sample_volume",
        "L",
        r"V_s",
        "Volume taken as a sample",
        "volume sampled; sampled volume; withdrawn volume;sample vol",
        role="sample",
    ),
    _q(
        "cumulative_feed",
        "L",
        r"V_F",
        "Feed added since the start",
        "feed; feed A; feed 1; cum feed; cumulative feed volume; total feed; total feed "
        "volume; feed total; feed volume; oil_fed;"
        "cumulated feed; feed counter; total feed added; Feed cumulative",
    ),
    _q(
        "cumulative_feed_mass",
        "kg",
        r"m_F",
        "Mass of feed added since the start",
        "cumulative feed; feed; feed A; feed weight; total feed; feed mass; cum feed",
    ),
    _q(
        "cumulative_base",
        "L",
        r"V_B",
        "Base added since the start",
        "base; base volume; base added; KOH; NaOH; total base; cumulative base volume; "
        "base total; base counter",
    ),
    _q(
        "cumulative_acid",
        "L",
        r"V_A",
        "Acid added since the start",
        "acid; acid volume; acid added; acid total",
    ),
    _q(
        "osmolality",
        "mmol/kg",
        r"\pi",
        "Osmolality of the medium",
        "osmo; osmolarity; osm; osmolality measured",
    ),
    _q("conductivity", "mS/cm", r"\kappa", "Electrical conductivity", "cond; conductivity at 25 C"),
    _q(
        "temperature",
        "K",
        "T",
        "Temperature of the vessel",
        "temp; T; culture temperature; reactor temperature; vessel temperature; "
        "Temperatur; temp.; temp PV;"
        "temperature PV; broth temperature; TEMP.PV",
    ),
    _q(
        "oxygen_uptake_rate",
        "mol/(L h)",
        r"\mathrm{OUR}",
        "Oxygen consumed per volume and time",
        "OUR",
    ),
    _q(
        "carbon_dioxide_evolution_rate",
        "mol/(L h)",
        r"\mathrm{CER}",
        "Carbon dioxide made per volume and time",
        "CER; CPR; CDPR",
    ),
    _q(
        "oxygen_transfer_rate",
        "mol/(L h)",
        r"\mathrm{OTR}",
        "Oxygen transferred per volume and time",
        "OTR",
    ),
    _q(
        "respiratory_quotient", "1", r"\mathrm{RQ}", "Carbon dioxide made per oxygen consumed", "RQ"
    ),
    _q(
        "consumed_oxygen",
        "mol",
        r"n_{O_2}",
        "Oxygen consumed since the start",
        "consumed_o2; oxygen consumed; cumulative OUR",
    ),
    _q(
        "formed_carbon_dioxide",
        "mol",
        r"n_{CO_2}",
        "Carbon dioxide made since the start",
        "formed_co2; CO2 formed; cumulative CER",
    ),
    _q(
        "carbon_dioxide_pressure",
        "mbar",
        r"p_{CO_2}",
        "Partial pressure of dissolved carbon dioxide",
        "pCO2; partial pressure CO2; PCO2",
    ),
    _q(
        "oxygen_partial_pressure",
        "mbar",
        r"p_{O_2}",
        "Partial pressure of dissolved oxygen",
        "pO2; PO2",
    ),
    _q(
        "offgas_oxygen",
        "1",
        r"y_{O_2}",
        "Oxygen share of the exhaust gas",
        "off-gas O2; exhaust O2; offgas O2; O2 out",
        upper=1.0,
    ),
    _q(
        "offgas_carbon_dioxide",
        "1",
        r"y_{CO_2}",
        "Carbon dioxide share of the exhaust gas",
        "off-gas CO2; exhaust CO2; CO2 out",
        upper=1.0,
    ),
    _q("redox_potential", "mV", "E", "Redox potential", "redox; ORP", lower=None),
)

CONTROLS = (
    _control(
        "dissolved_oxygen",
        "1",
        r"\mathrm{DO}",
        "Dissolved oxygen, share of saturation",
        "DO; pO2; dO2; dissolved O2; DOT; oxygen saturation; DO saturation; DO2; pO2 PV; "
        "DO PV; dissolved oxygen tension;"
        "DO.PV; pO2.PV; Sauerstoff; dissolved oxygen saturation; PO2",
    ),
    _control(
        "ph",
        "1",
        r"\mathrm{pH}",
        "Acidity",
        "pH; pH value; pH offline; pH online; pH PV; external pH; pH.PV; pH-Wert",
    ),
    _control(
        "agitation",
        "1/min",
        "N",
        "Stirrer speed",
        "N; stirrer; stirrer speed; agitation speed; agitation rate; rpm; impeller speed;"
        " stir; stirring; stirring speed; Ruhrer;"
        "agitator; agitator speed; Stirr; STIRR; Drehzahl; speed; stirrer PV; shake "
        "speed; agit; STIRR.PV",
    ),
    _control(
        "pressure",
        "bar",
        "p",
        "Pressure in the head space",
        "head pressure; overpressure; Druck; vessel pressure; press",
    ),
    _control(
        "jacket_temperature",
        "K",
        "T_j",
        "Temperature of the jacket",
        "jacket temp; Tj; T jacket; T_jacket; coolant temperature; jacket; "
        "Manteltemperatur; cooling temperature",
    ),
    _flow(
        "feed_rate",
        "F",
        "Feed flow into the vessel",
        "feed; feed flow; feed flow rate; feeding rate; pump rate; F; feed pump; "
        "substrate feed rate; Feed A; feed pump rate;"
        "feedrate; Zulauf; glucose feed rate; Feed 1; feed rate PV",
    ),
    _flow(
        "feed_rate_2",
        "F_2",
        "Flow of a second feed",
        "feed B; feed B rate; feed 2; feed 2 rate; second feed rate",
    ),
    _flow("oil_feed_rate", "F_o", "Flow of the oil feed", "oil_feed"),
    _flow(
        "base_feed_rate", "F_B", "Flow of the base", "base_feed; base rate; base flow; base pump"
    ),
    _flow(
        "adjusted_oil_feed_rate",
        r"F_{o,\mathrm{adj}}",
        "Adjusted flow of the oil feed",
        "adj_oil_feed",
    ),
    _flow(
        "adjusted_base_feed_rate",
        r"F_{B,\mathrm{adj}}",
        "Adjusted flow of the base",
        "adj_base_feed",
    ),
    _flow(
        "bleed_rate", "F_b", "Flow of cells out of the vessel", "bleed; bleed flow; bleed flow rate"
    ),
    _flow(
        "harvest_rate",
        "F_h",
        "Flow of cell-free broth out of the vessel",
        "harvest flow; permeate rate; harvest",
    ),
    _flow(
        "perfusion_rate", "F_p", "Flow of medium through the vessel", "perfusion; perfusion flow"
    ),
    _control("dilution_rate", "1/h", "D", "Flow per volume", "D", interpolation="step"),
    _control(
        "air_flow",
        "L/h",
        r"F_{\mathrm{air}}",
        "Air into the vessel",
        "airflow; air; aeration; aeration rate; air flow rate; Luft; air flow PV",
    ),
    _control(
        "gas_flow",
        "L/h",
        r"F_{\mathrm{gas}}",
        "All gas into the vessel",
        "gas flow; gasflow; total gas flow; gas flow rate; gassing; gassing rate; Begasung; "
        "gas flow PV; total flow",
    ),
    _control(
        "aeration_ratio",
        "1/h",
        r"\mathrm{vvm}",
        "Gas volume per liquid volume and time",
        "vvm; aeration vvm",
    ),
    _control(
        "oxygen_flow",
        "L/h",
        r"F_{O_2}",
        "Oxygen into the vessel",
        "O2 flow; O2; oxygen flow rate; oxygen gas flow",
    ),
    _control(
        "carbon_dioxide_flow",
        "L/h",
        r"F_{CO_2}",
        "Carbon dioxide into the vessel",
        "CO2 flow; CO2; CO2 flow rate",
    ),
    _control("nitrogen_flow", "L/h", r"F_{N_2}", "Nitrogen into the vessel", "N2 flow; N2"),
    _control("light", "1", "I", "Light intensity", "light intensity; PAR"),
    _control(
        "temperature_setpoint",
        "K",
        "T_{sp}",
        "Set point of the temperature",
        "temp SP; temperature SP; temp setpoint; T SP",
        interpolation="step",
    ),
    _control(
        "air_share",
        "1",
        r"y_{\mathrm{air}}",
        "Air share of the gas into the vessel",
        "air; air percent; air fraction; air output",
        upper=1.0,
    ),
    _control(
        "oxygen_share",
        "1",
        r"y_{O_2,\mathrm{in}}",
        "Added oxygen's share of the gas into the vessel",
        "O2; oxygen; O2 percent; O2 fraction; O2 enrichment; oxygen enrichment; O2 output",
        upper=1.0,
    ),
    _control(
        "feed_output",
        "1",
        r"u_F",
        "Output of the feed pump, share of its full speed",
        "feed; feed pump; feed percent; feed pump output; feed pump speed; feed A; feed 1",
        interpolation="step",
    ),
)

SCALE = (
    _q(
        "oxygen_transfer_coefficient",
        "1/h",
        r"k_La",
        "Volumetric oxygen transfer coefficient",
        "kLa",
        role="measurement",
    ),
    _q(
        "power_per_volume",
        "W/m3",
        "P/V",
        "Stirring power per volume",
        "P/V; power input; specific power input; power per vol",
        role="setting",
    ),
    _q(
        "tip_speed",
        "m/s",
        r"v_{\mathrm{tip}}",
        "Speed of the impeller's tip",
        "impeller tip speed; v_tip",
        role="setting",
    ),
    _q(
        "impeller_diameter",
        "m",
        "d_i",
        "Diameter of the impeller",
        "stirrer diameter",
        role="setting",
    ),
    _q(
        "vessel_diameter",
        "m",
        "D_v",
        "Inner diameter of the vessel",
        "tank diameter",
        role="setting",
    ),
    _q(
        "superficial_gas_velocity",
        "m/s",
        "v_s",
        "Gas flow per cross section",
        "gas velocity",
        role="setting",
    ),
    _q("mixing_time", "s", r"\theta_m", "Time to mix the vessel", "", role="setting"),
    _q(
        "nominal_volume",
        "L",
        r"V_{\mathrm{nom}}",
        "Size of the vessel",
        "scale volume; vessel size; scale L",
        role="setting",
    ),
    _q("inoculum_age", "h", r"t_{\mathrm{inoc}}", "Age of the inoculum", "", role="setting"),
    _q(
        "seeding_density",
        "1e6 cells/mL",
        "X_{v,s}",
        "Living cells per volume aimed at on inoculation",
        "seed density; inoculation density; target seeding density",
        role="setting",
    ),
    _q(
        "passage_number",
        "1",
        "n_p",
        "Passage of the seed culture",
        "passage; passage no",
        role="setting",
    ),
    _q(
        "harvest_time",
        "h",
        r"t_h",
        "When the run ends",
        "harvest day; culture length",
        role="setting",
    ),
)

QUANTITIES = (*CONTROLS, *VESSEL, *SCALE)
