"""Linear Gaussian Bayesian network of a process: the model that is fitted to a table of runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Self

from bayesbio.data.campaign import Campaign
from bayesbio.data.specification import Specification
from bayesbio.network.graph.building import chained, sliced, tiered
from bayesbio.network.graph.nodes import Node, UnitOperation
from bayesbio.network.graph.structure import ProcessGraph
from bayesbio.network.learning import bayes_factors, fitting, mechanistic_prior, structure_search


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ProcessNetwork(ProcessGraph):
    """
    A linear Gaussian Bayesian network: structural equations along a directed acyclic graph.

    X_k = a_k + sum_j b_jk X_j + e_k after the link function of each node, e_k normal.

    Parameters
    ----------
    nodes, edges, unit_operations, priors
        As `ProcessGraph`.

    Notes
    -----
    Koller and Friedman (2009), Probabilistic Graphical Models, chapter 7.

    Examples
    --------
    >>> network = ProcessNetwork(
    ...     [Node("temperature", role="CPP"), "biomass@24", Node("titer@48", role="CQA")],
    ...     [("temperature", "biomass@24"), ("biomass@24", "titer@48")],
    ... )
    >>> network.order, network.parents("titer@48")
    (('temperature', 'biomass@24', 'titer@48'), ('biomass@24',))
    """

    fit = fitting.fit_network
    edge_support = bayes_factors.edge_support
    challenge_structure = structure_search.challenge_structure
    check_linearity = mechanistic_prior.check_linearity
    add_mechanistic_prior = mechanistic_prior.add_mechanistic_prior

    @classmethod
    def from_unit_operations(cls, steps: Sequence[UnitOperation]) -> Self:
        """
        Chain unit operations: each attribute is fed by its step's parameters and the step before.

        Attributes of the last step are CQAs.

        Parameters
        ----------
        steps : sequence of UnitOperation
            In order, such as seed, production, harvest, capture, polish, UF/DF.

        Examples
        --------
        >>> ProcessNetwork.from_unit_operations([
        ...     UnitOperation("production", ["pH"], ["titer"]),
        ...     UnitOperation("capture", ["load"], ["purity"]),
        ... ]).edges
        (('pH', 'titer'), ('load', 'purity'), ('titer', 'purity'))
        """
        nodes, edges = chained(steps)
        return cls(nodes, edges, unit_operations=[step.name for step in steps])

    @classmethod
    def from_tiers(cls, tiers: Sequence[Sequence[Node | str]]) -> Self:
        """
        Let each tier feed the next: all of its nodes, but nothing feeds a CPP after the first tier.

        Parameters
        ----------
        tiers : sequence of sequences of Node or str
            Such as slices of time or unit operations; a CPP feeds its own tier, too.

        Examples
        --------
        >>> ProcessNetwork.from_tiers([["temperature", "lot"], ["titer@48"]]).edges
        (('temperature', 'titer@48'), ('lot', 'titer@48'))
        """
        return cls(*tiered(tiers))

    @classmethod
    def from_campaign(
        cls,
        campaign: Campaign,
        quantities: Sequence[str],
        times: Sequence[float],
        *,
        settings: Sequence[str] = (),
        link: Mapping[str, str] | None = None,
        parents: Mapping[str, Iterable[str]] | None = None,
        specifications: Sequence[Specification] = (),
    ) -> Self:
        """
        Dynamic Bayesian network: slices at sampling times, each fed by the slice before.

        Parameters
        ----------
        campaign : Campaign
            Where quantities, settings and their units come from.
        quantities : sequence of str
            One node of each at each time; what was measured, or the profile of a control.
        times : sequence of float [h]
        settings : sequence of str
            Settings of the runs that feed every slice (CPP).
        link : mapping of quantity or setting to link function, optional
            "identity" by default.
        parents : mapping of quantity to the quantities and settings that feed it, optional
            By default everything feeds everything; `dependencies` reads it from a process model.
        specifications : sequence of Specification
            A limit ``at`` a time belongs to that slice, any other to the last one; its node is a
            CQA.

        Raises
        ------
        DataError
            A quantity or setting that the campaign does not have.
        """
        return cls(
            *sliced(
                campaign,
                quantities,
                times,
                settings=settings,
                link=link,
                parents=parents,
                specifications=specifications,
            )
        )
