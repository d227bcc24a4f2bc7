"""Balances that measurements must keep: the liquid in the vessel, and the carbon in it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from bayesbio.data.findings import Finding, warning
from bayesbio.data.run import Profile, Run
from bayesbio.data.vocabulary import quantities as vocabulary

VOLUME_TOLERANCE = 0.1  # of the volume; evaporation and foam stay inside
CARBON_TOLERANCE = 0.25  # of the carbon there was; several assays add their errors
MOST_FED = 1.5  # times the start volume: what fed-batches of cells and microbes stay below
BIOMASS_CARBON = 0.488  # g carbon in 1 g of dry cells of CH1.8 O0.5 N0.2: 12.011 / 24.63
FLOWS_IN = ("feed_rate", "feed_rate_2", "base_feed_rate", "oil_feed_rate")
COUNTERS = ("cumulative_feed", "cumulative_base", "cumulative_acid")
FLOWS_OUT = ("bleed_rate", "harvest_rate")


def volume_findings(run: Run) -> Iterator[Finding]:
    """
    Compare measured volumes with what was fed and taken.

    Only where volume was measured and feeds or samples are known.

    Examples
    --------
    >>> measured = pd.DataFrame({"time_h": [0.0, 10.0], "quantity": "volume", "value": [1.0, 3.0]})
    >>> run = Run("R1", measured, profiles={"feed_rate": Profile([(0.0, 0.1), (10.0, 0.1)])})
    >>> [finding.severity for finding in volume_findings(run)]
    ['warning']
    """
    measured = _series(run, "volume")
    moved = [event for event in run.fixed_events if event.quantity == "volume"]
    flows = [name for name in (*FLOWS_IN, *FLOWS_OUT) if name in run.profiles]
    counters = {name: _series(run, name) for name in COUNTERS if name in run.quantities}
    if "feed_rate" in flows:
        counters.pop("cumulative_feed", None)
    if "base_feed_rate" in flows:
        counters.pop("cumulative_base", None)
    if "feed_rate" in flows and "oil_feed_rate" in flows:
        flows.remove("oil_feed_rate")  # the same oil by another name
    if len(measured) < 2 or not (moved or flows or counters):
        return
    times = measured.index.to_numpy(float)
    volumes = measured.to_numpy(float)
    expected = np.full(len(times), volumes[0])
    for name in flows:
        sign = 1.0 if name in FLOWS_IN else -1.0
        profile = run.profiles[name]
        expected += sign * np.array([fed(profile, times[0], time) for time in times])
    for series in counters.values():
        added = np.interp(times, series.index.to_numpy(float), series.to_numpy(float))
        expected += added - added[0]
    for event in moved:
        sign = {"bolus": 1.0, "sample": -1.0}.get(event.kind, 0.0)
        expected += sign * event.amount * ((times > event.hour) & (event.hour >= times[0]))
    gap = np.abs(volumes - expected)
    worst = int(np.argmax(gap / np.maximum(volumes, 1e-12)))
    if gap[worst] > VOLUME_TOLERANCE * max(volumes[worst], expected[worst]):
        yield warning(
            f"The volume balance does not close: at {times[worst]:g} h {volumes[worst]:.3g} L were "
            f"measured, but start, feeds and samples add up to {expected[worst]:.3g} L.",
            "Check the units of the feed (mL/h, L/h, L/d), and that base and samples are listed.",
            run=run.name,
            time=times[worst],
        )


def filling_findings(run: Run) -> Iterator[Finding]:
    """
    Find feeds into a vessel of unknown volume, and feeds and samples that it cannot hold or give.

    Examples
    --------
    >>> pump = {"feed_rate": Profile([(0.0, 0.06), (120.0, 0.0)], "step")}
    >>> run = Run("R1", settings={"initial_volume": 2.0}, profiles=pump)
    >>> [finding.what for finding in filling_findings(run)]
    ['feeds add 7.2 L to a vessel that held 2 L at the start.']
    """
    boluses = [event for event in run.fixed_events if event.kind == "bolus"]
    volumes = [event.amount for event in boluses if event.quantity == "volume"]
    samples = [e.amount for e in run.fixed_events if e.kind == "sample" and e.quantity == "volume"]
    flows = {
        name: fed(run.profiles[name], 0.0, float(run.profiles[name].times[-1]))
        for name in FLOWS_IN
        if name in run.profiles and np.any(run.profiles[name].values > 0)
    }
    measured = _series(run, "volume")
    start = run.settings.get("initial_volume", run.settings.get("volume"))
    start = measured.iloc[0] if start is None and len(measured) else start
    if start is None:
        if boluses or flows:
            what = boluses[0].of or f"a bolus of {boluses[0].quantity}" if boluses else [*flows][0]
            yield warning(
                f"{what} is added, and no volume says what it is added to.",
                "Add a column with the volume at the start, such as 'Start volume (L)', or the "
                "readings of the volume.",
                run=run.name,
            )
        return
    added, out = sum(volumes) + sum(flows.values()), any(n in run.profiles for n in FLOWS_OUT)
    if isinstance(start, str) or out or "perfusion_rate" in run.profiles:
        return
    if added > MOST_FED * float(start):
        daily = flows and sum(flows.values()) / 24.0 + sum(volumes) < 0.5 * MOST_FED * float(start)
        slip = (
            f"If the rates are per day, not per hour, {sum(flows.values()) / 24.0:.3g} L were fed: "
            "head the column (mL/d). "
            if daily
            else ""
        )
        yield warning(
            f"feeds add {added:.3g} L to a vessel that held {float(start):.3g} L at the start.",
            f"{slip}Check the units of feeds and of the start volume.",
            run=run.name,
        )
    if sum(samples) > float(start) + added:
        yield warning(
            f"samples take {sum(samples):.3g} L out of {float(start) + added:.3g} L.",
            "Check the unit of the samples.",
            run=run.name,
        )


def _series(run: Run, name: str) -> pd.Series:
    """Mean of a quantity at each of its times."""
    rows = run.measurements
    rows = rows[(rows["quantity"] == name) & (rows["flag"] == "")]
    return rows.groupby("time_h")["value"].mean()


def fed(profile: Profile, start: float, end: float) -> float:
    """
    Integrate a flow over time, as its interpolation says.

    Parameters
    ----------
    profile : Profile [L/h]
    start, end : float [h]

    Returns
    -------
    float [L]

    Examples
    --------
    >>> fed(Profile([(0.0, 1.0), (2.0, 3.0)], "step"), 0.0, 4.0)
    8.0
    """
    if end <= start:
        return 0.0
    inner = profile.times[(profile.times > start) & (profile.times < end)]
    knots = np.concatenate([[start], inner, [end]])
    values = np.asarray(profile.at(knots), float)
    if profile.interpolation == "step":
        return float(np.sum(values[:-1] * np.diff(knots)))
    return float(np.trapezoid(values, knots))


def carbon_findings(run: Run) -> Iterator[Finding]:
    """
    Find more carbon in what was measured than start and feeds supplied.

    Only where all that is fed is known; carbon that leaves as carbon dioxide is no finding.

    Examples
    --------
    >>> measured = pd.DataFrame(
    ...     {"time_h": [0.0, 0.0, 9.0, 9.0], "quantity": ["glucose", "ethanol"] * 2,
    ...      "value": [10.0, 0.0, 0.0, 51.0]})
    >>> [finding.severity for finding in carbon_findings(Run("R1", measured))]
    ['warning']
    """
    flows = [name for name in run.profiles if name in FLOWS_IN and name != "base_feed_rate"]
    if any(np.any(run.profiles[name].values > 0) for name in flows):
        return  # what the feed brings is the model's business
    if any(event.kind == "bolus" for event in run.events):
        return
    rows = run.measurements[run.measurements["flag"].isin(["", "below"])]
    table = rows.pivot_table(index="time_h", columns="quantity", values="value", aggfunc="mean")
    shares = {str(name): _carbon(str(name)) for name in table.columns}
    counted = [name for name, share in shares.items() if share > 0]
    sugars = [name for name in counted if name in SOURCES]
    if len(counted) < 2 or not sugars or table.empty:
        return
    first = table[counted].dropna(subset=sugars).head(1)
    if first.empty:
        return
    carbon = sum(table[name].interpolate("index").fillna(0.0) * shares[name] for name in counted)
    carbon = pd.Series(carbon, index=table.index)
    supplied = float(carbon.loc[first.index[0]])
    worst = carbon.idxmax()
    excess = float(carbon.loc[worst]) - supplied
    if supplied > 0 and excess > CARBON_TOLERANCE * supplied and excess > 0.5:
        yield warning(
            f"The carbon balance does not close: at {worst:g} h {', '.join(counted)} hold "
            f"{float(carbon.loc[worst]):.3g} g carbon/L, more than the {supplied:.3g} g/L at "
            f"{first.index[0]:g} h, and no feed is listed.",
            "List the feed, measure the other substrate, or check the units.",
            run=run.name,
            time=worst,
        )


SOURCES = (
    "glucose",
    "fructose",
    "galactose",
    "sucrose",
    "lactose",
    "maltose",
    "xylose",
    "arabinose",
    "mannose",
    "glycerol",
    "methanol",
    "residual_oil",
    "substrate",
)


def _carbon(name: str) -> float:
    """Mass of carbon per mass; 0 where it is not known."""
    if name in ("biomass", "lipid_free_biomass"):
        return BIOMASS_CARBON if name == "biomass" else 0.0
    word = vocabulary.find(name)
    return word.mass_fraction("C") if word is not None and word.unit == "g/L" else 0.0
