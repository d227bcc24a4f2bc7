"""A calibrated process model: posterior, verdict, summary, predictions, archive."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.calibrate.checks.missing_rates import missing_rates
from bayesbio.calibrate.predicting.predictor import Predictor
from bayesbio.calibrate.predicting.run_parameters import group_effects
from bayesbio.calibrate.problem.structure import ParameterStructure
from bayesbio.calibrate.requests import PredictionRequest
from bayesbio.data import Campaign, Event
from bayesbio.errors import BayesbioError, CalibrationError
from bayesbio.inference import Noise, Verdict, pooling_factor, verdict_of, write_archive
from bayesbio.inference.archive.representation import short_repr
from bayesbio.inference.diagnostics.evidence import Evidence
from bayesbio.mechanistic import ProcessModel, describe_model, rebuild_model
from bayesbio.ode.codegen.cache import kernels

KIND = "calibration"


@dataclasses.dataclass(frozen=True, eq=False)
class Calibration:
    """
    A process model calibrated on a campaign.

    Made by `fit`, or read back by `bayesbio.load`.

    Attributes
    ----------
    model : ProcessModel
    campaign : Campaign
        What it was calibrated on.
    posterior : DataTree
        Groups posterior, sample_stats, prior, posterior_predictive, log_likelihood,
        observed_data; the last three hold one variable a quantity with dims
        (chain, draw, <quantity>_row).
    noise : mapping of quantity to Noise
    options : mapping
        What the fit was asked for, as plain text and numbers: priors and their sources, given
        values, levels, findings, tolerances, seed.
    fit_arguments : mapping, optional
        The same as it was given to `fit`, distributions and all, to fit again without a run. A
        calibration that was loaded has none.
    start_priors : mapping, optional
        Priors of unknown starts as the first readings of this campaign suggested them.
    """

    model: ProcessModel
    campaign: Campaign
    posterior: xr.DataTree
    noise: Mapping[str, Noise]
    options: Mapping[str, Any]
    fit_arguments: Mapping[str, Any] | None = dataclasses.field(default=None, repr=False)
    start_priors: Mapping[str, Any] | None = dataclasses.field(default=None, repr=False)

    __repr__ = short_repr

    @property
    def draws(self) -> xr.Dataset:
        """Draws of the unknowns, dims (chain, draw, ...)."""
        return self.posterior["posterior"].to_dataset()

    @property
    def random_seed(self) -> int:
        """Seed of the fit."""
        return int(self.options["random_seed"])

    @property
    def data(self) -> Campaign:
        """What it was calibrated on."""
        return self.campaign

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """What each varying parameter varies over."""
        return dict(ParameterStructure.from_options(self.options).vary)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Findings in the data, and what could not be done as usual, one sentence each."""
        return (*self.options["findings"], *self.options.get("warnings", ()))

    @functools.cached_property
    def hash(self) -> str:
        """Hash of model, data, options and draws."""
        found = hashlib.sha256()
        found.update(kernels(self.model).trace.fingerprint.encode())
        found.update(self.campaign.hash.encode())
        found.update(json.dumps(dict(self.options), sort_keys=True).encode())
        for name, values in sorted(self.draws.data_vars.items(), key=lambda item: str(item[0])):
            found.update(str(name).encode())
            found.update(np.ascontiguousarray(values.to_numpy()).tobytes())
        return found.hexdigest()

    def check(self) -> Verdict:
        """Whether the draws can be trusted and the model fits: every item with its number."""
        return self._verdict

    @functools.cached_property
    def _verdict(self) -> Verdict:
        verdict = verdict_of(self.posterior)
        missing = missing_rates(self.posterior, self.model)
        return Verdict((*verdict.items, missing)) if missing else verdict

    def require(self) -> Calibration:
        """Return this calibration if its verdict passed; else raise CalibrationError with it."""
        if not self.check().passed:
            raise CalibrationError(f"The calibration did not pass its checks.\n{self.check()}")
        return self

    def summary(self) -> pd.DataFrame:
        """
        Posterior of each unknown, one row a number.

        Returns
        -------
        DataFrame
            Index: name, with its group in brackets. Beside the usual columns prior_5, prior_95,
            and on the rows of spreads `shrinkage`. ``attrs`` hold verdict, findings and warnings.
        """
        import arviz as az

        draws = self.draws
        names = [str(name) for name in draws.data_vars]
        exact = {"stats.ci_prob": 0.9, "stats.ci_kind": "eti", "stats.round_to": "none"}
        with az.rc_context(exact):
            table = az.summary(self.posterior, var_names=names, kind="all")
        low = next(column for column in table.columns if column.endswith("_lb"))
        high = next(column for column in table.columns if column.endswith("_ub"))
        found = pd.DataFrame(
            {
                "unit": [self.unit(str(name)) for name in table.index],
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
            index=table.index,
        )
        if "prior" in self.posterior.children:
            prior = self.posterior["prior"].to_dataset()
            for probability, column in ((0.05, "prior_5"), (0.95, "prior_95")):
                found[column] = np.concatenate(
                    [
                        np.atleast_1d(prior[name].quantile(probability, ("chain", "draw"))).ravel()
                        for name in names
                    ]
                )
        if self.groups:
            found["shrinkage"] = self.shrinkage()["shrinkage"].reindex(found.index)
        if "approximation" in self.options:  # independent draws: no chains that could mix
            found[["r_hat", "ess_bulk", "ess_tail"]] = np.nan
            found.attrs["approximation"] = self.options["approximation"]
        found.attrs["findings"] = list(self.options["findings"])
        found.attrs["warnings"] = list(self.options.get("warnings", ()))
        found.attrs["verdict"] = "passed" if self.check().passed else str(self.check())
        return found

    def shrinkage(self) -> pd.DataFrame:
        """
        How much the groups of each level borrow from each other.

        Returns
        -------
        DataFrame
            Index ``<parameter>_sd_<level>``. Columns parameter, level, groups (their number), sd
            (posterior median of their spread) and shrinkage (`bayesbio.inference.pooling_factor`:
            0 where each group's own data decide, 1 where they say nothing about differences).
        """
        rows = {}
        for name in self.groups:
            structure = self.predictor.structure
            effects = group_effects(name, self.draws, self.campaign, structure)
            for level, values in effects.items():
                flat = values.to_numpy().reshape(-1, values.sizes[level])
                spread = f"{name}_sd_{level}"
                rows[spread] = {
                    "parameter": name,
                    "level": level,
                    "groups": flat.shape[1],
                    "sd": float(self.draws[spread].median()),
                    "shrinkage": pooling_factor(flat),
                }
        columns = ["parameter", "level", "groups", "sd", "shrinkage"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns)

    def unit(self, name: str) -> str:
        """Look the unit of a posterior variable up; that of a slope as ``x_slope[term]``."""
        return self.predictor.unit(name)

    @functools.cached_property
    def predictor(self) -> Predictor:
        """What predicts from the draws."""
        return Predictor.from_options(
            self.model, self.campaign, self.draws, self.noise, self.options
        )

    def predict(
        self,
        runs: Any = None,
        *,
        times: Any = None,
        until: float | None = None,
        settings: Mapping[str, Any] | None = None,
        profiles: Mapping[str, Any] | None = None,
        events: Sequence[Event] | None = None,
        noise: bool = True,
        random_seed: int = 0,
        outside: str = "flag",
    ) -> xr.Dataset:
        """
        Predict runs of the campaign, changed runs, or new ones.

        Parameters
        ----------
        runs : names, Run objects or Campaign, optional
            By default every run of the campaign, or one new run where settings, profiles or
            events are given. A run that is not in the campaign draws new run effects.
        times : array [h], optional
            By default the times of the readings.
        until : float [h], optional
            Instead of times: an even grid from the start of the runs until then.
        settings, profiles, events : optional
            Of the new run, or replacing those of the runs named.
        noise : bool
            Whether measured quantities scatter as readings do.
        random_seed : int
            Same input, same bytes.
        outside : {"flag", "refuse"}
            What to do with runs that leave the settings, groups, inputs or hours studied.

        Returns
        -------
        Dataset
            One variable per state and output, dims (chain, draw, run, time), units in attrs, and
            ``outside``, dims (run,): whether a run leaves what was studied; ``attrs["reasons"]``
            says in what.

        Raises
        ------
        ModelError, DataError
            Something that the prediction needs is missing.
        """
        request = PredictionRequest(
            runs, times, until, settings, profiles, events, noise, random_seed, outside
        )
        return self.predictor.predict(request)

    def thinned(self, draws: int) -> Calibration:
        """Take evenly spaced draws of the posterior, at most so many: enough to draw a band."""
        step = -(-self.draws.sizes["chain"] * self.draws.sizes["draw"] // draws)
        groups = {name: node.to_dataset() for name, node in self.posterior.children.items()}
        groups["posterior"] = groups["posterior"].isel(draw=slice(None, None, step))
        return dataclasses.replace(self, posterior=xr.DataTree.from_dict(groups))

    def evidence(self) -> Evidence:
        """Give what a report and the command line ask of it."""
        title = f"{type(self.model).__name__} on {len(self.campaign)} runs"
        headlines = ("maximum_growth_rate", "titer")
        return Evidence(self, title, headlines=headlines, calibration=self)

    def archive_content(self) -> dict[str, Any]:
        """Give what `calibration_from_archive` needs beside the posterior: plain data."""
        return {
            "model": describe_model(self.model),
            "fingerprint": kernels(self.model).trace.fingerprint,
            "campaign": self.campaign.to_dict(),
            "data_hash": self.campaign.hash,
            "verdict": {"passed": self.check().passed, "text": str(self.check())},
            "noise": {name: noise.to_dict() for name, noise in self.noise.items()},
            "options": dict(self.options),
        }

    def save(self, path: str | Path) -> Path:
        """Save as one ``.nc`` file that `bayesbio.load` reads."""
        write_archive(path, self.posterior, kind=KIND, content=self.archive_content())
        return Path(path)


def calibration_from_archive(
    tree: xr.DataTree, content: Mapping[str, Any], model: ProcessModel | None = None
) -> Calibration:
    """
    Rebuild a calibration from an archive; executes nothing from the file.

    Parameters
    ----------
    tree : DataTree
    content : mapping
    model : ProcessModel, optional
        Needed where the model is not one of the library's.

    Raises
    ------
    CalibrationError
        The model is unknown, or its equations are not those of the file.

    Examples
    --------
    >>> from bayesbio.inference import read_archive
    >>> tree, kind, content = read_archive("posterior.nc")  # doctest: +SKIP
    >>> calibration_from_archive(tree, content).check()  # doctest: +SKIP
    """
    stored = content["model"]
    if model is None:
        try:
            model = rebuild_model(stored)
        except BayesbioError as error:
            raise CalibrationError(
                f"The file holds a posterior of {stored['name']!r}, which is not in the library of "
                "models. Give the model itself: bayesbio.load(path, model=YourModel())."
            ) from error
    traced = kernels(model).trace
    if traced.fingerprint != content["fingerprint"]:
        raise CalibrationError(
            f"The file holds a posterior of {stored['name']} whose equations, names or units are "
            f"not those of {type(model).__name__} as it is now. Load it with the model it was "
            "fitted with, or fit again."
        )
    campaign = Campaign.from_dict(content["campaign"])
    if content.get("data_hash", campaign.hash) != campaign.hash:
        raise CalibrationError(
            "The campaign in the file does not read as the one that was calibrated on: their "
            "hashes differ. Load it with the version that saved it, or fit again."
        )
    return Calibration(
        model=model,
        campaign=campaign,
        posterior=tree,
        noise={name: Noise.from_dict(noise) for name, noise in content["noise"].items()},
        options=content["options"],
    )
