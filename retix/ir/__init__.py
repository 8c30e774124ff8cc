"""The graph IR: values, nodes, graphs and models; no torch."""

from retix.ir.choice import find_open, is_open
from retix.ir.dead import remove_dead
from retix.ir.diff import Diff, Entry, Part, diff
from retix.ir.effect import changes_in_place
from retix.ir.graph import Graph, cells_of
from retix.ir.history import Capture, ClassSource, Mutation
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
from retix.ir.passes import PassReport, fold_constants, merge_equal, run_passes, simplify
from retix.ir.verify import Violation, find_violations

__all__ = [
    "Attribute",
    "Call",
    "Capture",
    "Cell",
    "ChooseInputs",
    "ClassSource",
    "Constant",
    "Diff",
    "Entry",
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
    "Part",
    "PassReport",
    "Return",
    "Symbol",
    "Tensor",
    "Value",
    "Violation",
    "cells_of",
    "changes_in_place",
    "diff",
    "find_open",
    "find_values",
    "find_violations",
    "fold_constants",
    "format_arguments",
    "format_literal",
    "is_open",
    "map_values",
    "merge_equal",
    "remove_dead",
    "run_passes",
    "simplify",
]
