"""The graph IR: values, nodes, graphs and models; no torch."""

from retix.ir.choice import find_open, is_open
from retix.ir.dead import note_clean, remove_dead
from retix.ir.diff import Diff, Entry, Part, diff
from retix.ir.draft import Draft
from retix.ir.edge import Edge, EdgeEndpoint, InputNode
from retix.ir.effect import Effects, changes_in_place
from retix.ir.graph import Graph, cells_of
from retix.ir.history import Capture, ClassSource, ModelStatus, Mutation, Trace
from retix.ir.influence import overwrites, overwritten_by, passes_on
from retix.ir.inlining import inline
from retix.ir.literal import format_arguments, format_literal
from retix.ir.live import open_graphs
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
    Operation,
    Return,
    SelectInputs,
    Symbol,
    Tensor,
)
from retix.ir.passes import PassReport, fold_constants, merge_equal, run_passes, simplify
from retix.ir.pattern import Match, Pattern, find_matches, rewrite, step, wildcard
from retix.ir.region import Region
from retix.ir.site import Site, insert
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
    "Draft",
    "Edge",
    "EdgeEndpoint",
    "Effects",
    "Entry",
    "Function",
    "Graph",
    "If",
    "InputNode",
    "LayerChoice",
    "Literal",
    "Location",
    "Loop",
    "Match",
    "Member",
    "MemberOp",
    "Model",
    "ModelStatus",
    "Module",
    "Mutation",
    "Node",
    "NodeOp",
    "Open",
    "Operation",
    "Part",
    "PassReport",
    "Pattern",
    "Region",
    "Return",
    "SelectInputs",
    "Site",
    "Symbol",
    "Tensor",
    "Trace",
    "Value",
    "Violation",
    "cells_of",
    "changes_in_place",
    "diff",
    "find_matches",
    "find_open",
    "find_values",
    "find_violations",
    "fold_constants",
    "format_arguments",
    "format_literal",
    "inline",
    "insert",
    "is_open",
    "map_values",
    "merge_equal",
    "note_clean",
    "open_graphs",
    "overwrites",
    "overwritten_by",
    "passes_on",
    "remove_dead",
    "rewrite",
    "run_passes",
    "simplify",
    "step",
    "wildcard",
]
