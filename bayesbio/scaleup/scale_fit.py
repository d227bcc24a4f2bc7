"""A fitted scale model: its posterior, whether to believe it, and predictions at other volumes."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import log_ndtr, logsumexp

from bayesbio.data import Campaign
from bayesbio.errors import BayesbioError, CalibrationError
from bayesbio.inference import Verdict, VerdictItem, verdict_of, write_archive
from bayesbio.mechanistic import find_model
from bayesbio.ode import simulate
from bayesbio.ode.cache import kernels
from bayesbio.scaleup.law_prior import Place
from bayesbio.scaleup.pooled_law import PooledLaw
from bayesbio.scaleup.problem import ScaleProblem

KIND = "scale"
FEWEST_EFFECTIVE = 200.0  # draws that a reweighted law has to rest on
TREND_PLACES = 41


@dataclasses.dataclass(frozen=True, eq=False)
class Member:
    """
    One curve family, fitted under all laws.

    Parameters
    ----------
    problem : ScaleProblem
    tree : DataTree
        Groups posterior, sample_stats, posterior_predictive, log_likelihood, observed_data.
    log_evidence : float
        Log marginal likelihood, laws weighted equally.
    """

    problem: ScaleProblem
    tree: xr.DataTree
    log_evidence: float

    @property
    def draws(self) -> xr.Dataset:
        """Draws of the unknowns, dims (chain, draw, ...)."""
        return self.tree["posterior"].to_dataset()

    @functools.cached_property
    def z(self) -> np.ndarray:
        """Standard values of the unknowns, (draws, runs, unknowns)."""
        draws = self.draws
        values = np.stack(
            [draws[f"{name}_by_run"].to_numpy() for name in self.problem.names], axis=-1
        )
        return self.problem.standard(values.reshape(-1, *values.shape[2:]))

    @functools.cached_property
    def law_chances(self) -> np.ndarray:
        """Probability of each law at each draw, equal before data, (draws, laws)."""
        densities = self.draws["law_log_density"].transpose("chain", "draw", "law").to_numpy()
        flat = densities.reshape(-1, densities.shape[-1])
        return np.exp(flat - logsumexp(flat, axis=1, keepdims=True))


@dataclasses.dataclass(frozen=True, eq=False)
class ScaleFit:
    """
    What runs at some scales say about other scales.

    Made by `ScaleModel.fit`, or read back by `bayesbio.load`.

    Attributes
    ----------
    model : ScaleModel
    members : tuple of Member
        One for each curve.
    random_seed : int
    """

    model: Any
    members: tuple[Member, ...]
    random_seed: int

    @property
    def campaign(self) -> Campaign:
        """What it was fitted to."""
        return self.members[0].problem.campaign

    @property
    def volumes(self) -> np.ndarray:
        """Volumes of the scales it was fitted to [L]."""
        return np.unique(self.members[0].problem.volumes)

    @property
    def posterior(self) -> xr.DataTree:
        """Draws and predictions of the likeliest curve, as ArviZ takes them."""
        return self.members[int(np.argmax([each.log_evidence for each in self.members]))].tree

    @property
    def data_hash(self) -> str:
        """Hash of the campaign."""
        return self.campaign.hash

    @property
    def noticed(self) -> tuple[str, ...]:
        """What was noticed about data and model, in sentences."""
        return tuple(dict.fromkeys(note for each in self.members for note in each.problem.noticed))

    @functools.cached_property
    def hash(self) -> str:
        """Hash of data, options and draws."""
        found = hashlib.sha256(self.data_hash.encode())
        found.update(json.dumps(self.model.to_dict(), sort_keys=True).encode())
        for member in self.members:
            found.update(kernels(member.problem.curve).trace.fingerprint.encode())
            for name, values in sorted(
                member.draws.data_vars.items(), key=lambda pair: str(pair[0])
            ):
                found.update(str(name).encode())
                found.update(np.ascontiguousarray(values.to_numpy()).tobytes())
        return found.hexdigest()

    def check(self) -> Verdict:
        """
        Whether the draws can be trusted and the curves fit: every item with its number.

        Returns
        -------
        Verdict
        """
        return self._verdict

    @functools.cached_property
    def _verdict(self) -> Verdict:
        items: list[VerdictItem] = []
        for member in self.members:
            about = "" if len(self.members) == 1 else f" of {curve_name(member.problem.curve)}"
            own = [*verdict_of(member.tree).items, _reweighting(member, self.law_names)]
            items += [dataclasses.replace(item, name=f"{item.name}{about}") for item in own]
        return Verdict(tuple(items))

    @property
    def law_names(self) -> tuple[str, ...]:
        """Names of the laws."""
        return tuple(law.name for law in self.model.laws)

    def require(self) -> ScaleFit:
        """
        Return this fit if its verdict passed.

        Raises
        ------
        CalibrationError
            With the verdict, if it did not.
        """
        if not self.check().passed:
            raise CalibrationError(f"The fit did not pass its checks.\n{self.check()}")
        return self

    def summary(self) -> pd.DataFrame:
        """
        Posterior of each unknown of each run, and of the noise.

        Returns
        -------
        DataFrame
            Index parameter; columns unit, mean, sd, eti_5, eti_50, eti_95, r_hat, ess_bulk,
            ess_tail.
        """
        import arviz as az

        tree = self.posterior
        problem = next(each.problem for each in self.members if each.tree is tree)
        names = [
            str(name) for name in tree["posterior"].to_dataset().data_vars
            if name != "law_log_density"
        ]  # fmt: skip
        exact = {"stats.ci_prob": 0.9, "stats.ci_kind": "eti", "stats.round_to": "none"}
        with az.rc_context(exact):
            table = az.summary(tree, var_names=names, kind="all")
        low = next(column for column in table.columns if column.endswith("_lb"))
        high = next(column for column in table.columns if column.endswith("_ub"))
        draws = tree["posterior"].to_dataset()
        found = pd.DataFrame(
            {
                "unit": [unit_of(problem, str(name).split("[")[0]) for name in table.index],
                "mean": table["mean"],
                "sd": table["sd"],
                "eti_5": table[low],
                "eti_50": np.concatenate(
                    [np.atleast_1d(draws[name].median(("chain", "draw"))).ravel() for name in names]
                ),
                "eti_95": table[high],
                "r_hat": table["r_hat"],
                "ess_bulk": table["ess_bulk"],
                "ess_tail": table["ess_tail"],
            },
            index=table.index.rename("parameter"),
        )
        found.attrs["verdict"] = "passed" if self.check().passed else str(self.check())
        return found

    def law_weights(self, kind: str | None = None) -> pd.DataFrame:
        """
        How much each law of each curve counts.

        Parameters
        ----------
        kind : {"equal", "evidence", "dirichlet"}, optional
            As the model was made by default.

        Returns
        -------
        DataFrame
            Columns curve, law, log_evidence (relative to the best), probability (equal before
            data), weight.

        Notes
        -----
        "dirichlet" is the posterior mean of simplex weights with a flat Dirichlet prior: one
        campaign moves it little, see `weight_draws`.
        """
        rows = []
        for member in self.members:
            shares = member.law_chances.mean(axis=0)
            for name, share in zip(self.law_names, shares, strict=True):
                evidence = member.log_evidence + np.log(max(share * len(shares), 1e-300))
                rows.append((curve_name(member.problem.curve), name, evidence))
        table = pd.DataFrame(rows, columns=["curve", "law", "log_evidence"])
        table["log_evidence"] -= table["log_evidence"].max()
        table["probability"] = np.exp(table["log_evidence"] - logsumexp(table["log_evidence"]))
        kind = kind or self.model.weights
        table["weight"] = {
            "equal": np.full(len(table), 1.0 / len(table)),
            "evidence": table["probability"],
            "dirichlet": (1.0 + table["probability"]) / (len(table) + 1.0),
        }[kind]
        return table

    def weight_draws(self, draws: int = 4000, *, random_seed: int = 0) -> np.ndarray:
        """
        Draw simplex weights of the laws given the data, under a flat Dirichlet prior.

        Parameters
        ----------
        draws : int
        random_seed : int

        Returns
        -------
        array, (draws, weights)
            In the order of `law_weights`. p(w | data) is proportional to sum of w_k evidence_k:
            exactly a mixture of Dirichlet distributions.
        """
        rng = np.random.default_rng(random_seed)
        chances = self.law_weights()["probability"].to_numpy(float)
        picked = rng.choice(len(chances), size=draws, p=chances / chances.sum())
        gamma = rng.gamma(1.0 + (picked[:, None] == np.arange(len(chances))))
        return gamma / gamma.sum(axis=1, keepdims=True)

    def predict(self, volume: float, **options: Any) -> xr.Dataset:
        """Predict a run at another volume; see `bayesbio.scaleup.predict_scale`."""
        from bayesbio.scaleup.prediction import predict_scale

        return predict_scale(self, volume, **options)

    def trends(self, volumes: Any = None, *, random_seed: int = 0) -> pd.DataFrame:
        """
        Where each parameter of the curve goes with the volume.

        Parameters
        ----------
        volumes : array [L], optional
            An even grid over the scales and one decade beyond by default.
        random_seed : int

        Returns
        -------
        DataFrame
            Columns parameter, unit, volume, eti_5, eti_50, eti_95: of a new run there, laws mixed
            by their weights.
        """
        member = max(self.members, key=lambda each: each.log_evidence)
        problem = member.problem
        if volumes is None:
            low, high = problem.decades.min(), problem.decades.max() + 1.0
            volumes = 10.0 ** np.linspace(low, high, TREND_PLACES)
        decades = np.log10(np.asarray(volumes, float))
        places = [Place(each, np.zeros(len(problem.features))) for each in decades]
        rng = np.random.default_rng(random_seed)
        weights = self.law_weights()
        own = weights.loc[weights["curve"] == curve_name(problem.curve), "weight"].to_numpy(float)
        share = own / own.sum()
        everyone = np.ones(len(problem.decades), bool)
        known = np.zeros(len(places), bool)
        parts = []
        for law, chance, portion in zip(self.model.laws, member.law_chances.T, share, strict=True):
            count = round(portion * len(member.z))
            if count:
                picked = rng.choice(len(member.z), count, p=chance / chance.sum())
                pooled = PooledLaw.of(problem, law, learned=everyone, places=places)
                parts.append(pooled.project(member.z[picked], known_scale=known, rng=rng).varied)
        natural = problem.natural(np.concatenate(parts))
        rows = []
        for unknown, name in enumerate(problem.names):
            values = natural[..., unknown]
            low, middle, high = np.quantile(values, [0.05, 0.5, 0.95], axis=0)
            for place, each in enumerate(np.asarray(volumes, float)):
                rows.append(
                    (name, unit_of(problem, name), each, low[place], middle[place], high[place])
                )
        columns = ["parameter", "unit", "volume", "eti_5", "eti_50", "eti_95"]
        return pd.DataFrame(rows, columns=columns)

    def prior_sensitivity(self, volume: float, **options: Any) -> pd.DataFrame:
        """Predict under other priors; see `bayesbio.scaleup.prior_sensitivity`."""
        from bayesbio.scaleup.prediction import prior_sensitivity

        return prior_sensitivity(self, volume, **options)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save as one ``.nc`` file that `bayesbio.load` reads."""
        groups: dict[str, xr.Dataset] = {}
        described = []
        for number, member in enumerate(self.members):
            for name, node in member.tree.children.items():
                groups[f"member_{number}/{name}"] = node.to_dataset()
            curve = member.problem.curve
            told: dict[str, Any] = {"name": type(curve).__name__}
            if dataclasses.is_dataclass(curve):
                told["options"] = dataclasses.asdict(curve)  # type: ignore[arg-type]
            described.append(
                {
                    "curve": told,
                    "fingerprint": kernels(curve).trace.fingerprint,
                    "log_evidence": member.log_evidence,
                    "centre": member.problem.centre.tolist(),
                    "spread": member.problem.spread.tolist(),
                    "unit_size": member.problem.unit_size.tolist(),
                }
            )
        content = {
            "model": self.model.to_dict(),
            "campaign": self.campaign.to_dict(),
            "members": described,
            "random_seed": self.random_seed,
        }
        write_archive(path, xr.DataTree.from_dict(groups), kind=KIND, content=content)
        return Path(path)


