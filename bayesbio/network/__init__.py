"""The process as a Bayesian network: risk, sensitivity, prediction and what to measure next."""

from bayesbio.network.archiving import network_from_archive
from bayesbio.network.attribution import (
    Criticality,
    covariance_share,
    criticality,
    shapley_effects,
)
from bayesbio.network.building import dependencies, slice_campaign
from bayesbio.network.challenge import challenge_structure
from bayesbio.network.conjugate import NodePrior
from bayesbio.network.discrete import DiscreteNetwork, discretise
from bayesbio.network.fitting import edge_support, fit_network, log_likelihood
from bayesbio.network.forward import ForwardNetwork, with_process_model
from bayesbio.network.graph_tools import (
    adjustment_set,
    separated,
    to_graph,
    to_linear_gaussian,
)
from bayesbio.network.intervention import intervene, under
from bayesbio.network.mechanism import add_mechanistic_prior, check_linearity
from bayesbio.network.nodes import Node, UnitOperation
from bayesbio.network.posterior import NetworkPosterior
from bayesbio.network.prediction import leave_one_out, predict
from bayesbio.network.risk import Risk, probability_out_of_specification
from bayesbio.network.structure import ProcessNetwork
from bayesbio.network.value import (
    InformationValue,
    expected_value_of_learning,
    expected_value_of_perfect_information,
    model_risk,
    value_of_information,
)

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
