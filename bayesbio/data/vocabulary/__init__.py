"""Quantities and units: the words that tables are read with."""

from bayesbio.data.vocabulary.lookup import quantity
from bayesbio.data.vocabulary.terms import Quantity

__all__ = ["Quantity", "quantity"]
