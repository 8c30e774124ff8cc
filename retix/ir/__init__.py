"""The graph IR: values, nodes, graphs and models; no torch."""

from retix.ir.effect import changes_in_place, remove_dead
from retix.ir.graph import Graph, cells_of
from retix.ir.history import ClassSource, Mutation
from retix.ir.literal import format_arguments, format_literal
from retix.ir.model import Model
from retix.ir.node import Location, Node, Value, find_values, map_values
from retix.ir.op import (
    Attribute,
    Call,
    Cell,
    ChooseInputs,
    Constant,
    Function,
    If,
    LayerChoice,
    Literal,
    Loop,
    Member,
    MemberOp,
    Module,
    NodeOp,
    Open,
    Return,
    Symbol,
    Tensor,
)
from retix.ir.verify import Violation, find_violations

__all__ = [
    "Attribute",
    "Call",
    "Cell",
    "ChooseInputs",
    "ClassSource",
    "Constant",
    "Function",
    "Graph",
    "If",
    "LayerChoice",
    "Literal",
    "Location",
    "Loop",
    "Member",
    "MemberOp",
    "Model",
    "Module",
    "Mutation",
    "Node",
    "NodeOp",
    "Open",
    "Return",
    "Symbol",
    "Tensor",
    "Value",
    "Violation",
    "cells_of",
    "changes_in_place",
    "find_values",
    "find_violations",
    "format_arguments",
    "format_literal",
    "map_values",
    "remove_dead",
]
