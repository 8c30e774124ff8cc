"""The model of a trial, as the store has it: its source, and the weights that were trained."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from retix.codegen import Source
from retix.errors import RetixError, StoreError
from retix.experiment.record.recording import INPUTS_FILE, SPACE_FILE, find_weights
from retix.experiment.search.weight_keeper import weights_key
from retix.model_space import ModelSpace, build_from_source, read_inputs
from retix.store import StoreReader, check_private
from retix.trial import Trial
from retix.weights import WeightStore

SOURCE_FILE = "model.py"
WEIGHTS_FILE = "model.safetensors"
BASE_FILE = "base.pkl"
"""What the source of a model that Python builds reads beside itself, if it does; a pickle."""


class RecordedModels:
    """The models of an experiment, read from its store; no space, evaluator or strategy is needed.

    Args:
        reader: The experiment.
    """

    def __init__(self, reader: StoreReader) -> None:
        self.reader = reader

    def read(self, trial: Trial) -> RecordedModel:
        """The model of a trial; of a duplicate, that of the trial whose result it carries.

        Raises:
            StoreError: Its source is gone, or lies behind a link that leads out of the experiment.
        """
        id = trial.duplicate_of or trial.id
        path, base = self.reader.trial_file(id, SOURCE_FILE), self.reader.trial_file(id, BASE_FILE)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise StoreError(f"the source of trial {id} is gone: {path}") from error
        return RecordedModel(self, trial, text, base.read_bytes() if base.is_file() else None)

    @cached_property
    def weights(self) -> WeightStore:
        """Where the weights of the trials lie."""
        return WeightStore(find_weights(self.reader.info().config.get("weights_url"), self.reader.directory))

    @cached_property
    def space(self) -> ModelSpace | None:
        """The space, where its JSON can be read; what it names is imported, and must be this user's own."""
        with suppress(RetixError, OSError, ValueError, KeyError):
            path = self.reader.file(SPACE_FILE)
            check_private(path)
            return ModelSpace.from_json(json.loads(path.read_text(encoding="utf-8")))
        return None

    @cached_property
    def inputs(self) -> Any:
        """What the models can be called with, or None if that is not known."""
        with suppress(RetixError, OSError, ValueError, KeyError):
            return read_inputs(json.loads(self.reader.file(INPUTS_FILE).read_text(encoding="utf-8")))
        return None


@dataclass(frozen=True)
class RecordedModel:
    """The model of a trial. Made by `RecordedModels.read`.

    Attributes:
        models: The models of its experiment.
        trial: The trial.
        text: Its source.
        base: What the source reads beside itself: a pickle, or None.
    """

    models: RecordedModels
    trial: Trial
    text: str
    base: bytes | None

    @property
    def id(self) -> int:
        """The id of the trial that ran it."""
        return self.trial.duplicate_of or self.trial.id

    def weights(self) -> dict[str, Tensor] | None:
        """The weights that were trained, or None if they were not kept.

        Raises:
            StoreError: They are damaged.
        """
        self.models.reader.trial_file(self.id, WEIGHTS_FILE)  # no link out of the experiment is followed
        store, key = self.models.weights, weights_key(self.id)
        return store.get(key) if store.exists(key) else None

    @cached_property
    def source(self) -> Source:
        """The source, with the name of its class and those of its state."""
        with suppress(RetixError):
            made = None if self.models.space is None else self.models.space.source(self.trial.sample)
            if made is not None and made.text == self.text:
                return made
        # Its space cannot be read, or another version of retix writes the same model otherwise.
        return Source(self.text, find_entry(self.text), {}, {})

    def check_trusted(self) -> None:
        """Refuse to run a source that somebody else could have written.

        Raises:
            StoreError: Somebody could.
        """
        check_private(self.models.reader.trial_file(self.id, SOURCE_FILE))

    def build(self) -> torch.nn.Module:
        """The model with its weights, or with fresh ones if they were not kept; runs its source.

        Raises:
            StoreError: Somebody else could have written the source, it needs a pickle, or its weights are damaged.
        """
        self.check_trusted()
        if self.base is not None:
            raise StoreError(
                f"the model of trial {self.trial.id} is not built from the store",
                why=f"its class has no importable name, so that it lies in a pickle ({BASE_FILE}), which is not opened",
                fix="build it where the experiment ran, or define the class in a module of its own",
            )
        model = build_from_source(self.source)
        weights = self.weights()
        if weights is not None:
            model.load_state_dict(weights)
        return model


def find_entry(text: str) -> str:
    """The name of the model's class, or of the function that makes it, in a generated source: the last one defined."""
    body = ast.parse(text).body
    names = [node.name for node in body if isinstance(node, (ast.ClassDef, ast.FunctionDef))]
    if not names:
        raise StoreError("the source of the model defines no class", fix="choose another trial")
    return names[-1]


def describe_state(model: RecordedModel, weights: Mapping[str, Tensor] | None) -> dict[str, Any]:
    """The tensors of a model by name: sizes, type, and the name in the base model where there is one."""
    known = model.source.state_names
    return {
        name: {"shape": list(tensor.shape), "dtype": str(tensor.dtype).removeprefix("torch."), "base": known.get(name)}
        for name, tensor in (weights or {}).items()
    }
