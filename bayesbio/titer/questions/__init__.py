"""Questions to a titer posterior: key factors, partial dependence, next settings."""
