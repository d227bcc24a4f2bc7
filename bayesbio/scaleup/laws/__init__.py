"""Laws over vessel volume: how a curve's parameters change with scale, and their priors."""
