"""NNI's ways to ask how objects were made, and its JSON."""

from __future__ import annotations

import copy
import io
import json
import math
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch

import retix.nn.pytorch as nn
from retix import serializer
from retix.errors import RecipeError
from retix.recipe import recipe_of


@serializer.trace
class Point:
    def __init__(self, x: Any, y: Any = 0, *rest: Any, unit: str = "m") -> None:
        self.x, self.y, self.rest, self.unit = x, y, rest, unit


@serializer.trace(kw_only=False)
class Pair:
    def __init__(self, first: Any, second: Any) -> None:
        self.items = [first, second]


class Plain:
    def __init__(self, value: Any) -> None:
        self.value = value


@serializer.trace
def add(a: int, b: int = 1) -> int:
    """Return a plain number."""
    return a + b


@serializer.trace
def make_nothing(a: int) -> None:
    """Return nothing."""


class TestTrace:
    def test_arguments_are_named(self) -> None:
        """Positional arguments are read by name."""
        point = Point(1, 2, unit="km")
        assert point.trace_symbol is Point
        assert (point.trace_args, point.trace_kwargs) == ([], {"x": 1, "y": 2, "unit": "km"})
        assert point.get() is point

    def test_arguments_before_a_star_keep_their_places(self) -> None:
        """They could not be given by name together with those behind the star."""
        assert Point(1, 2, 3).trace_args == [1, 2, 3]

    def test_positions_may_be_kept(self) -> None:
        """As kw_only=False asks for it."""
        assert Pair(1, second=2).trace_args == [1]
        assert Pair(1, second=2).trace_kwargs == {"second": 2}

    def test_a_copy_is_open_to_changes(self) -> None:
        """It leaves the object alone, and makes another one."""
        point = Point(1)
        draft = point.trace_copy()
        draft.trace_kwargs["x"] = 5
        assert (draft.get().x, point.x, draft.trace_copy().get().trace_kwargs) == (5, 1, {"x": 5})
        assert repr(draft) == "Draft(Point(x=5))"

    def test_a_class_of_others_is_left_alone(self) -> None:
        """What comes back is a subclass, whose instances remember what the class has to be called with."""
        linear = serializer.trace(torch.nn.Linear)(2, out_features=3)
        assert isinstance(linear, torch.nn.Linear)
        assert linear.trace_symbol is torch.nn.Linear
        assert linear.trace_kwargs == {"in_features": 2, "out_features": 3}
        assert recipe_of(torch.nn.Linear(2, 3)) is None
        assert not serializer.is_traceable(torch.nn.Linear(2, 3))

    def test_it_can_be_pickled_and_copied(self) -> None:
        """The subclass has no importable name; its instances travel as class and arguments."""
        adam = serializer.trace(Plain)([1, 2])
        for twin in (pickle.loads(pickle.dumps(adam)), copy.deepcopy(adam)):
            assert twin.value == [1, 2]
            assert twin.trace_kwargs == {"value": [1, 2]}

    def test_a_copy_of_it_remembers_too(self) -> None:
        """What a draft makes is as what it was drawn from; with another symbol, it is made by that."""
        draft = serializer.trace(torch.nn.Linear)(2, 3).trace_copy().trace_copy()
        assert draft.get().trace_kwargs == {"in_features": 2, "out_features": 3}
        draft.trace_symbol = dict
        assert draft.get() == {"in_features": 2, "out_features": 3}

    def test_arguments_that_stand_for_others(self) -> None:
        """A constructor receives what they stand for, and they are remembered as they are."""

        class Doubled(serializer.Translatable):
            def __init__(self, value: int) -> None:
                self.value = value

            def _translate(self) -> int:
                return 2 * self.value

        doubled = Doubled(3)
        point = Point(doubled)
        assert (point.x, point.trace_kwargs["x"]) == (6, doubled)
        with pytest.raises(NotImplementedError, match="override _translate"):
            Point(serializer.Translatable())

    def test_an_ordered_dict(self) -> None:
        """Classes written in C go as well."""
        made = serializer.trace(OrderedDict)([("a", 1)])
        assert made["a"] == 1
        assert serializer.is_traceable(made)

    def test_layers_answer_too(self) -> None:
        """They are recorded anyway."""
        assert nn.Conv2d(3, 8, 1).trace_kwargs == {"in_channels": 3, "out_channels": 8, "kernel_size": 1}

    def test_a_traced_class_is_not_traced_again(self) -> None:
        """It comes back as it is."""
        assert serializer.trace(Point) is Point
        assert serializer.is_wrapped_with_trace(Point)
        assert not serializer.is_wrapped_with_trace(Plain)

    def test_a_function(self) -> None:
        """What it returns is as before, and remembers the call."""
        total = add(2)
        assert total + 1 == 4
        assert total.trace_kwargs == {"a": 2}
        assert total.trace_symbol(1, b=5) == 6
        assert not serializer.is_traceable(total.trace_symbol(1))
        again = total.trace_copy()
        again.trace_kwargs["b"] = 3
        assert (again.get(), again.get().trace_kwargs) == (5, {"a": 2, "b": 3})

    def test_a_function_that_returns_nothing(self) -> None:
        """There is something to read the call from."""
        assert make_nothing(3).trace_kwargs == {"a": 3}

    def test_a_function_that_returns_what_remembers_nothing(self) -> None:
        """A function, or True, cannot carry more than itself."""
        for made in (len, True):
            with pytest.raises(RecipeError, match="cannot remember where it comes from"):
                serializer.trace(lambda made=made: made)()

    def test_what_is_neither_class_nor_function(self) -> None:
        """It is refused."""
        with pytest.raises(RecipeError, match="neither a class nor a function"):
            serializer.trace(3)

    def test_a_method_of_the_same_name_stays(self) -> None:
        """A class may have its own `get`."""
        made = serializer.trace(dict)(a=1)
        assert made.get("a") == 1

    def test_parameters_or_an_error(self) -> None:
        """What remembers nothing is named, with what to do."""
        assert serializer.get_init_parameters_or_fail(nn.Linear(1, 2)) == {"in_features": 1, "out_features": 2}
        with pytest.raises(RecipeError, match="Plain does not remember how it was made"):
            serializer.get_init_parameters_or_fail(Plain(1))


