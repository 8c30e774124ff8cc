"""What is known of a model without training it: what it costs, and how good it promises to be.

Nothing here knows graphs: a model is something that can be made, so that a worker can measure it too.
"""

from retix.measures.catalogue import find_measure, list_measures
from retix.measures.evaluator import ProxyEvaluator
from retix.measures.flops import Flops
from retix.measures.grad_norm import GradNorm
from retix.measures.latency import Latency
from retix.measures.measure import Measure
from retix.measures.measurer import Making, Measurer
from retix.measures.memory import Memory
from retix.measures.naswot import NASWOT
from retix.measures.parameters import Parameters
from retix.measures.subject import Subject
from retix.measures.synflow import SynFlow
from retix.measures.zico import ZiCo

__all__ = [
    "NASWOT",
    "Flops",
    "GradNorm",
    "Latency",
    "Making",
    "Measure",
    "Measurer",
    "Memory",
    "Parameters",
    "ProxyEvaluator",
    "Subject",
    "SynFlow",
    "ZiCo",
    "find_measure",
    "list_measures",
]
