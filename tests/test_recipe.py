"""Recipes: what is remembered, how it travels, and what cannot."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from retix.errors import RecipeError
from retix.recipe import (
    Recipe,
    answers_while_collecting,
    asked_by,
    asked_so_far,
    basic_unit,
    collecting,
    dumps,
    import_name,
    importable_name,
    is_basic_unit,
    is_building,
    is_model_wrapped,
    is_noting,
    loads,
    model_wrapper,
    note_asked,
    recipe_of,
    serialize,
    serialize_cls,
    trace,
)

ROOT = Path(__file__).parent.parent


class ToTensor:
    def __call__(self, value: float) -> float:
        return value


class Normalize:
    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]):
        self.mean, self.std = mean, std

    def __call__(self, value: float) -> float:
        return (value - self.mean[0]) / self.std[0]


class Compose:
    def __init__(self, transforms: list[Callable[[float], float]]):
        self.transforms = transforms

    def __call__(self, value: float) -> float:
        return functools.reduce(lambda result, transform: transform(result), self.transforms, value)


@trace
class Parent:
    def __init__(self, size: int, scale: float = 1.0):
        super(Parent, self).__init__()  # noqa: UP008  # the old spelling is what is tested elsewhere too
        self.size, self.scale = size, scale


class Child(Parent):
    def __init__(self, name: str):
        super().__init__(3)
        self.name = name


class OrphanChild(Parent):
    """Has no constructor of its own."""


@trace
class TracedChild(Parent):
    def __init__(self, name: str):
        super().__init__(3)
        self.name = name


@trace(inheritable=True)
class Generous:
    def __init__(self, size: int):
        self.size = size


class Heir(Generous):
    """Has no constructor of its own."""


@model_wrapper
class Net(nn.Module):
    def __init__(self, width: int = 2):
        super(Net, self).__init__()  # noqa: UP008  # NNI's users write it so, and NNI recursed for ever
        self.linear = nn.Linear(width, width)


@basic_unit
class Unit(nn.Module):
    def __init__(self, width: int):
        super(Unit, self).__init__()  # noqa: UP008  # see Net
        self.width = width


class SubUnit(Unit):
    """Not decorated itself."""


class Open:
    """A choice that is still open, as `record` knows them."""

    def __init__(self, default: int):
        self.default = default

    def __retix_default__(self) -> int:
        return self.default


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value: int):
        self.value = value


@trace
class Bag:
    def __init__(self, items: Any, **more: Any):
        self.items, self.more = items, more


def make_bag(count: int) -> Bag:
    """A traced object, made by a function."""
    return Bag(list(range(count)))


def make_normalize(mean: float) -> Normalize:
    """An object without a recipe, made by a function."""
    return Normalize((mean,), (1.0,))


def run_python(script: str, *args: str, cwd: Path) -> str:
    """What a script prints in a fresh process."""
    path = cwd / "script.py"
    path.write_text(textwrap.dedent(script))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    done = subprocess.run(
        [sys.executable, str(path), *args], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_serialize_remembers_the_call() -> None:
    """What `serialize` makes is an ordinary instance that knows its class and arguments."""
    made = serialize(Normalize, (0.13,), std=(0.3,))
    assert type(made) is Normalize
    assert made.mean == (0.13,)
    assert recipe_of(made) == Recipe(Normalize, ((0.13,),), {"std": (0.3,)})


def test_nested_recipes_go_to_json_and_back() -> None:
    """A composition of serialized objects survives JSON and computes the same."""
    transform = serialize(Compose, [serialize(ToTensor), serialize(Normalize, (0.13,), (0.3,))])
    recipe = recipe_of(transform)
    assert recipe is not None
    text = json.dumps(recipe.to_json())
    built = Recipe.from_json(json.loads(text)).build()
    assert [type(step) for step in built.transforms] == [ToTensor, Normalize]
    assert built.transforms[1].mean == (0.13,)
    assert built(0.5) == transform(0.5)
    assert built.transforms[1] is not transform.transforms[1]


def test_serialize_accepts_an_object() -> None:
    """`serialize(ToTensor())`, as in NNI's documents, gives the object back, and it travels by value."""
    step: Any = ToTensor()
    assert serialize(step) is step
    transform = serialize(Compose, [serialize(step), serialize(Normalize, (0.13,), (0.3,))])
    assert loads(dumps(transform))(0.5) == transform(0.5)