class TestDump:
    def test_the_form(self) -> None:
        """It is NNI's: the symbol by its path, and the arguments."""
        text = serializer.dump(Point(1, Point(2)))
        name = f"path:{__name__}.Point"
        assert json.loads(text) == {
            "__symbol__": name,
            "__kwargs__": {"x": 1, "y": {"__symbol__": name, "__kwargs__": {"x": 2}}},
        }

    @pytest.mark.parametrize(
        "value",
        [1, "a", None, [1, [2.5]], {"a": {"b": True}}, {1, 2}, Path("a/b"), 1 + 2j, torch.nn.Linear, math.sqrt],
        ids=repr,
    )
    def test_there_and_back(self, value: Any) -> None:
        """What JSON does not know comes back as well."""
        assert serializer.load(serializer.dump(value)) == value

    def test_objects_are_made_again(self) -> None:
        """With what they remember."""
        point = serializer.load(serializer.dump(serializer.trace(torch.nn.Linear)(2, 3)))
        assert point.weight.shape == (3, 2)
        assert point.trace_kwargs == {"in_features": 2, "out_features": 3}

    def test_drafts(self) -> None:
        """A draft is written like the object it would make."""
        draft = Point(1).trace_copy()
        draft.trace_kwargs["x"] = 4
        assert serializer.load(serializer.dump(draft)).x == 4

    def test_positions_that_are_kept(self) -> None:
        """They are written apart."""
        assert json.loads(serializer.dump(Pair(1, 2)))["__args__"] == [1, 2]
        assert serializer.load(serializer.dump(Pair(1, 2))).items == [1, 2]

    def test_what_remembers_nothing_is_pickled(self) -> None:
        """Up to a size."""
        assert serializer.load(serializer.dump(Plain(3))).value == 3
        with pytest.raises(serializer.PayloadTooLarge, match="and 4096 are allowed"):
            serializer.dump(Plain("x" * 5000))
        assert serializer.load(serializer.dump(Plain("x" * 5000), pickle_size_limit=-1)).value == "x" * 5000

    def test_tracing_may_be_left_out(self) -> None:
        """Then even what remembers its arguments is pickled."""
        assert "__nni_obj__" in serializer.dump(Plain(1), use_trace=False)

    def test_a_class_without_a_path(self) -> None:
        """It is written out."""

        @serializer.trace
        class Local:
            def __init__(self, a: int) -> None:
                self.a = a

        assert serializer.load(serializer.dump(Local(7), pickle_size_limit=-1)).a == 7

    def test_files(self) -> None:
        """As in NNI, by fp."""
        file = io.StringIO()
        serializer.json_dump({"a": 1}, file)
        file.seek(0)
        assert serializer.json_load(file) == {"a": 1}
        assert serializer.json_loads(serializer.json_dumps([1], indent=1)) == [1]
        with pytest.raises(TypeError, match="fp=file"):
            serializer.load(io.StringIO("1"))

    def test_nan(self) -> None:
        """It goes unless it is forbidden."""
        assert math.isnan(serializer.load(serializer.dump(math.nan)))
        with pytest.raises(ValueError, match="JSON compliant"):
            serializer.dump(math.nan, allow_nan=False)