def scale_from_archive(tree: xr.DataTree, content: Mapping[str, Any], model: Any = None) -> Any:
    """
    Rebuild what `ScaleFit.save` wrote; `bayesbio.load` calls it.

    Parameters
    ----------
    tree : DataTree
    content : mapping
    model : ProcessModel or sequence, optional
        The curve (or curves), where it is not from the library.

    Returns
    -------
    ScaleFit

    Raises
    ------
    CalibrationError
        The curve is unknown, or its equations are not those of the file.

    Examples
    --------
    ``bayesbio.load("scales.nc").predict(100_000.0)`` predicts from a saved fit.
    """
    from bayesbio.scaleup.laws import laws_of
    from bayesbio.scaleup.scale_model import ScaleModel

    told = content["model"]
    given = list(model) if isinstance(model, list | tuple) else [model] * len(content["members"])
    curves = []
    for stored, own in zip(content["members"], given, strict=True):
        curve = own
        if curve is None:
            try:
                curve = find_model(stored["curve"]["name"], **stored["curve"].get("options", {}))
            except BayesbioError as error:
                raise CalibrationError(
                    f"The file holds curves of {stored['curve']['name']!r}, which is not in the "
                    "library of models. Give the curve: bayesbio.load(path, model=YourCurve())."
                ) from error
        if kernels(curve).trace.fingerprint != stored["fingerprint"]:
            raise CalibrationError(
                f"The file holds curves of {stored['curve']['name']} whose equations are not those "
                f"of {type(curve).__name__} as it is now. Load it with the curve it was fitted "
                "with, or fit again."
            )
        curves.append(curve)
    scale_model = ScaleModel(
        law=laws_of(told["laws"]),
        curve=tuple(curves),
        covariates=tuple(told["covariates"]),
        weights=told["weights"],
        priors={name: tuple(interval) for name, interval in told["priors"].items()},
        quantity=told["quantity"],
        volume=told["volume"],
    )
    campaign = Campaign.from_dict(content["campaign"])
    members = []
    for number, (problem, stored) in enumerate(
        zip(scale_model.problems(campaign), content["members"], strict=True)
    ):
        own_problem = dataclasses.replace(
            problem,
            centre=np.array(stored["centre"]),
            spread=np.array(stored["spread"]),
            unit_size=np.array(stored["unit_size"]),
        )
        branch = tree[f"member_{number}"]
        groups = {name: node.to_dataset() for name, node in branch.children.items()}
        members.append(
            Member(own_problem, xr.DataTree.from_dict(groups), float(stored["log_evidence"]))
        )
    return ScaleFit(scale_model, tuple(members), int(content["random_seed"]))


