"""What is written down when a search begins, so that it can be looked at, exported from and gone on with."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from retix.errors import RecipeError, RetixError
from retix.experiment.record.signature import sign_space, sign_strategy
from retix.model_space import ModelSpace, write_inputs
from retix.recipe import dumps
from retix.strategy import BaseStrategy, Strategy

VERSION = 1

MODEL_FILE = "model.json"
"""The captured base model, choices open; missing where models are built by Python."""

SPACE_FILE = "space.json"
"""The space, as `ModelSpace.to_json` writes it; missing where it cannot be made again from JSON."""

INPUTS_FILE = "inputs.json"
"""What the models can be called with, as `write_inputs` writes it; missing where that is not known."""

MEASURED_FILE = "measured.jsonl"
"""What was measured of models without training that might come out otherwise another time."""

SEARCH_FILE = "search.json"
"""What must be the same when the search is gone on with, and what `PICKLE_FILE` needs."""

PICKLE_FILE = "search.pkl"
"""The space, its evaluator and the strategy, pickled. Only a resume reads it."""


def describe_space(space: ModelSpace) -> dict[str, bytes]:
    """The files that record a space, by name; none of them holds code."""
    files: dict[str, bytes] = {}
    if space.engine == "graph":
        files[MODEL_FILE] = json.dumps(space.base_model.to_json()).encode()
    # Of a class in a notebook, say, there is no JSON; the sources of the trials are recorded all the same.
    with suppress(RetixError):
        files[SPACE_FILE] = json.dumps(space.to_json()).encode()
    with suppress(RetixError):
        inputs = space.example_inputs
        if inputs is not None:
            files[INPUTS_FILE] = json.dumps(write_inputs(inputs)).encode()
    return files


def describe_search(space: ModelSpace, strategy: Strategy | BaseStrategy) -> dict[str, bytes]:
    """The files from which another process can go on with a search, by name.

    Args:
        space: The space, with its evaluator.
        strategy: The strategy, as the user gave it; not started yet.
    """
    document: dict[str, Any] = {
        "version": VERSION,
        "space": sign_space(space),
        "strategy": sign_strategy(strategy),
        "python_path": [os.path.abspath(entry) for entry in sys.path],
        "working_directory": os.getcwd(),
        "problem": None,
        "pickle": None,
    }
    files: dict[str, bytes] = {}
    try:
        data = dumps({"space": space, "strategy": strategy})
        files[PICKLE_FILE] = data
        document["pickle"] = hashlib.sha256(data).hexdigest()
    except RecipeError as error:
        document["problem"] = error.what
    return {**files, SEARCH_FILE: json.dumps(document).encode()}


def find_weights(url: str | None, directory: Path) -> str:
    """Where the weights of an experiment's trials lie.

    Args:
        url: What the config says; None for the experiment's directory.
        directory: The experiment's directory; below ``url``, each experiment has a folder of its name.
    """
    return str(directory) if url is None else f"{url.rstrip('/')}/{directory.name}"
