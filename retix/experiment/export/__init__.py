"""Models of an experiment, taken out of it and checked."""
