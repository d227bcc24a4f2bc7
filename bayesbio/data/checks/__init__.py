"""Checks of campaigns: plausibility of values, mass and volume balances."""
