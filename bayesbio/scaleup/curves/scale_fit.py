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

from bayesbio.data import Run
from bayesbio.errors import CalibrationError, DataError
from bayesbio.inference import Verdict, VerdictItem, verdict_of, write_archive
from bayesbio.inference.archive.representation import short_repr
from bayesbio.inference.diagnostics.evidence import Evidence
from bayesbio.ode.codegen.cache import kernels
from bayesbio.scaleup.curves.curve_fit import CurveFit
from bayesbio.scaleup.curves.prediction import NewRun, predict_run
from bayesbio.scaleup.curves.scale_draws import ScaleDraws
from bayesbio.scaleup.curves.trends import parameter_trends, prior_sensitivity_table

KIND = "scale"
FEWEST_EFFECTIVE = 200.0  # draws that a reweighted law has to rest on


@dataclasses.dataclass(frozen=True, eq=False)
class ScaleFit(ScaleDraws):
    """
    Posterior of a scale model, for predictions at other volumes.

    Made by `ScaleModel.fit`, or read back by `bayesbio.load`. Attributes as of `ScaleDraws`.
    """

    __repr__ = short_repr

    @property
    def random_seed(self) -> int:
        """Seed of the fit."""
        return int(self.options["random_seed"])

    @property
    def posterior(self) -> xr.DataTree:
        """Draws and predictions of the likeliest curve, as ArviZ takes them."""
        return self.curves[self.likeliest].tree

    @property
    def data_hash(self) -> str:
        """Hash of the campaign."""
        return self.data.hash

    @property
    def warnings(self) -> list[str]:
        """What a reader should know of data and model, in sentences."""
        return list(dict.fromkeys(note for each in self.curves for note in each.problem.warnings))

    @functools.cached_property
    def hash(self) -> str:
        """Hash of data, model and draws."""
        found = hashlib.sha256(self.data_hash.encode())
        found.update(json.dumps(self.model.to_dict(), sort_keys=True).encode())
        for curve in self.curves:
            found.update(kernels(curve.problem.curve).trace.fingerprint.encode())
            posterior = curve.posterior
            for name in sorted(map(str, posterior.data_vars)):
                found.update(name.encode())
                found.update(np.ascontiguousarray(posterior[name].to_numpy()).tobytes())
        return found.hexdigest()

    def check(self) -> Verdict:
        """
        Whether the chains can be trusted and the curves fit: every item with its number.

        Returns
        -------
        Verdict
        """
        return self._verdict

    @functools.cached_property
    def _verdict(self) -> Verdict:
        items: list[VerdictItem] = []
        for curve, name in zip(self.curves, self.curve_names, strict=True):
            about = "" if len(self.curves) == 1 else f" of {name}"
            judged = [
                *_coverage_advisory(verdict_of(curve.tree)),
                _effective_draws(curve, self.law_names),
            ]
            items += [dataclasses.replace(item, name=f"{item.name}{about}") for item in judged]
        return Verdict(tuple(items))

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
        Posterior of each parameter of each run of the likeliest curve, and of the noise.

        Returns
        -------
        DataFrame
            Index parameter; columns unit, mean, sd, eti_5, eti_50, eti_95, r_hat, ess_bulk,
            ess_tail.
        """
        import arviz as az

        tree, problem = self.posterior, self.curves[self.likeliest].problem
        draws = tree["posterior"].to_dataset()
        names = [str(name) for name in draws.data_vars if name != "law_log_density"]
        exact = {"stats.ci_prob": 0.9, "stats.ci_kind": "eti", "stats.round_to": "none"}
        with az.rc_context(exact):
            table = az.summary(tree, var_names=names, kind="all")
        low = next(column for column in table.columns if column.endswith("_lb"))
        high = next(column for column in table.columns if column.endswith("_ub"))
        found = pd.DataFrame(
            {
                "unit": [problem.unit(str(name).split("[")[0]) for name in table.index],
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

    def predict(
        self,
        volume: float,
        *,
        times: Any = None,
        descriptors: Mapping[str, float] | None = None,
        run: str | Run | None = None,
        noise: bool = True,
        law: str | None = None,
        outside: str = "flag",
        random_seed: int = 0,
    ) -> xr.Dataset:
        """
        Posterior predictive of a run at another volume.

        Parameters
        ----------
        volume : float [L]
        times : array [h], optional
            By default the times at which any run was measured.
        descriptors : mapping of name to float, optional
            Covariates of the new run, or the geometry and operation they follow from: needed where
            the model has covariates.
        run : name or Run, optional
            Whose settings, profiles and events the new run takes; by default a run of the nearest
            scale.
        noise : bool
            Whether readings scatter around the curve, as they do in the likelihood.
        law : str, optional
            One law alone, instead of the mixture.
        outside : {"flag", "refuse"}
            What to do with a volume beyond the measured scales: mark it in `outside`, or raise.
        random_seed : int
            Same input, same bytes.

        Returns
        -------
        Dataset
            One variable a quantity, dims (chain, draw, run, time); `outside` (run); and for each
            ``<quantity>_variance``, dims (part, run, time): the variance from curve (what the runs
            leave open), law (slope and bend), weights (laws and curves disagree), run_effect (a
            new run at a new scale) and noise. Without the noise they add up to the variance of the
            draws; a part that is nearly zero may be a little below. Coordinate ``volume`` [L];
            attributes: extrapolation_decades (distance beyond the measured scales), extrapolation
            (a sentence) and far (1 beyond three decades).

        Raises
        ------
        DataError
            If the volume is not positive, is outside and `outside` is "refuse", or a descriptor is
            missing or unknown.

        Examples
        --------
        ``fit.predict(100_000.0)["titer"].mean(("chain", "draw"))`` is the expected course.
        """
        return predict_run(
            self,
            NewRun(volume, times, descriptors, run),
            noise=noise,
            law=law,
            outside=outside,
            random_seed=random_seed,
        )

    def trends(self, volumes: Any = None, *, random_seed: int = 0) -> pd.DataFrame:
        """
        Parameters of the likeliest curve along the volume.

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
        return parameter_trends(self, volumes, random_seed=random_seed)

    def prior_sensitivity(
        self,
        volume: float,
        *,
        factors: tuple[float, ...] = (0.5, 2.0),
        descriptors: Mapping[str, float] | None = None,
        random_seed: int = 0,
    ) -> pd.DataFrame:
        """
        Predict under halved and doubled priors of slope, bend and deviation.

        Parameters
        ----------
        volume : float [L]
        factors : tuple of float
            What the sizes of each kind of prior are multiplied with.
        descriptors, random_seed
            As for `predict`.

        Returns
        -------
        DataFrame
            Columns prior, factor, quantity, unit, time, eti_5, eti_50, eti_95, width_ratio (of the
            interval to that under the model's own priors), at the last time.

        Notes
        -----
        The draws of the runs' curves are kept, and the laws over them are exchanged: exact but for
        what the priors say about curves that were measured, which is little.

        Examples
        --------
        ``fit.prior_sensitivity(100_000.0)`` shows by how much the width follows the prior.
        """
        new = NewRun(volume, descriptors=descriptors)
        return prior_sensitivity_table(self, new, factors=factors, random_seed=random_seed)

    def evidence(self) -> Evidence:
        """Give what a report and the command line ask of it."""
        return Evidence(
            self, f"Curves over volume, {len(self.data)} runs", predict=self.predict_rows
        )

    def predict_rows(self, rows: Any, *, noise: bool = True, random_seed: int = 0) -> xr.Dataset:
        """
        Predict one run a row of a table.

        Parameters
        ----------
        rows : DataFrame
            Column ``volume`` [L]; further columns are descriptors of the run.
        noise, random_seed
            As `predict`.

        Returns
        -------
        Dataset
            As `predict`, without the parts of the variance; `run` numbers the rows from 1.

        Raises
        ------
        DataError
            Without a column of volumes.
        """
        if "volume" not in rows:
            raise DataError(
                f"The rows have columns {', '.join(map(str, rows.columns))}; expected a column "
                "'volume (L)', the working volume of each run to predict."
            )
        courses = []
        for row in rows.to_dict("records"):
            volume = float(row.pop("volume"))
            course = self.predict(volume, descriptors=row, noise=noise, random_seed=random_seed)
            courses.append(course.drop_dims("part").drop_vars("volume"))
        table = xr.concat(courses, "run", join="outer", coords="minimal", compat="override")
        return table.assign_coords(run=[f"{n} ({v:g} L)" for n, v in enumerate(rows["volume"], 1)])

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save as one ``.nc`` file that `bayesbio.load` reads."""
        groups: dict[str, xr.Dataset] = {}
        described = []
        for number, fitted in enumerate(self.curves):
            for name, node in fitted.tree.children.items():
                groups[f"curve_{number}/{name}"] = node.to_dataset()
            problem = fitted.problem
            curve: dict[str, Any] = {"name": type(problem.curve).__name__}
            if dataclasses.is_dataclass(problem.curve):
                curve["options"] = dataclasses.asdict(problem.curve)  # type: ignore[arg-type]
            described.append(
                {
                    "curve": curve,
                    "fingerprint": kernels(problem.curve).trace.fingerprint,
                    "log_evidence": fitted.log_evidence,
                    "centre": problem.centre.tolist(),
                    "spread": problem.spread.tolist(),
                    "unit_size": problem.unit_size.tolist(),
                }
            )
        content = {
            "model": self.model.to_dict(),
            "campaign": self.data.to_dict(),
            "curves": described,
            "options": self.options,
        }
        write_archive(path, xr.DataTree.from_dict(groups), kind=KIND, content=content)
        return Path(path)


def _coverage_advisory(verdict: Verdict) -> list[VerdictItem]:
    """
    Report, but do not fail, that intervals hold nearly all readings that the curves were fitted to.

    Every run has a curve of its own: with a third as many parameters as readings, even right noise
    holds 98 % of those in 90 % intervals. Whether intervals are too wide shows in readings that
    were left out, where they hold as many as they should.
    """
    found = []
    for item in verdict.items:
        if item.name == "coverage" and item.value > 0.9 and verdict["LOO-PIT"].passed:
            item = dataclasses.replace(item, advisory=True)
        found.append(item)
    return found


def _effective_draws(curve: CurveFit, names: tuple[str, ...]) -> VerdictItem:
    """Kish's effective number of draws of each law: draws were made for all laws together."""
    probabilities = curve.law_probabilities
    effective = probabilities.sum(axis=0) ** 2 / (probabilities**2).sum(axis=0)
    worst = int(np.argmin(effective))
    passed = bool(effective[worst] >= min(FEWEST_EFFECTIVE, 0.2 * len(probabilities)))
    return VerdictItem(
        "law draws",
        float(effective[worst]),
        f">= {FEWEST_EFFECTIVE:g}",
        passed,
        f"Each law rests on at least {effective[worst]:.0f} of {len(probabilities)} draws "
        f"({names[worst]}).",
        ""
        if passed
        else f"The data speak against the law {names[worst]!r}: leave it out, or weigh laws by "
        "evidence (weights='evidence').",
        question="model",
    )
