"""A tabular benchmark: strategies compared in seconds, over networks that were all trained before; no torch."""

from retix.benchmark.comparison import compare, find_regret
from retix.benchmark.contestants import CONTESTANTS, Contestant
from retix.benchmark.picture import chart_regrets, draw_regrets
from retix.benchmark.simulation import Result, Run, Simulation
from retix.benchmark.standing import Standing, interval, median
from retix.benchmark.table import DIGITS, Table, load_table, write_table
from retix.benchmark.tabular_space import TabularSpace

__all__ = [
    "CONTESTANTS",
    "DIGITS",
    "Contestant",
    "Result",
    "Run",
    "Simulation",
    "Standing",
    "Table",
    "TabularSpace",
    "chart_regrets",
    "compare",
    "draw_regrets",
    "find_regret",
    "interval",
    "load_table",
    "median",
    "write_table",
]
