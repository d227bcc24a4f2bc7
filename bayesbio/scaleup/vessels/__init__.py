"""Engineering descriptors of vessels: power input, oxygen transfer, mixing, tip speed."""
