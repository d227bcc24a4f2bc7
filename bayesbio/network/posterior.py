"""A fitted network: posterior draws, whether to trust them, and every query to them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.data.table import Table
from bayesbio.errors import CalibrationError
from bayesbio.inference.archive.representation import short_repr
from bayesbio.inference.archive.results import result_hash, save_result
from bayesbio.inference.diagnostics.draws import FlatDraws, summary_table
from bayesbio.inference.diagnostics.evidence import Evidence
from bayesbio.inference.diagnostics.posterior_checks import verdict_of
from bayesbio.inference.diagnostics.verdict import Verdict, VerdictItem
from bayesbio.network import discrete, pgmpy_bridge
from bayesbio.network.draws import NetworkDraws
from bayesbio.network.graph.structure import ProcessGraph
from bayesbio.network.process_model_nodes import hybrid_network
from bayesbio.network.queries import (
    attribution,
    information_value,
    intervention,
    likelihood,
    parameter_uncertainty,
    prediction,
    risk,
)

CONDITIONAL = "Draws are independent, and exact given the data."
STATED = "The parameters were stated, not fitted."


@dataclasses.dataclass(frozen=True, eq=False)
class NetworkPosterior(NetworkDraws):
    """
    Posterior of a network: draws of intercepts, effects and residual variances of its nodes.

    The queries (`predict`, `intervene`, `probability_out_of_specification`, ...) are the functions
    of `bayesbio.network` of the same names.

    Parameters
    ----------
    network, centre, spread, intercept, effect, variance, ...
        As `NetworkDraws`.
    method : {"exact", "augmentation", "NUTS", "given"}
        Conjugate draws; Gibbs (missing or censored cells); sampled; stated parameters.
    sampled : DataTree, optional
        Everything the sampler returned.
    log_evidence : mapping of node to float
        Log marginal likelihood of its column given its parents, after the link of the node, up to
        a constant for the number of rows; empty where it is not exact, without the nodes whose
        residual is stated or that are held.
    data : Table, optional
        What it was fitted to.
    options : mapping
        What `fit` was asked for: draws, chains, tune, group, robust, random_seed.
    warnings : tuple of str
        Sentences on the data: cells that are missing or censored, columns not used, priors.

    Examples
    --------
    >>> network = ProcessGraph(["feed", "titer"], [("feed", "titer")])
    >>> known = NetworkPosterior.from_parameters(
    ...     network, intercept={"feed": 5.0, "titer": 1.0}, coefficients={("feed", "titer"): 0.4},
    ...     variance={"feed": 1.0, "titer": 0.09})
    >>> float(known.predict({"feed": 6.0}, noise=False)["titer"].squeeze())
    3.4
    """

    method: str = "given"
    sampled: xr.DataTree | None = None
    log_evidence: Mapping[str, float] = dataclasses.field(default_factory=dict)
    data: Table | None = None
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    predict = prediction.predict
    log_likelihood = likelihood.log_likelihood
    with_intervention = intervention.with_intervention
    intervene = intervention.intervene
    probability_out_of_specification = risk.probability_out_of_specification
    criticality = attribution.criticality
    model_risk = parameter_uncertainty.model_risk
    value_of_information = information_value.value_of_information
    with_process_model = hybrid_network.with_process_model
    to_pgmpy = pgmpy_bridge.to_linear_gaussian
    to_discrete = discrete.discretise

    __repr__ = short_repr

    @property
    def model(self) -> ProcessGraph:
        """The network that was fitted."""
        return self.network

    @property
    def random_seed(self) -> int:
        """Seed of the fit."""
        return int(self.options.get("random_seed", 0))

    @property
    def data_hash(self) -> str:
        """SHA-256 of the table; blank where there was none."""
        return "" if self.data is None else self.data.hash

    @cached_property
    def posterior(self) -> xr.DataTree:
        """
        Draws after the links of the nodes as a DataTree, for ArviZ.

        Group posterior: see `NetworkDraws.to_dataset`; with the sampler's statistics, where it ran.
        """
        groups = {"posterior": self.to_dataset()}
        if self.sampled is not None and "sample_stats" in self.sampled:
            groups["sample_stats"] = self.sampled["sample_stats"].to_dataset()
        return xr.DataTree.from_dict(groups)

    def check(self) -> Verdict:
        """Check convergence of the chains; exact draws pass."""
        if self.method in ("exact", "given"):
            sentence = CONDITIONAL if self.method == "exact" else STATED
            return Verdict((VerdictItem("exact", float(self.draws), ">= 1", True, sentence),))
        return verdict_of(self.posterior if self.sampled is None else self.sampled)

    def require(self) -> Self:
        """Return this posterior if its verdict passed, else raise a CalibrationError with it."""
        if not self.check().passed:
            raise CalibrationError(f"The network did not pass its checks.\n{self.check()}")
        return self

    @cached_property
    def hash(self) -> str:
        """Content hash of everything that is saved."""
        return result_hash(self)

    def effects(self) -> pd.DataFrame:
        """
        Posterior of every effect, after the links of its nodes.

        Returns
        -------
        DataFrame
            Index parent, child; columns mean, sd, eti_5, eti_50, eti_95, probability_positive.
        """
        draws = self.posterior["posterior"]["effect"].to_numpy()
        labels = tuple(map(str, range(len(self.edges))))
        table = summary_table(FlatDraws(labels, labels, draws))
        table = table[["mean", "sd", "eti_5", "eti_50", "eti_95"]]
        table.index = pd.MultiIndex.from_tuples(self.edges, names=["parent", "child"])
        return table.assign(probability_positive=(draws > 0.0).mean(axis=(0, 1)))

    def summary(self) -> pd.DataFrame:
        """
        Posterior of every parameter, after the links of its nodes, one row a number.

        Returns
        -------
        DataFrame
            Index parameter: ``parent -> child`` (effect), then ``residual sd of node`` and
            ``intercept of node``. Columns unit (of the child per parent, after the links), mean,
            sd, eti_5, eti_50, eti_95, r_hat, ess_bulk, ess_tail; the verdict in attrs.
        """
        draws = self.posterior["posterior"].to_dataset()
        unit = {node.name: node.link_unit for node in self.network.nodes}
        units = {f"{a} -> {b}": f"({unit[b]})/({unit[a]})" for a, b in self.edges}
        for what in ("residual sd", "intercept"):
            units |= {f"{what} of {name}": unit[name] for name in self.names}
        variables = ("effect", "residual_sd", "intercept")
        names = [name for name in variables for _ in range(draws[name].shape[-1])]
        values = np.concatenate([draws[name].to_numpy() for name in variables], axis=-1)
        return summary_table(
            FlatDraws(tuple(units), tuple(names), values),
            unit_of=lambda name, label: units[label],
            verdict=self.check(),
        )

    def taken(self, draws: np.ndarray, *, chains: int = 1) -> Self:
        """Take some draws, by position; what the sampler returned is dropped."""
        return super().taken(draws, chains=chains).replace(sampled=None)

    def with_residuals(self, stated: Mapping[str, tuple[float, float]]) -> Self:
        """Give nodes a stated normal residual; they have no evidence from then on."""
        evidence = {n: value for n, value in self.log_evidence.items() if n not in stated}
        return super().with_residuals(stated).replace(log_evidence=evidence)

    def evidence(self) -> Evidence:
        """Give what a report and the command line ask of it."""
        title = f"Process network of {len(self.names)} nodes"
        return Evidence(self, title, predict=self.predict)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save as one ``.nc`` file that `bayesbio.load` reads."""
        return save_result(path, self, kind="network")
