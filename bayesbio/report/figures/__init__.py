"""Figures, one file a room."""
