"""What physics says: kinetic laws and process models, numbers in, numbers out."""

from bayesbio.mechanistic.corrected_model import CorrectedModel, Correction
from bayesbio.mechanistic.downstream.packed_bed import PackedBed
from bayesbio.mechanistic.functions import constant, exp, log, smooth_maximum, sqrt, tanh
from bayesbio.mechanistic.grids import GridOperator, SpectralElements, spectral_elements
from bayesbio.mechanistic.kinetics.growth_forms import (
    BaranyiRoberts,
    Gompertz,
    KumaraswamyRamp,
    Logistic,
    Weibull,
)
from bayesbio.mechanistic.kinetics.growth_laws import Contois, Haldane, Monod, Moser, Tessier
from bayesbio.mechanistic.kinetics.inhibition_laws import Hyperbolic, Levenspiel
from bayesbio.mechanistic.kinetics.rates import (
    arrhenius,
    byproduct_inhibition,
    contois,
    haldane,
    hyperbolic_inhibition,
    levenspiel_inhibition,
    luedeking_piret,
    monod,
    moser,
    pirt,
    tessier,
)
from bayesbio.mechanistic.library import LIBRARY, MODELS, describe_model, find_model, rebuild_model
from bayesbio.mechanistic.model_checks import check_model, check_units
from bayesbio.mechanistic.process_model import (
    Parameter,
    ProcessModel,
    jump_of,
    mass_balance_jump,
    model_records,
    record,
)
from bayesbio.mechanistic.upstream.batch_culture import BatchCulture
from bayesbio.mechanistic.upstream.batch_reactor import BatchReactor
from bayesbio.mechanistic.upstream.fed_batch_culture import FedBatchCulture
from bayesbio.mechanistic.upstream.growth_curve import GrowthCurve
from bayesbio.mechanistic.upstream.mammalian_fed_batch import MammalianFedBatch
from bayesbio.mechanistic.upstream.overflow_fed_batch import OverflowFedBatch
from bayesbio.mechanistic.upstream.perfusion import Perfusion
from bayesbio.mechanistic.upstream.pichia_fed_batch import PichiaFedBatch
from bayesbio.mechanistic.upstream.yarrowia.citrate_on_measured_oil import CitrateOnMeasuredOil
from bayesbio.mechanistic.upstream.yarrowia.citrate_on_oil_supply import CitrateOnOilSupply
from bayesbio.mechanistic.upstream.yarrowia.yarrowia_fed_batch import YarrowiaFedBatch
from bayesbio.mechanistic.upstream.yeast_fed_batch import YeastFedBatch

__all__ = [
    "LIBRARY",
    "MODELS",
    "BaranyiRoberts",
    "BatchCulture",
    "BatchReactor",
    "CitrateOnMeasuredOil",
    "CitrateOnOilSupply",
    "Contois",
    "CorrectedModel",
    "Correction",
    "FedBatchCulture",
    "Gompertz",
    "GridOperator",
    "GrowthCurve",
    "Haldane",
    "Hyperbolic",
    "KumaraswamyRamp",
    "Levenspiel",
    "Logistic",
    "MammalianFedBatch",
    "Monod",
    "Moser",
    "PackedBed",
    "Parameter",
    "ProcessModel",
    "SpectralElements",
    "Tessier",
    "Weibull",
    "OverflowFedBatch",
    "Perfusion",
    "PichiaFedBatch",
    "YeastFedBatch",
    "YarrowiaFedBatch",
    "arrhenius",
    "byproduct_inhibition",
    "check_model",
    "check_units",
    "constant",
    "contois",
    "describe_model",
    "exp",
    "find_model",
    "haldane",
    "hyperbolic_inhibition",
    "jump_of",
    "levenspiel_inhibition",
    "log",
    "luedeking_piret",
    "mass_balance_jump",
    "model_records",
    "monod",
    "moser",
    "pirt",
    "rebuild_model",
    "record",
    "smooth_maximum",
    "spectral_elements",
    "sqrt",
    "tanh",
    "tessier",
]
