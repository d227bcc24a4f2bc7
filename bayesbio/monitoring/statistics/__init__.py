"""Monitoring statistics: innovations, EWMA, change-point evidence, alarm limits."""
