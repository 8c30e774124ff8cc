"""Breaking a search on purpose: `python -m tests.chaos` is the long form, `test_chaos.py` the short one."""
