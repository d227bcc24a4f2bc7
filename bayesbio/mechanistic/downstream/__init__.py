"""Process models of purification."""
