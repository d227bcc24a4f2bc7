"""Quantities and units: the words that tables are read with."""

from bayesbio.data.vocabulary.quantities import Quantity, quantity

__all__ = ["Quantity", "quantity"]
