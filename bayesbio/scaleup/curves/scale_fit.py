"""A fitted scale model: its posterior, whether to believe it, and predictions at other volumes."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import logsumexp

from bayesbio.data import Campaign
from bayesbio.errors import CalibrationError
from bayesbio.inference import Verdict, VerdictItem, verdict_of, write_archive
from bayesbio.ode.codegen.cache import kernels
from bayesbio.scaleup.curves.curve_fit import Member, curve_name, unit_of
from bayesbio.scaleup.laws.law_prior import Place
from bayesbio.scaleup.laws.pooled_law import PooledLaw

KIND = "scale"
FEWEST_EFFECTIVE = 200.0  # draws that a reweighted law has to rest on
TREND_PLACES = 41


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
            own = [
                *_left_out_decides(verdict_of(member.tree)),
                _reweighting(member, self.law_names),
            ]
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
        from bayesbio.scaleup.curves.prediction import predict_scale

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
        from bayesbio.scaleup.curves.prediction import prior_sensitivity

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


def _left_out_decides(verdict: Verdict) -> list[VerdictItem]:
    """
    Say, but do not fail, that intervals hold nearly all readings that the curves were fitted to.

    Every run has a curve of its own: with a third as many unknowns as readings, even right noise
    holds 98 % of those in 90 % intervals. Whether intervals are too wide is told by readings that
    were left out, where they hold as many as they should.
    """
    found = []
    for item in verdict.items:
        if item.name == "coverage" and item.value > 0.9 and verdict["LOO-PIT"].passed:
            item = dataclasses.replace(item, advisory=True)
        found.append(item)
    return found


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
