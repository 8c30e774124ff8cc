"""What models are shown."""

from __future__ import annotations

import torch

from retix.evaluator import FunctionalEvaluator
from retix.evaluator.loader import read_batches
from retix.evaluator.pytorch.lightning import Classification, DataLoader
from retix.measures.data import SAMPLES, Batch, make_data, read_data
from tests.evaluator.samples import Signs


def test_the_evaluators_batches() -> None:
    """The first two training batches are read, with the evaluator's loss, and nobody notices."""
    loader = DataLoader(Signs(12), batch_size=4, shuffle=True)
    evaluator = Classification(train_dataloaders=loader, val_dataloaders=loader)
    state = torch.get_rng_state()
    data = read_data(evaluator, torch.zeros(2, 4))
    assert torch.equal(torch.get_rng_state(), state)
    assert [(batch.inputs[0].shape, batch.target.shape) for batch in data.batches] == [((4, 4), (4,))] * 2
    assert isinstance(data.loss, torch.nn.CrossEntropyLoss)
    assert data.note is None


def test_reading_does_not_depend_on_the_process() -> None:
    """A loader that shuffles gives the same batches whatever was drawn before."""
    loader = DataLoader(Signs(12), batch_size=4, shuffle=True)
    evaluator = Classification(train_dataloaders=loader, val_dataloaders=loader)
    first = read_data(evaluator, None)
    torch.rand(3)
    assert torch.equal(first.batches[0].inputs[0], read_data(evaluator, None).batches[0].inputs[0])


def test_large_batches_are_cut() -> None:
    """Only so many samples are looked at; what is not as long as the batch is not cut."""
    (batch,) = make_data([((torch.ones(100, 2), torch.ones(90, 3)), torch.ones(100))]).batches
    assert [tensor.shape[0] for tensor in batch.inputs[0]] == [SAMPLES, 90]
    assert len(batch.target) == batch.size == SAMPLES


def test_noise_without_data() -> None:
    """Without data, numbers are noise in the shape of the example inputs, indices are drawn from theirs; it is said."""
    data = read_data(None, (torch.zeros(2, 3), torch.tensor([[5, 7], [7, 5]]), 4))
    (x, indices, number), other = data.batches[0].inputs, data.batches[1].inputs[0]
    assert x.shape == (32, 3)
    assert 0.5 < float(x.std()) < 1.5
    assert not torch.equal(x, other)
    assert indices.shape == (32, 2)
    assert set(indices.flatten().tolist()) == {5, 7}
    assert number == 4
    assert data.note is not None
    assert data.batches[0].target is None


def test_unknown_inputs() -> None:
    """Without data and example inputs there is nothing to show; batches of other kinds are left out."""
    assert read_data(None, None).batches == ()
    assert make_data([{"x": torch.ones(2)}, (), torch.tensor(1.0), ("a", "b")]).batches == ()
    assert Batch((3,)).size == 1


def test_evaluators_without_data() -> None:
    """A function brings no data and no loss, and what can be read only once is left for the training."""
    evaluator = FunctionalEvaluator(len)
    assert evaluator.sample_batches(2) == []
    assert evaluator.loss_function is None
    once = iter([torch.ones(2, 3)])
    assert read_batches(once, 1) == []
    assert next(once).shape == (2, 3)
    assert read_batches([torch.ones(2, 3)], 5)[0].shape == (2, 3)