def test_an_object_by_value_does_not_go_to_json() -> None:
    """An argument without a recipe is refused by name when JSON is asked for."""
    recipe = recipe_of(serialize(Compose, [ToTensor()]))
    assert recipe is not None
    with pytest.raises(RecipeError, match=r"ToTensor.*cannot be written as JSON"):
        recipe.to_json()


def test_serialize_a_function_call() -> None:
    """The result of a function is made again by calling the function."""
    again = loads(dumps(serialize(make_normalize, 0.5)))
    assert again.mean == (0.5,)
    assert recipe_of(again) == Recipe(make_normalize, (0.5,), {})


def test_serialize_keeps_the_recipe_of_a_traced_class() -> None:
    """An object that remembers by itself is not given a second recipe by the function that returned it."""
    recipe = recipe_of(serialize(make_bag, 2))
    assert recipe == Recipe(Bag, ([0, 1],), {})


def test_serialize_refuses_what_cannot_remember() -> None:
    """An object without attributes is refused with its class's name."""
    with pytest.raises(RecipeError, match="Slotted"):
        serialize(Slotted, 1)


def test_rebuilding_makes_nested_objects_anew() -> None:
    """`build` shares neither objects with recipes nor lists with the original."""
    inner = Bag([1])
    bag = Bag([inner], other={"inner": inner})
    recipe = recipe_of(bag)
    assert recipe is not None
    built = recipe.build()
    assert built.items[0] is not inner
    assert built.items[0].items == [1]
    built.items.append(2)
    assert recipe.build().items != built.items


def test_trace_wraps_in_place() -> None:
    """A traced class is the same class, and pickling by reference finds it."""
    parent = Parent(2, scale=0.5)
    assert type(parent) is Parent
    assert Parent.__init__.__name__ == "__init__"
    recipe = recipe_of(parent)
    assert recipe is not None
    assert recipe.bound() == {"size": 2, "scale": 0.5}
    assert type(loads(dumps(parent))) is Parent


@pytest.mark.parametrize("make", [lambda: Child("a"), lambda: OrphanChild(2)])
def test_a_subclass_does_not_record_its_parents_arguments(make: Callable[[], Parent]) -> None:
    """An undecorated subclass has no recipe and travels by value."""
    child = make()
    assert recipe_of(child) is None
    assert vars(loads(dumps(child))) == vars(child)


def test_a_traced_subclass_records_its_own_arguments() -> None:
    """A decorated subclass remembers what it was made with, not what it passed on."""
    assert recipe_of(TracedChild("a")) == Recipe(TracedChild, ("a",), {})


def test_inheritable_recipes() -> None:
    """Under `trace(inheritable=True)` instances of subclasses remember as well."""
    assert recipe_of(Heir(4)) == Recipe(Heir, (4,), {})


def test_tracing_twice_is_tracing_once() -> None:
    """Decorating a decorated class changes nothing."""
    init = Parent.__init__
    assert trace(serialize_cls(Parent)) is Parent
    assert Parent.__init__ is init


def test_decorating_an_instance_is_refused() -> None:
    """Decorators take classes alone."""
    with pytest.raises(RecipeError, match="is no class"):
        trace(ToTensor())  # type: ignore[call-overload]  # that is the point


def test_super_with_the_class_under_a_decorator() -> None:
    """`super(Net, self).__init__()` reaches the parent's constructor under every decorator."""
    net, unit = Net(3), Unit(4)
    assert net.linear.in_features == 3
    assert recipe_of(net).args == (3,)  # type: ignore[union-attr]  # the line above has shown that it exists
    assert recipe_of(unit).args == (4,)  # type: ignore[union-attr]  # likewise


