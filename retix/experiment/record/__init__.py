"""What is written down of an experiment, so that it can be taken up, looked at and exported by another process."""
