"""From bench to plant: what changes with scale, and how sure a prediction for a larger one is."""

from bayesbio.scaleup.descriptors import (
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

__all__ = [
    "aeration_number",
    "collinearity",
    "engineering_descriptors",
    "froude_number",
    "mixing_time",
    "oxygen_transfer_coefficient",
    "oxygen_transfer_draws",
    "power_per_volume",
    "reynolds_number",
    "superficial_gas_velocity",
    "tip_speed",
]
