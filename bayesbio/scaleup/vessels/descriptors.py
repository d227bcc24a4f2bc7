"""What an engineer calls the scale of a stirred vessel, and whether the runs can tell it apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.data import Campaign
from bayesbio.errors import DataError

GRAVITY = 9.81  # m/s2
WATER_DENSITY = 1000.0  # kg/m3
WATER_VISCOSITY = 1e-3  # Pa s
RUSHTON = 5.0  # power number of a Rushton turbine in turbulent flow
POWER_OF_VOLUME = 0.999  # R2 from which a descriptor is a power of the volume

# (log coefficient [kLa in 1/s], exponent of P/V, exponent of gas velocity), and their standard
# deviations: van 't Riet gives 20 to 40 % for kLa itself.
OXYGEN_TRANSFER: Mapping[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "coalescing": ((math.log(2.6e-2), 0.4, 0.5), (0.3, 0.1, 0.1)),
    "non_coalescing": ((math.log(2.0e-3), 0.7, 0.2), (0.3, 0.1, 0.1)),
}
UNITS: Mapping[str, str] = {
    "power_per_volume": "W/m3",
    "tip_speed": "m/s",
    "superficial_gas_velocity": "m/s",
    "oxygen_transfer_coefficient": "1/h",
    "mixing_time": "s",
    "reynolds_number": "1",
    "froude_number": "1",
    "aeration_number": "1",
}


def power_per_volume(
    agitation: Any,
    *,
    impeller_diameter: Any,
    volume: Any,
    power_number: Any = RUSHTON,
    impellers: Any = 1,
    density: Any = WATER_DENSITY,
) -> Any:
    """
    Power that the stirrer puts into the liquid, without gas.

    Parameters
    ----------
    agitation : array [1/min]
        Stirrer speed.
    impeller_diameter : broadcastable [m]
    volume : broadcastable [L]
        Working volume.
    power_number : broadcastable [1]
        5 for a Rushton turbine in turbulent flow, 0.3 to 1.5 for hydrofoils.
    impellers : broadcastable [1]
        Number of impellers.
    density : broadcastable [kg/m3]

    Returns
    -------
    array [W/m3]

    Notes
    -----
    P / V = n Po rho N^3 D^5 / V; Nienow (1997), doi:10.1016/S0009-2509(97)00072-9

    Examples
    --------
    >>> round(power_per_volume(60.0, impeller_diameter=1.0, volume=5000.0), 6)
    1000.0
    """
    power = impellers * power_number * density * (agitation / 60.0) ** 3 * impeller_diameter**5
    return power / (volume / 1000.0)


def tip_speed(agitation: Any, *, impeller_diameter: Any) -> Any:
    """
    Speed of the impeller's tip.

    Parameters
    ----------
    agitation : array [1/min]
    impeller_diameter : broadcastable [m]

    Returns
    -------
    array [m/s]

    Notes
    -----
    v = pi N D

    Examples
    --------
    >>> round(tip_speed(60.0, impeller_diameter=1.0), 6)
    3.141593
    """
    return math.pi * agitation / 60.0 * impeller_diameter


def superficial_gas_velocity(air_flow: Any, *, vessel_diameter: Any) -> Any:
    """
    Gas flow per cross section of the vessel.

    Parameters
    ----------
    air_flow : array [L/h]
    vessel_diameter : broadcastable [m]

    Returns
    -------
    array [m/s]

    Examples
    --------
    >>> round(superficial_gas_velocity(3.6e6, vessel_diameter=2.0), 6)
    0.31831
    """
    return air_flow / 3.6e6 / (math.pi / 4.0 * vessel_diameter**2)


def oxygen_transfer_coefficient(
    power_per_volume: Any,
    *,
    superficial_gas_velocity: Any,
    broth: str = "coalescing",
    coefficients: tuple[Any, Any, Any] | None = None,
) -> Any:
    """
    Volumetric oxygen transfer coefficient of a stirred and gassed vessel.

    Parameters
    ----------
    power_per_volume : array [W/m3]
    superficial_gas_velocity : broadcastable [m/s]
    broth : {"coalescing", "non_coalescing"}
        Water-like, or with salts that keep bubbles apart.
    coefficients : (coefficient [1/s], exponent of P/V, exponent of gas velocity), optional
        In place of the published ones; arrays of draws from `oxygen_transfer_draws` for example.

    Returns
    -------
    array [1/h]

    Raises
    ------
    DataError
        If the broth is unknown.

    Notes
    -----
    kLa = K (P/V)^a v_s^b; van 't Riet (1979), doi:10.1021/i260071a001: coalescing K = 0.026,
    a = 0.4, b = 0.5; non-coalescing K = 0.002, a = 0.7, b = 0.2; accurate to 20 to 40 %, for 500
    to 10 000 W/m3.

    Examples
    --------
    >>> round(oxygen_transfer_coefficient(1000.0, superficial_gas_velocity=0.01), 2)
    148.34
    """
    if coefficients is None:
        (log_coefficient, power, gas), _ = _published(broth)
        coefficients = (math.exp(log_coefficient), power, gas)
    coefficient, power, gas = coefficients
    return 3600.0 * coefficient * power_per_volume**power * superficial_gas_velocity**gas


def oxygen_transfer_draws(
    number: int, *, random_seed: int, broth: str = "coalescing"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Draw coefficients of the correlation for kLa, which is known to 20 to 40 % only.

    Parameters
    ----------
    number : int
        How many draws.
    random_seed : int
    broth : {"coalescing", "non_coalescing"}

    Returns
    -------
    coefficient, exponent of P/V, exponent of gas velocity : arrays, shape (number,)
        Coefficient lognormal with 30 %, exponents normal with 0.1.

    Examples
    --------
    >>> drawn = oxygen_transfer_draws(4000, random_seed=1)
    >>> kla = oxygen_transfer_coefficient(
    ...     1000.0, superficial_gas_velocity=0.01, coefficients=drawn)
    >>> bool(50.0 < np.median(kla) < 400.0)
    True
    """
    centre, spread = _published(broth)
    drawn = np.random.default_rng(random_seed).normal(centre, spread, size=(number, 3))
    return np.exp(drawn[:, 0]), drawn[:, 1], drawn[:, 2]


