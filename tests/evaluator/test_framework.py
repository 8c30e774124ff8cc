"""Which of the two packages an object belongs to."""

from __future__ import annotations

import lightning.pytorch
import pytest
import pytorch_lightning

from retix.evaluator.framework import framework_of
from retix.evaluator.pytorch.lightning import LightningModule, Trainer


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        (LightningModule, "pytorch_lightning"),
        (Trainer, "pytorch_lightning"),
        (pytorch_lightning.Trainer, "pytorch_lightning"),
        (lightning.pytorch.LightningModule, "lightning.pytorch"),
        (lightning.pytorch.Trainer, "lightning.pytorch"),
    ],
)
def test_packages_are_told_apart(cls: type, name: str) -> None:
    """Classes and instances lead to the package that they come from."""
    framework = framework_of(cls)
    assert framework is not None
    assert framework.name == name


def test_other_objects_have_none() -> None:
    """What is neither a module nor a trainer belongs to no package."""
    assert framework_of(object()) is None
    assert framework_of(lightning.pytorch.Callback) is None