def test_marks_belong_to_the_class_itself() -> None:
    """`basic_unit` and `model_wrapper` mark a class and its instances, not its subclasses."""
    assert is_basic_unit(Unit)
    assert is_basic_unit(Unit(1))
    assert not is_basic_unit(SubUnit)
    assert not is_basic_unit(Net)
    assert is_model_wrapped(Net())
    assert not is_model_wrapped(Unit)
    assert not is_basic_unit(basic_unit(type("Plain", (), {}), basic_unit_tag=False))


def test_weights_travel_with_a_model() -> None:
    """A wrapped model is pickled with its state, not as its recipe alone."""
    net = Net(2)
    nn.init.constant_(net.linear.weight, 7.0)
    assert bool((loads(dumps(net)).linear.weight == 7.0).all())


def test_open_choices_are_remembered_and_settled() -> None:
    """The recipe keeps the choice; the constructor gets its default, in nested lists too."""
    choice = Open(5)
    bag = Bag([choice, {"key": (choice, 1)}], more=choice)
    assert bag.items == [5, {"key": (5, 1)}]
    assert bag.more == {"more": 5}
    assert recipe_of(bag) == Recipe(Bag, ([choice, {"key": (choice, 1)}],), {"more": choice})


def test_a_list_without_choices_stays_the_users_own() -> None:
    """A traced object shares a list with whoever gave it, as an undecorated one would."""
    shared: list[Any] = [1, {"a": 2}]
    bag = Bag(shared)
    assert bag.items is shared
    assert bag.items[1] is shared[1]


def test_the_recipe_keeps_the_arguments_as_they_were() -> None:
    """A list that changes after the object was made does not change the recipe."""
    shared = [1]
    traced, serialized = Bag(shared), serialize(Compose, shared)
    shared.append(2)
    assert recipe_of(traced) == Recipe(Bag, ([1],), {})
    assert recipe_of(serialized) == Recipe(Compose, ([1],), {})


@pytest.mark.parametrize(
    "value", [None, True, 1, 0.5, "text", (1, (2,)), [1, [2]], {1: "a", "b": (2,)}, int, json.dumps, nn.ReLU]
)
def test_plain_arguments_survive_json(value: object) -> None:
    """Plain values, containers, classes and functions come back equal and of the same type."""
    data = json.loads(json.dumps(Recipe(Bag, (value,), {}).to_json()))
    (back,) = Recipe.from_json(data).args
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize("value", [float("nan"), object(), lambda: 1])
def test_other_arguments_are_refused_by_json(value: object) -> None:
    """What JSON cannot hold is refused."""
    with pytest.raises(RecipeError):
        Recipe(Bag, (value,), {}).to_json()


def test_shared_objects_stay_shared() -> None:
    """An object given twice is made again once."""
    inner = Bag([1])
    first, second = loads(dumps([Bag(inner), Bag(inner)]))
    assert first.items is second.items


def test_importable_names() -> None:
    """A name is importable if importing it gives the object back."""

    class Local:
        pass

    assert importable_name(nn.Linear) == "torch.nn.modules.linear.Linear"
    assert import_name("torch.nn.Module.train") is nn.Module.train
    with pytest.raises(RecipeError, match="Local has no importable name"):
        importable_name(Local)
    with pytest.raises(RecipeError, match=r"functools\.partial.* has no importable name"):
        importable_name(functools.partial(int, base=2))


@pytest.mark.parametrize("name", ["no_such_package.Thing", "torch.nn.NoSuchLayer", "torch.no_such.Thing"])
def test_names_that_lead_nowhere(name: str) -> None:
    """A name that cannot be imported is named."""
    with pytest.raises(RecipeError, match=name):
        import_name(name)


