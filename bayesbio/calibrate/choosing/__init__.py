"""Which model of the library describes a campaign: candidates, quick fits, held-out runs."""
