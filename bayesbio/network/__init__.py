"""The process as a Bayesian network: risk, sensitivity, prediction and what to measure next."""

from bayesbio.network.discrete import DiscreteNetwork, discretise
from bayesbio.network.draws import NetworkDraws
from bayesbio.network.graph.causal import adjustment_set, separated
from bayesbio.network.graph.nodes import Node, UnitOperation
from bayesbio.network.graph.slicing import dependencies, slice_campaign
from bayesbio.network.learning.bayes_factors import edge_support
from bayesbio.network.learning.conjugate import NodePrior
from bayesbio.network.learning.fitting import fit_network
from bayesbio.network.learning.mechanistic_prior import add_mechanistic_prior, check_linearity
from bayesbio.network.learning.structure_search import challenge_structure
from bayesbio.network.pgmpy_bridge import to_graph, to_linear_gaussian
from bayesbio.network.posterior import NetworkPosterior
from bayesbio.network.process_model_nodes.hybrid_network import HybridNetwork, with_process_model
from bayesbio.network.process_network import ProcessNetwork
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
    value_of_information,
)
from bayesbio.network.queries.intervention import intervene, with_intervention
from bayesbio.network.queries.likelihood import log_likelihood
from bayesbio.network.queries.parameter_uncertainty import model_risk
from bayesbio.network.queries.prediction import predict
from bayesbio.network.queries.risk import Risk, probability_out_of_specification
from bayesbio.network.validation import leave_one_out

__all__ = [
    "Criticality",
    "DiscreteNetwork",
    "HybridNetwork",
    "InformationValue",
    "NetworkDraws",
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
    "predict",
    "probability_out_of_specification",
    "separated",
    "shapley_effects",
    "slice_campaign",
    "to_graph",
    "to_linear_gaussian",
    "value_of_information",
    "with_intervention",
    "with_process_model",
]