def mixing_time(power_per_volume: Any, *, vessel_diameter: Any, impeller_diameter: Any) -> Any:
    """
    Time to mix a baffled vessel that is as high as wide, in turbulent flow.

    Parameters
    ----------
    power_per_volume : array [W/m3]
    vessel_diameter, impeller_diameter : broadcastable [m]

    Returns
    -------
    array [s]

    Notes
    -----
    theta = 5.9 T^(2/3) eps^(-1/3) (D/T)^(-1/3), eps = P / (rho V); Nienow (1997),
    doi:10.1016/S0009-2509(97)00072-9

    Examples
    --------
    >>> round(mixing_time(1000.0, vessel_diameter=1.0, impeller_diameter=1.0), 6)
    5.9
    """
    dissipation = power_per_volume / WATER_DENSITY
    ratio = impeller_diameter / vessel_diameter
    return 5.9 * vessel_diameter ** (2 / 3) * dissipation ** (-1 / 3) * ratio ** (-1 / 3)


def reynolds_number(
    agitation: Any,
    *,
    impeller_diameter: Any,
    density: Any = WATER_DENSITY,
    viscosity: Any = WATER_VISCOSITY,
) -> Any:
    """
    Inertia over viscosity at the impeller, rho N D^2 / mu; turbulent above 10 000.

    Parameters
    ----------
    agitation : array [1/min]
    impeller_diameter : broadcastable [m]
    density : broadcastable [kg/m3]
    viscosity : broadcastable [Pa s]

    Returns
    -------
    array [1]

    Examples
    --------
    >>> round(reynolds_number(60.0, impeller_diameter=0.1))
    10000
    """
    return density * agitation / 60.0 * impeller_diameter**2 / viscosity


