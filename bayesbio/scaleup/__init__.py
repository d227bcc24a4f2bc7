"""From bench to plant: what changes with scale, and how sure a prediction for a larger one is."""

from bayesbio.scaleup.curves.prediction import predict_scale, prior_sensitivity
from bayesbio.scaleup.curves.reading import read_scales
from bayesbio.scaleup.curves.scale_archive import scale_from_archive
from bayesbio.scaleup.curves.scale_fit import ScaleFit
from bayesbio.scaleup.curves.scale_model import DEFAULT_LAWS, ScaleModel
from bayesbio.scaleup.curves.validation import SCALE_BASELINES, ScaleValidation, leave_one_scale_out
from bayesbio.scaleup.fidelity.fidelity_pairs import FIDELITY_PAIRS, FidelityPair
from bayesbio.scaleup.fidelity.fidelity_posterior import MultiFidelityPosterior
from bayesbio.scaleup.fidelity.mechanistic_simulator import MechanisticSimulator
from bayesbio.scaleup.fidelity.multi_fidelity import Fidelity, MultiFidelity
from bayesbio.scaleup.laws.volume_laws import (
    LAWS,
    ConstantLaw,
    GaussianProcessLaw,
    LogarithmicLaw,
    PiecewiseLaw,
    PowerLaw,
    RandomWalkLaw,
    SaturatingLaw,
)
from bayesbio.scaleup.qualification.scale_down import Equivalence, equivalence
from bayesbio.scaleup.vessels.descriptors import (
    aeration_number,
    collinearity,
    engineering_descriptors,
    froude_number,
    mixing_time,
    oxygen_transfer_coefficient,
    oxygen_transfer_draws,
    power_per_volume,
    reynolds_number,
    superficial_gas_velocity,
    tip_speed,
)
from bayesbio.scaleup.virtual import TRUTHS, VirtualScales, simulated_coverage, virtual_scales

__all__ = [
    "FIDELITY_PAIRS",
    "FidelityPair",
    "MechanisticSimulator",
    "DEFAULT_LAWS",
    "LAWS",
    "SCALE_BASELINES",
    "TRUTHS",
    "ConstantLaw",
    "Equivalence",
    "Fidelity",
    "GaussianProcessLaw",
    "LogarithmicLaw",
    "MultiFidelity",
    "MultiFidelityPosterior",
    "PiecewiseLaw",
    "PowerLaw",
    "RandomWalkLaw",
    "SaturatingLaw",
    "ScaleFit",
    "ScaleModel",
    "ScaleValidation",
    "VirtualScales",
    "aeration_number",
    "collinearity",
    "engineering_descriptors",
    "equivalence",
    "froude_number",
    "leave_one_scale_out",
    "mixing_time",
    "oxygen_transfer_coefficient",
    "oxygen_transfer_draws",
    "power_per_volume",
    "predict_scale",
    "prior_sensitivity",
    "read_scales",
    "reynolds_number",
    "scale_from_archive",
    "simulated_coverage",
    "superficial_gas_velocity",
    "tip_speed",
    "virtual_scales",
]
