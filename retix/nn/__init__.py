"""Layers and choices, by framework."""