def froude_number(agitation: Any, *, impeller_diameter: Any) -> Any:
    """
    Inertia over gravity at the impeller, N^2 D / g.

    Parameters
    ----------
    agitation : array [1/min]
    impeller_diameter : broadcastable [m]

    Returns
    -------
    array [1]

    Examples
    --------
    >>> froude_number(60.0, impeller_diameter=9.81)
    1.0
    """
    return (agitation / 60.0) ** 2 * impeller_diameter / GRAVITY


def aeration_number(air_flow: Any, *, agitation: Any, impeller_diameter: Any) -> Any:
    """
    Gas flow over pumping of the impeller, Q / (N D^3).

    Parameters
    ----------
    air_flow : array [L/h]
    agitation : broadcastable [1/min]
    impeller_diameter : broadcastable [m]

    Returns
    -------
    array [1]

    Examples
    --------
    >>> round(aeration_number(3.6e6, agitation=60.0, impeller_diameter=2.0), 6)
    0.125
    """
    return (air_flow / 3.6e6) / (agitation / 60.0 * impeller_diameter**3)


def engineering_descriptors(source: Campaign | pd.DataFrame | Mapping[str, Any]) -> pd.DataFrame:
    """
    Work out whatever the columns of the runs allow.

    Parameters
    ----------
    source : Campaign, DataFrame or mapping
        Runs with settings (or profiles, whose mean over time counts) in house units: volume [L],
        agitation [1/min], impeller_diameter [m], vessel_diameter [m], air_flow [L/h] or
        aeration_ratio [1/h]; optionally power_number and impellers. A table has one row a run. A
        descriptor that is a column already is taken as it is.

    Returns
    -------
    DataFrame
        One row a run; the descriptors that can be formed, units in ``attrs["units"]``: see
        `UNITS`. Runs that lack a column have NaN.

    Raises
    ------
    DataError
        If a value is not positive.

    Examples
    --------
    >>> runs = {"volume": [10.0, 1e4], "agitation": [300.0, 60.0], "impeller_diameter": [0.08, 0.8]}
    >>> engineering_descriptors(runs).columns.tolist()
    ['power_per_volume', 'tip_speed', 'reynolds_number', 'froude_number']
    """
    known = _columns(source)
    for name, values in known.items():
        wrong = values[values <= 0.0]
        if len(wrong):
            raise DataError(
                f"Run {wrong.index[0]!r}: {name} is {wrong.iloc[0]:g}; sizes, speeds and flows of "
                "a vessel are above zero. Correct it, or leave the cell blank."
            )
    if "air_flow" not in known and {"aeration_ratio", "volume"} <= set(known):
        known["air_flow"] = known["aeration_ratio"] * known["volume"]

    def form(name: str, law: Any, subject: str, *others: str, optional: Iterable[str] = ()) -> None:
        if name not in known and {subject, *others} <= set(known):
            more = {other: known[other] for other in (*others, *optional) if other in known}
            known[name] = law(known[subject], **more)

    form(
        "power_per_volume", power_per_volume, "agitation", "impeller_diameter", "volume",
        optional=("power_number", "impellers"),
    )  # fmt: skip
    form("tip_speed", tip_speed, "agitation", "impeller_diameter")
    form("superficial_gas_velocity", superficial_gas_velocity, "air_flow", "vessel_diameter")
    form(
        "oxygen_transfer_coefficient", oxygen_transfer_coefficient, "power_per_volume",
        "superficial_gas_velocity",
    )  # fmt: skip
    form("mixing_time", mixing_time, "power_per_volume", "vessel_diameter", "impeller_diameter")
    form("reynolds_number", reynolds_number, "agitation", "impeller_diameter")
    form("froude_number", froude_number, "agitation", "impeller_diameter")
    form("aeration_number", aeration_number, "air_flow", "agitation", "impeller_diameter")
    found = pd.DataFrame({name: known[name] for name in UNITS if name in known})
    found.attrs["units"] = {name: UNITS[name] for name in found}
    return found


