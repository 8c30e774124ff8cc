"""A space of models, without a search."""

from __future__ import annotations

import copy
import hashlib
import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self

import torch

from retix.codegen import Source
from retix.errors import ConfigError, ConversionError, MutationError, SpaceError
from retix.evaluator import Evaluator, OpenEvaluator
from retix.ir import Model
from retix.measures import Making, Measure, Measurer
from retix.model_space.archive import (
    read_inputs,
    read_measure,
    read_mutator,
    write_inputs,
    write_measure,
    write_mutator,
    write_origin,
    write_recipe,
)
from retix.model_space.engine import Engine
from retix.model_space.graph_engine import GraphEngine
from retix.model_space.listing import merge, write_html, write_table
from retix.model_space.loading import build_from_source, load_source
from retix.model_space.origin import Origin, read_origin
from retix.model_space.python_engine import PythonEngine, check_sample
from retix.mutation import MutationSpace, Mutator, SpaceDecision
from retix.recipe import Recipe, recipe_of
from retix.space import Constraint, DepthFirst, Expression, Pick, Sample, SearchSpace, expression_from_json

VERSION = 1

_DRAWS = 10_000

EngineName = Literal["auto", "graph", "base", "py"]


class ModelSpace(SearchSpace):
    """All the models that a base model, its choices, mutators and an evaluator's choices span.

    ::

        space = ModelSpace(Net(), example_inputs=torch.zeros(1, 3, 32, 32))
        print(space)                     # every decision, and the exact number of models
        sample = space.random(seed=0)
        net = space.python(sample)       # a torch.nn.Module
        print(space.source(sample).text)

    By the *graph* engine the base model is captured, and each model is a graph that `build` gives and a source of its
    own. By the *Python* engine each model is built by the user's own classes with the choices made: whatever Python can
    do may stand in forward, but there is no graph to rewrite.

    Args:
        base_model: The model, with choices in it: an instance, or a function that makes one. What a
            ModelParameterChoice decides needs a model of its own for each answer, so that the class has to be decorated
            by `retix.model_wrapper`, or a function has to be given.
        mutators: Own mutators, applied in order behind the choices in the model.
        example_inputs: What the model is captured with: a tensor, or a tuple of arguments. By default the evaluator's
            first batch; where there is neither, the model is scripted.
        evaluator: The evaluator, whose arguments may hold choices: they are decisions of the space too.
        constraints: What every sample has to keep, see `retix.constraint`; those that the model holds come by
            themselves.
        engine: ``graph``, ``py``, or ``auto``: by Python if the model cannot be captured. NNI's ``base`` means
            ``graph``.
        measures: Further measures, see `measure`; one that is named like a built-in one takes its place.

    Attributes:
        evaluator: The evaluator, made with the first answer of each of its choices; None without one.
        reason: Why the Python engine is used; None with the graph engine.

    Raises:
        ConversionError: The base model cannot be captured.
        ConfigError: There is no such engine, the Python engine is to apply mutators, or two measures have one name.
        RecipeError: The base model cannot be built again, where it has to be.
        SpaceError: Choices contradict each other.
    """

    def __init__(
        self,
        base_model: Any,
        mutators: Sequence[Mutator] = (),
        example_inputs: Any = None,
        evaluator: Evaluator | None = None,
        *,
        constraints: Iterable[Constraint] = (),
        engine: EngineName = "auto",
        measures: Iterable[Measure] = (),
    ) -> None:
        if engine not in ("auto", "graph", "base", "py"):
            raise ConfigError(f"there is no engine {engine!r}", fix="use 'auto', 'graph' or 'py'")
        self.reason: str | None = None
        self._given_inputs = example_inputs
        self._set_evaluator(evaluator)
        self._measurer = Measurer(measures, evaluator)
        self._constraints = tuple(constraints)
        self._origin = read_origin(base_model)
        if example_inputs is None and evaluator is not None and engine != "py":
            example_inputs = evaluator.example_inputs()
        self._engine = self._choose_engine(tuple(mutators), example_inputs, engine)

    def _set_evaluator(self, evaluator: Evaluator | None) -> None:
        self.evaluator = evaluator
        self._open_evaluator = None if evaluator is None else OpenEvaluator(evaluator)
        self._extras = {} if self._open_evaluator is None else dict(self._open_evaluator.arguments)

    def _choose_engine(self, mutators: tuple[Mutator, ...], example_inputs: Any, engine: EngineName) -> Engine:
        if engine == "py":
            self.reason = "the engine 'py' was asked for"
            if mutators:
                raise ConfigError(
                    "the Python engine cannot apply mutators",
                    why="mutators rewrite graphs, and this engine captures none",
                    fix="use the graph engine: execution_engine='base', or ModelSpace(..., engine='graph')",
                )
        else:
            try:
                return GraphEngine(self._origin, mutators, example_inputs, self._extras, self._constraints)
            except ConversionError as error:
                if engine != "auto" or mutators or not self._origin.runs_on(example_inputs):
                    raise
                self.reason = f"{self._origin.name} cannot be captured: {error.what}"
                self.reason += f" ({error.where})" if error.where else ""
        assert self.reason is not None
        return PythonEngine(self._origin, self._extras, self._constraints, self.reason)

    # -- the space ----------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name of the base model's class."""
        return self._origin.name

    @property
    def engine(self) -> Literal["graph", "py"]:
        """How models are made: ``graph`` or ``py``."""
        return "graph" if isinstance(self._engine, GraphEngine) else "py"

    @property
    def decisions(self) -> list[SpaceDecision]:
        """Every decision of the space, in the order in which they come."""
        found: dict[str, SpaceDecision] = {}
        for decision in self._engine.decisions():
            known = found.get(decision.label)
            found[decision.label] = decision if known is None else merge(known, decision)
        return list(found.values())

    @property
    def size(self) -> int | None:
        """The exact number of samples; None where mutators decide as they go, so that it cannot be known."""
        return self._engine.space.size

    @property
    def example_inputs(self) -> Any:
        """What the base model was captured with, or else what was given or the evaluator gives; None without any."""
        captured = self._engine.example_inputs if isinstance(self._engine, GraphEngine) else self._given_inputs
        return self.evaluator.example_inputs() if captured is None and self.evaluator is not None else captured

    @property
    def mutators(self) -> tuple[Mutator, ...]:
        """The mutators that are applied behind the choices in the model."""
        return self._engine.mutators

    @property
    def base_model(self) -> Model:
        """The captured base model, its choices open.

        Raises:
            ConfigError: The Python engine captures none.
        """
        if isinstance(self._engine, GraphEngine):
            return self._engine.base_model
        raise ConfigError("this space has no graph of its base model", why=self.reason)

    @property
    def mutation_space(self) -> MutationSpace:
        """The space over the captured graph.

        Raises:
            ConfigError: The Python engine has none, and with construction-time decisions there are several.
        """
        if isinstance(self._engine, GraphEngine) and not self._engine.space.has_decisions:
            return self._engine.space.first
        raise ConfigError(
            "this space has no single graph to mutate",
            why=self.reason or "what a ModelParameterChoice decides makes a graph of its own for each answer",
            fix="use execution_engine='base', and choices that are made in the graph: LayerChoice, ValueChoice, Repeat",
        )

    def walk(self, pick: Pick) -> Sample:
        return self._engine.space.walk(pick)

    def permits(self, sample: Sample) -> bool:
        return self._engine.space.permits(sample)

    def random(self, seed: int | random.Random | None = None) -> Sample:
        """Draw a sample.

        Args:
            seed: The same seed gives the same sample; a generator is drawn from.

        Raises:
            SpaceError: No sample keeps the constraints, or so few do that none was found.
        """
        rng = seed if isinstance(seed, random.Random) else random.Random(seed)
        for _ in range(_DRAWS):
            sample = self.walk(lambda decision: decision.draw(rng))
            if self.permits(sample):
                return sample
        raise SpaceError(
            f"none of {_DRAWS:,} samples drawn keeps the constraints",
            why="too few do, and finding one takes too long",
            fix="loosen the constraints, or state them on fewer choices at a time",
        )

    def grid(self) -> Iterator[Sample]:
        """Yield every sample once, the last decision changing fastest."""
        order = DepthFirst()
        return filter(self.permits, iter(lambda: order.draw(self), None))

    def digest(self, sample: Mapping[str, Any]) -> str:
        """A string that is equal for samples that are one and the same trial: equal networks, evaluated alike.

        Raises:
            SpaceError: The sample does not fit the space.
            MutationError: A mutator failed.
        """
        whole = Sample(sample)
        network = self._engine.digest(whole)
        settings = {path: _describe_setting(expression, whole) for path, expression in self._extras.items()}
        if not settings:
            return network
        return hashlib.blake2b(json.dumps([network, settings]).encode(), digest_size=16).hexdigest()

    def fingerprint(self, sample: Sample) -> str:
        try:
            return self.digest(sample)
        except MutationError:
            return sample.key  # there is no network to tell apart by

    # -- what is known without training -------------------------------------------------------------------------

    @property
    def measures(self) -> Mapping[str, Measure]:
        """Every measure of the space by its name, see `measure`."""
        return MappingProxyType(self._measurer.measures)

    def knows_measure(self, name: str) -> bool:
        """Whether `measure` takes that name; nothing is computed."""
        return name in self._measurer.measures

    def measure(self, sample: Mapping[str, Any], name: str) -> float:
        """What is known of the model of a sample without training it.

        ``parameters``, ``flops`` (per sample, one forward), ``memory`` (bytes for training with one sample),
        ``latency`` (seconds for the example inputs on the CPU), the zero-cost proxies ``synflow``, ``naswot``,
        ``grad_norm`` and ``zico``, and the space's own measures. Proxies look at the first training batches of the
        evaluator, or else at noise, and draw a model's weights from a fixed seed.

        A network is measured once; another sample that makes the same network gets the same answer.

        Raises:
            SpaceError: There is no measure of that name, or the sample does not fit the space.
            MutationError: A mutator failed.
            ProfileError: The model cannot be built, or cannot be run on the inputs.
            ConfigError: The device of a `Latency` is not there.
        """
        _ = self._measurer.find(name)
        return self._measurer.measure(self._network(sample), name, lambda: self._describe(sample))

    def remember(self, sample: Mapping[str, Any], name: str, value: float) -> None:
        """Take ``value`` for what `measure` finds, such as the latency that was measured when a search began.

        Raises:
            SpaceError: There is no measure of that name, or the sample does not fit the space.
            MutationError: A mutator failed.
        """
        _ = self._measurer.find(name)
        self._measurer.remember(self._network(sample), name, float(value))

    def keep_measurements(self, path: Path) -> None:
        """Keep in a file what might come out otherwise another time, such as latencies, and take what it has of them.

        An experiment does so in its directory: a search that is resumed has to see the values that it saw before.

        Args:
            path: The file, which need not exist; what is measured from now on is added to it.

        Raises:
            StoreError: It cannot be read or written.
        """
        self._measurer.keep(path)

    def _network(self, sample: Mapping[str, Any]) -> str:
        """The digest of a sample's network, however it is trained."""
        return self._engine.digest(Sample(sample))

    def _describe(self, sample: Mapping[str, Any]) -> Making:
        return Making(self.name, load_source(self.source(sample), self.files), self.example_inputs)

    # -- the models ---------------------------------------------------------------------------------------------

    def build(self, sample: Mapping[str, Any]) -> Model:
        """The graph of a sample, verified; it may be edited.

        Raises:
            ConfigError: The Python engine has no graphs.
            SpaceError: The sample lacks an answer, or holds one to a choice that this model does not have.
            MutationError: A mutator failed.
        """
        return self._engine.build(sample)

    def source(self, sample: Mapping[str, Any]) -> Source:
        """The source of a sample: the model written out by the graph engine, or a script that builds it by Python.

        Raises:
            SpaceError: As `build`.
            MutationError: As `build`.
            GenerationError: Something has no Python form.
        """
        return self._engine.write(sample)

    @property
    def files(self) -> Mapping[str, bytes]:
        """What has to lie beside a source, by name: by the Python engine, a class that cannot be imported."""
        return self._engine.files

    def python(self, sample: Mapping[str, Any]) -> torch.nn.Module:
        """The model of a sample, with the weights of the base model where their shapes agree.

        Raises:
            SpaceError: As `build`.
            MutationError: As `build`.
        """
        check_sample(self, sample)
        if self._origin.module is None or self._engine.mutators:
            return build_from_source(self.source(sample), self._origin.module, self.files)
        return self._origin.fix(sample, self._engine.space.decided(sample))

    def instantiate(self, sample: Mapping[str, Any]) -> torch.nn.Module:
        """The model of a sample with weights of its own, its state named as in a trial: what `source` builds.

        Raises:
            SpaceError: As `build`.
            MutationError: As `build`.
            GenerationError: As `source`.
        """
        return build_from_source(self.source(sample), files=self.files)

    def fill_evaluator(self, sample: Mapping[str, Any]) -> Evaluator:
        """The evaluator of a sample, its own choices made.

        Raises:
            ConfigError: The space has no evaluator.
            SpaceError: An answer is missing.
            EvaluationError: The evaluator cannot be made with these values.
        """
        if self._open_evaluator is None:
            raise ConfigError("the space has no evaluator", fix="give one: ModelSpace(..., evaluator=...)")
        return self._open_evaluator.fill(Sample(sample))

    @property
    def has_open_evaluator(self) -> bool:
        """Whether the evaluator has choices of its own, so that it differs from sample to sample."""
        return bool(self._extras)

    def with_evaluator(self, evaluator: Evaluator) -> ModelSpace:
        """The same models with another evaluator, whose choices take the place of the former one's."""
        space = copy.copy(self)
        space._set_evaluator(evaluator)
        space._engine = self._engine.with_extras(space._extras)
        space._measurer = Measurer(self._measurer.own, evaluator)
        return space

    # -- JSON ---------------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """The space as JSON values, from which every sample's model can be made again in another process.

        The graph engine writes the captured graph, with the source of classes that cannot be imported. The Python
        engine, and constructors that decide something, need the importable name of the model's class and its arguments.
        Of the evaluator, its choices are written, not the evaluator itself.

        Raises:
            RecipeError: Something cannot be made again from JSON.
        """
        data: dict[str, Any] = {
            "model_space": VERSION,
            "name": self.name,
            "engine": self.engine,
            "reason": self.reason,
            "extras": {path: expression.to_json() for path, expression in self._extras.items()},
            "constraints": [rule.to_json() for rule in self._constraints],
            "measures": [write_measure(measure) for measure in self._measurer.own],
        }
        if not isinstance(self._engine, GraphEngine):
            inputs = write_inputs(self._given_inputs)
            return {**data, "recipe": write_recipe(self._origin.recipe, self.name), "example_inputs": inputs}
        data["mutators"] = [write_mutator(mutator) for mutator in self._engine.mutators]
        if self._engine.space.has_decisions:
            inputs = write_inputs(self._engine.example_inputs)
            return {**data, "recipe": write_recipe(self._origin.recipe, self.name), "example_inputs": inputs}
        return {**data, "recipe": write_origin(self._origin.recipe), "model": self._engine.base_model.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], evaluator: Evaluator | None = None) -> Self:
        """The space that `to_json` wrote; imports what it names.

        Args:
            data: What it wrote.
            evaluator: The evaluator, which is not part of the JSON; needed only to evaluate.

        Raises:
            ConfigError: The data is of another version.
            RecipeError: A name cannot be imported.
        """
        if data.get("model_space") != VERSION:
            raise ConfigError(
                f"this is no model space of version {VERSION}, but {data.get('model_space')!r}",
                fix="write it again with to_json() of this version of retix",
            )
        space = cls.__new__(cls)
        space.reason = data["reason"]
        space._given_inputs = read_inputs(data.get("example_inputs"))
        space._set_evaluator(evaluator)
        space._extras = {path: expression_from_json(item) for path, item in data["extras"].items()}
        space._constraints = tuple(Constraint.from_json(item) for item in data["constraints"])
        space._measurer = Measurer(map(read_measure, data.get("measures", ())), evaluator)
        space._origin = _read_origin(data)
        space._engine = space._restore_engine(data)
        return space

    def _restore_engine(self, data: Mapping[str, Any]) -> Engine:
        if data["engine"] == "py":
            return PythonEngine(self._origin, self._extras, self._constraints, data["reason"])
        mutators = [read_mutator(item) for item in data["mutators"]]
        model = Model.from_json(data["model"]) if "model" in data else None
        inputs = read_inputs(data.get("example_inputs"))
        return GraphEngine(self._origin, mutators, inputs, self._extras, self._constraints, model)

    # -- for people ---------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"<ModelSpace of {self.name}: {self._facts()[0]}>"

    def __str__(self) -> str:
        table = ["", write_table(self.decisions)] if self.decisions else []
        return "\n".join([f"ModelSpace of {self.name}", *self._facts(), *table])

    def _repr_html_(self) -> str:
        return write_html(f"ModelSpace of {self.name}", self._facts(), self.decisions)

    def _facts(self) -> list[str]:
        """What there is to say of the whole, a sentence each."""
        size, count = self.size, len(self.decisions)
        further = " and those that mutators ask as they run" if self.mutators else ""
        models = "an unknown number of samples" if size is None else f"{size:,} sample{'s' if size != 1 else ''}"
        facts = [f"{count} decision{'s' if count != 1 else ''}{further}, {models}"]
        facts.append(f"engine: {self.engine}" + (f", because {self.reason}" if self.reason else ""))
        facts += [f"mutators: {', '.join(mutator.label for mutator in self.mutators)}"] if self.mutators else []
        variants = self._engine.space
        facts += [
            f"constraint: {r}" for r in (self._constraints if variants.has_decisions else variants.first.constraints)
        ]
        return facts


def _describe_setting(expression: Expression, sample: Sample) -> str:
    """What an evaluator's choice comes to, alike in every process."""
    text = repr(expression.evaluate(sample))
    if " at 0x" not in text:
        return text
    # A function has no text but its address: the answers tell it from others.
    return json.dumps({d.label: sample[d.label] for d in expression.decisions() if d.label in sample})


def _read_origin(data: Mapping[str, Any]) -> Origin:
    if data["recipe"] is None:
        return Origin(data["name"], None, None, (), False)
    recipe = Recipe.from_json(data["recipe"])
    module = recipe.build()
    return read_origin(module if recipe_of(module) is not None else recipe.target)
