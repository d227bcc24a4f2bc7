"""From bench to plant: what changes with scale, and how sure a prediction for a larger one is."""

from bayesbio.scaleup.curves.scale_fit import ScaleFit
from bayesbio.scaleup.curves.scale_model import DEFAULT_LAWS, ScaleModel, scale_from_archive
from bayesbio.scaleup.fidelity.fidelity_posterior import MultiFidelityPosterior
from bayesbio.scaleup.fidelity.mechanistic_simulator import MechanisticSimulator
from bayesbio.scaleup.fidelity.multi_fidelity import Fidelity, MultiFidelity
from bayesbio.scaleup.laws.law_mixture import LawComponent, StudiedScales
from bayesbio.scaleup.laws.volume_laws import (
    LAWS,
    ConstantLaw,
    GaussianProcessLaw,
    Law,
    LogarithmicLaw,
    PiecewiseLaw,
    PowerLaw,
    RandomWalkLaw,
    SaturatingLaw,
    prior_size,
)
from bayesbio.scaleup.qualification.scale_down import Equivalence, equivalence
from bayesbio.scaleup.validation.leave_one_scale import ScaleValidation, leave_one_scale_out
from bayesbio.scaleup.validation.scale_baselines import SCALE_BASELINES
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
from bayesbio.scaleup.vessels.scale_table import read_scales

__all__ = [
    "ConstantLaw",
    "DEFAULT_LAWS",
    "Equivalence",
    "Fidelity",
    "GaussianProcessLaw",
    "LAWS",
    "Law",
    "LawComponent",
    "LogarithmicLaw",
    "MechanisticSimulator",
    "MultiFidelity",
    "MultiFidelityPosterior",
    "PiecewiseLaw",
    "PowerLaw",
    "RandomWalkLaw",
    "SCALE_BASELINES",
    "SaturatingLaw",
    "ScaleFit",
    "ScaleModel",
    "ScaleValidation",
    "StudiedScales",
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
    "prior_size",
    "read_scales",
    "reynolds_number",
    "scale_from_archive",
    "superficial_gas_velocity",
    "tip_speed",
]