def collinearity(descriptors: pd.DataFrame, volumes: Any) -> pd.DataFrame:
    """
    Whether descriptors can be told from the volume.

    Under geometric similarity and one operating rule every descriptor is a power of the volume:
    then no data can say which of them acts.

    Parameters
    ----------
    descriptors : DataFrame
        One row a run, positive.
    volumes : array, shape (runs,) [L]

    Returns
    -------
    DataFrame
        Index descriptor; exponent (of the volume), r_squared (of that power law; both NaN where
        the descriptor is the same in all runs), distinct (whether the runs tell it from the
        volume). ``attrs["statement"]`` says it in a sentence.

    Raises
    ------
    DataError
        If there is not one volume a row.

    Examples
    --------
    >>> table = collinearity(pd.DataFrame({"tip_speed": [1.0, 2.0, 4.0]}), [10.0, 100.0, 1000.0])
    >>> table["distinct"].tolist(), float(table.loc["tip_speed", "exponent"].round(3))
    ([False], 0.301)
    """
    decades = np.log10(np.asarray(volumes, dtype=float))
    if len(decades) != len(descriptors):
        raise DataError(
            f"{len(decades)} volumes came with {len(descriptors)} rows of descriptors; give one "
            "volume a row."
        )
    told = {}
    for name in descriptors:
        values = np.log10(descriptors[name].to_numpy(float, copy=True))
        known = np.isfinite(values)
        x, y = decades[known], values[known]
        if np.ptp(y) < 1e-9 if known.any() else True:
            told[name] = (np.nan, np.nan, False)
        elif known.sum() < 3 or np.ptp(x) < 1e-9:
            told[name] = (np.nan, np.nan, bool(np.ptp(x) < 1e-9))
        else:
            exponent = float(np.cov(x, y)[0, 1] / np.var(x, ddof=1))
            share = float(np.corrcoef(x, y)[0, 1] ** 2)
            told[name] = (exponent, share, share < POWER_OF_VOLUME)
    table = pd.DataFrame.from_dict(
        told, orient="index", columns=["exponent", "r_squared", "distinct"]
    ).rename_axis("descriptor")
    table["distinct"] = table["distinct"].astype(bool)
    table.attrs["statement"] = _statement(table)
    return table


def _statement(table: pd.DataFrame) -> str:
    bound = table.index[~table["distinct"]].tolist()
    free = table.index[table["distinct"]].tolist()
    if table.empty:
        return "No engineering descriptor is known: scale means volume here."
    said = []
    if bound:
        said.append(
            f"In these runs {_listed(bound)} cannot be told from the volume: each is constant or "
            "a power of it, so the data cannot say which of them acts, and a law over volume "
            "stands for all."
        )
    if free:
        said.append(f"Told apart from the volume: {_listed(free)}.")
    return " ".join(said)


def _listed(names: list[str]) -> str:
    words = [str(name).replace("_", " ") for name in names]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _columns(source: Campaign | pd.DataFrame | Mapping[str, Any]) -> dict[str, pd.Series]:
    """Numbers by name, one entry a run."""
    if isinstance(source, Campaign):
        rows = {}
        for run in source:
            means = {name: _time_mean(profile) for name, profile in run.profiles.items()}
            rows[run.name] = {**means, **run.settings}
        frame = pd.DataFrame.from_dict(rows, orient="index")
    else:
        frame = pd.DataFrame(source)
    wanted = {
        "volume", "agitation", "impeller_diameter", "vessel_diameter", "air_flow",
        "aeration_ratio", "power_number", "impellers", *UNITS,
    }  # fmt: skip
    return {
        str(name): pd.to_numeric(frame[name], errors="coerce").astype(float)
        for name in frame
        if name in wanted and pd.to_numeric(frame[name], errors="coerce").notna().any()
    }


def _time_mean(profile: Any) -> float:
    """Mean of a control over its own time span."""
    times, values = profile.times, profile.values
    if len(times) == 1:
        return float(values[0])
    if profile.interpolation == "step":
        return float(np.average(values[:-1], weights=np.diff(times)))
    return float(np.trapezoid(values, times) / np.ptp(times))


def _published(broth: str) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    if broth not in OXYGEN_TRANSFER:
        raise DataError(f"broth={broth!r} is unknown; use {' or '.join(OXYGEN_TRANSFER)}.")
    return OXYGEN_TRANSFER[broth]