def test_a_module_that_lacks_a_dependency(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that exists but fails to import something names that, instead of seeming absent."""
    (tmp_path / "needy_module.py").write_text("import absent_dependency\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(RecipeError, match="absent_dependency"):
        import_name("needy_module.Thing")


def generate() -> Iterator[int]:
    """A live generator, once called."""
    yield 1


class Holder:
    def __init__(self, value: Any):
        self.value = value


def closing_over(value: Any) -> Callable[[], Any]:
    """A function that holds a value."""
    return lambda: value


@pytest.mark.parametrize(
    ("make", "where"),
    [
        (lambda: Bag([1, threading.Lock()]), "Bag.args[0][1], a lock"),
        (lambda: Bag([], more={"key": generate()}), "Bag.more['key'], a generator"),
        (lambda: Bag(Holder(threading.Lock())), "Bag.args[0].value, a lock"),
        (lambda: Bag(closing_over(generate())), "Bag.args[0].value, a generator"),
    ],
)
def test_what_cannot_be_pickled_is_named(make: Callable[[], Bag], where: str) -> None:
    """The error leads to the very part that cannot travel."""
    with pytest.raises(RecipeError, match="Bag cannot be sent to a worker") as caught:
        dumps(make())
    assert caught.value.where == where


def test_the_culprit_may_be_the_object_itself() -> None:
    """An object that is unpicklable by itself needs no path."""
    with pytest.raises(RecipeError, match="generator cannot be sent") as caught:
        dumps(generate())
    assert caught.value.where is None


def test_a_cycle_around_the_culprit_ends() -> None:
    """Looking for the culprit ends although its holder holds itself."""
    holder = Holder(None)
    holder.value = [holder, threading.Lock()]
    with pytest.raises(RecipeError) as caught:
        dumps(holder)
    assert caught.value.where == "Holder.value[1], a lock"


def test_classes_of_main_travel_by_value(tmp_path: Path) -> None:
    """Decorated classes of `__main__` are made again in a process that has never seen them."""
    output = tmp_path / "data.bin"
    run_python(
        """
        import sys
        from retix.recipe import dumps, serialize, trace

        class Base:
            def __init__(self):
                self.based = True

        @trace
        class Data(Base):
            def __init__(self, size):
                super(Data, self).__init__()
                self.size = size

        class Plain:
            def __init__(self, data):
                self.data = data

        with open(sys.argv[1], "wb") as file:
            file.write(dumps(serialize(Plain, Data(3))))
        """,
        str(output),
        cwd=tmp_path,
    )
    printed = run_python(
        """
        import sys
        from retix.recipe import loads, recipe_of
        plain = loads(open(sys.argv[1], "rb").read())
        print(type(plain.data).__name__, plain.data.size, plain.data.based, recipe_of(plain.data).bound())
        print(recipe_of(type(plain.data)(4)).args)
        """,
        str(output),
        cwd=tmp_path,
    )
    assert printed.splitlines() == ["Data 3 True {'size': 3}", "(4,)"]


def test_a_recipe_knows_where_it_was_made() -> None:
    """What is recorded keeps the user's file and line, which makes no recipe different from another."""

    @trace
    class Made:
        def __init__(self, x: int) -> None:
            self.x = x

    first, second = recipe_of(Made(1)), recipe_of(Made(1))
    assert first is not None
    assert second is not None
    assert "test_recipe.py:" in str(first.place)
    assert first == second


def test_what_a_model_asks_is_remembered() -> None:
    """The outermost model_wrapper class remembers what was asked while it was made, also inside of it."""

    @model_wrapper
    class Inner:
        def __init__(self) -> None:
            assert is_building()
            note_asked("inner")

    @model_wrapper
    class Outer:
        def __init__(self) -> None:
            note_asked("outer")
            self.inner = Inner()
            assert asked_so_far() == ("outer", "inner")

    with collecting({"a": 1}) as asked:
        assert answers_while_collecting() == {"a": 1}
        model = Outer()
    assert asked == ["outer", "inner"]
    assert asked_by(model) == ("outer", "inner")
    assert asked_by(model.inner) == ()
    assert not is_building()
    assert not is_noting()
