"""The process as a Bayesian network: risk, sensitivity, prediction and what to measure next."""

from bayesbio.network.archiving import network_from_archive
from bayesbio.network.discrete import DiscreteNetwork, discretise
from bayesbio.network.graph.building import dependencies, slice_campaign
from bayesbio.network.graph.graph_tools import (
    adjustment_set,
    separated,
    to_graph,
    to_linear_gaussian,
)
from bayesbio.network.graph.nodes import Node, UnitOperation
from bayesbio.network.graph.structure import ProcessNetwork
from bayesbio.network.learning.conjugate import NodePrior
from bayesbio.network.learning.fitting import edge_support, fit_network, log_likelihood
from bayesbio.network.learning.mechanistic_prior import add_mechanistic_prior, check_linearity
from bayesbio.network.learning.structure_search import challenge_structure
from bayesbio.network.posterior import NetworkPosterior
from bayesbio.network.process_model_nodes.hybrid_network import ForwardNetwork, with_process_model
from bayesbio.network.queries.attribution import (
    Criticality,
    covariance_share,
    criticality,
    shapley_effects,
)
from bayesbio.network.queries.information_value import (
    InformationValue,
    expected_value_of_learning,
    expected_value_of_perfect_information,
    model_risk,
    value_of_information,
)
from bayesbio.network.queries.intervention import intervene, under
from bayesbio.network.queries.prediction import leave_one_out, predict
from bayesbio.network.queries.risk import Risk, probability_out_of_specification

__all__ = [
    "Criticality",
    "DiscreteNetwork",
    "ForwardNetwork",
    "InformationValue",
    "NetworkPosterior",
    "Node",
    "NodePrior",
    "ProcessNetwork",
    "Risk",
    "UnitOperation",
    "add_mechanistic_prior",
    "adjustment_set",
    "challenge_structure",
    "check_linearity",
    "covariance_share",
    "criticality",
    "dependencies",
    "discretise",
    "edge_support",
    "expected_value_of_learning",
    "expected_value_of_perfect_information",
    "fit_network",
    "intervene",
    "leave_one_out",
    "log_likelihood",
    "model_risk",
    "network_from_archive",
    "predict",
    "probability_out_of_specification",
    "separated",
    "shapley_effects",
    "slice_campaign",
    "to_graph",
    "to_linear_gaussian",
    "under",
    "value_of_information",
    "with_process_model",
]
