"""Rate laws: growth, inhibition, uptake, formation."""