def curve_name(curve: Any) -> str:
    """
    Name a curve for a reader.

    Parameters
    ----------
    curve : ProcessModel

    Returns
    -------
    str

    Examples
    --------
    >>> from bayesbio.mechanistic import GrowthCurve
    >>> curve_name(GrowthCurve("gompertz"))
    'gompertz'
    """
    name = getattr(getattr(curve, "form", None), "name", None)
    return type(curve).__name__ if name is None else str(name)


def unit_of(problem: ScaleProblem, name: str) -> str:
    """
    Look the unit of a posterior variable up.

    Parameters
    ----------
    problem : ScaleProblem
    name : str

    Returns
    -------
    str

    Examples
    --------
    ``unit_of(problem, "lag_time_by_run")`` is "h".
    """
    units = problem.curve.units
    if name.endswith("_relative"):
        return "1"
    base = name.removesuffix("_by_run").removeprefix("noise_").removeprefix("initial_")
    return str(units.get(name.removesuffix("_by_run"), units.get(base, "1")))


def predictive_groups(
    problem: ScaleProblem, draws: xr.Dataset, *, random_seed: int
) -> dict[str, xr.Dataset]:
    """
    Posterior predictive readings, log likelihood and readings, by quantity and row.

    Parameters
    ----------
    problem : ScaleProblem
    draws : Dataset
    random_seed : int

    Returns
    -------
    dict of str to Dataset
    """
    values = {name: draws[f"{name}_by_run"] for name in problem.names}
    course = simulate(problem.curve, parameters=values, campaign=problem.campaign)
    rng = np.random.default_rng(random_seed)
    predictive, likelihood, observed = {}, {}, {}
    coords: dict[str, Any] = {}
    for quantity, part in problem.rows.groupby("quantity", sort=False):
        run = course["run"].to_index().get_indexer(part["run"].astype(str))
        time = course["time"].to_index().get_indexer(part["time_h"])
        mean = course[quantity].to_numpy()[:, :, run, time]
        constant = draws[f"noise_{quantity}"].to_numpy()[:, :, None]
        relative = draws[f"noise_{quantity}_relative"].to_numpy()[:, :, None]
        spread = np.sqrt(constant**2 + (relative * mean) ** 2)
        value, flag = part["value"].to_numpy(float, copy=True), part["flag"].to_numpy(str)
        away = (value - mean) / spread
        fit = -0.5 * away**2 - np.log(spread) - 0.5 * np.log(2.0 * np.pi)
        fit = np.where(flag == "below", log_ndtr(away), fit)
        fit = np.where(flag == "above", log_ndtr(-away), fit)
        row = f"{quantity}_row"
        predictive[quantity] = (
            ("chain", "draw", row), mean + spread * rng.standard_normal(mean.shape)
        )  # fmt: skip
        likelihood[quantity] = (("chain", "draw", row), fit)
        observed[quantity] = ((row,), value)
        coords[f"{quantity}_run"] = ((row,), part["run"].to_numpy().astype(str))
        coords[f"{quantity}_time"] = ((row,), part["time_h"].to_numpy(float, copy=True))
        coords[f"{quantity}_flag"] = ((row,), flag)
    sampled = {"chain": draws["chain"], "draw": draws["draw"], **coords}
    return {
        "posterior_predictive": xr.Dataset(predictive, sampled),
        "log_likelihood": xr.Dataset(likelihood, sampled),
        "observed_data": xr.Dataset(observed, coords),
    }


def _reweighting(member: Member, names: tuple[str, ...]) -> VerdictItem:
    """Whether each law rests on enough of the draws that were made for all laws together."""
    chances = member.law_chances
    effective = chances.sum(axis=0) ** 2 / (chances**2).sum(axis=0)
    worst = int(np.argmin(effective))
    passed = bool(effective[worst] >= min(FEWEST_EFFECTIVE, 0.2 * len(chances)))
    return VerdictItem(
        "law draws",
        float(effective[worst]),
        f">= {FEWEST_EFFECTIVE:g}",
        passed,
        f"Each law rests on at least {effective[worst]:.0f} of {len(chances)} draws "
        f"({names[worst]}).",
        ""
        if passed
        else f"The data speak against the law {names[worst]!r}: leave it out, or weigh laws by "
        "evidence (weights='evidence').",
    )
