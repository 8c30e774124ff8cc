"""The names that NNI's users import from ``nni.retiarii.graph``."""

from retix.compat import DebugEvaluator
from retix.errors import IllegalGraphError
from retix.evaluator import Evaluator
from retix.ir import Edge, EdgeEndpoint, Graph, Model, ModelStatus, Mutation, Node

__all__ = [
    "DebugEvaluator",
    "Edge",
    "EdgeEndpoint",
    "Evaluator",
    "Graph",
    "IllegalGraphError",
    "Model",
    "ModelStatus",
    "Mutation",
    "Node",
]
