"""Makes the table of the tabular benchmark, which comes with retix as ``retix/benchmark/digits.npz``.

::

    python -m benchmarks.table train RESULTS
    python -m benchmarks.table_measures MEASURES
    python -m benchmarks.table pack RESULTS MEASURES

First every network of `TableNet` is trained from several seeds, for real, on scikit-learn's digits. One line of JSON
per network goes into the file RESULTS, so that an interrupted run goes on where it was; it takes about half an hour on
two cores. Then each network is measured without training, and both are packed into the table.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from pathlib import Path
from typing import Any

import numpy
import torch
from sklearn.datasets import load_digits
from torch.nn import functional as F

from benchmarks.table_net import TableNet
from retix.benchmark import DIGITS, write_table
from retix.model_space import ModelSpace
from retix.space import Answered, Decision, DecisionSpace, Sample

SEEDS = 3
EPOCHS = 12
BATCH = 32
LEARNING_RATE = 5e-3
TRAINED, VALIDATED, TESTED = 400, 1000, 397


class Digits:
    """The images of handwritten digits, (n, 1, 8, 8) between 0 and 1, in a fixed random order, in three parts."""

    def __init__(self) -> None:
        bundle = load_digits()
        order = torch.randperm(len(bundle.target), generator=torch.Generator().manual_seed(0))
        images = torch.tensor(bundle.images, dtype=torch.float32).unsqueeze(1)[order] / 16
        labels = torch.tensor(bundle.target)[order]
        first, second = TRAINED, TRAINED + VALIDATED
        self.train = images[:first], labels[:first]
        self.validation = images[first:second], labels[first:second]
        self.test = images[second:], labels[second:]


def open_space() -> ModelSpace:
    """The space of the table."""
    return ModelSpace(TableNet(), example_inputs=torch.zeros(2, 1, 8, 8))


def train(space: ModelSpace, sample: Sample, data: Digits, seed: int) -> tuple[list[int], int]:
    """Train one network from one seed.

    Returns:
        How many validation images are recognised after each epoch, and how many test images after the last.
    """
    torch.manual_seed(seed)
    model = space.instantiate(sample)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    generator = torch.Generator().manual_seed(seed)
    images, labels = data.train
    counts = []
    for _ in range(EPOCHS):
        model.train()
        order = torch.randperm(TRAINED, generator=generator)
        for start in range(0, TRAINED - BATCH + 1, BATCH):
            batch = order[start : start + BATCH]
            optimizer.zero_grad()
            F.cross_entropy(model(images[batch]), labels[batch]).backward()  # type: ignore[no-untyped-call]  # torch's
            optimizer.step()
        counts.append(count_right(model, *data.validation))
    return counts, count_right(model, *data.test)


@torch.no_grad()
def count_right(model: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> int:
    """How many images a model recognises."""
    model.eval()
    return int((model(images).argmax(1) == labels).sum())


class _Trainer:
    """What a worker process holds."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        self.space = open_space()
        self.data = Digits()

    def __call__(self, sample: Sample) -> dict[str, Any]:
        runs = [train(self.space, sample, self.data, seed) for seed in range(SEEDS)]
        counts, tests = [counts for counts, _ in runs], [test for _, test in runs]
        return {"sample": sample.to_json(), "validation": counts, "test": tests}


_trainer: _Trainer | None = None


def _train_here(sample: dict[str, Any]) -> dict[str, Any]:
    global _trainer  # one per process of the pool
    _trainer = _trainer or _Trainer()
    return _trainer(Sample(sample))


def train_all(results: Path, processes: int) -> None:
    """Train what is not in the file of results yet, and append it."""
    done = {json.dumps(json.loads(line)["sample"]) for line in results.open()} if results.exists() else set()
    left = [data for sample in open_space().grid() if json.dumps(data := sample.to_json()) not in done]
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes) as pool, results.open("a") as file:
        for number, result in enumerate(pool.imap_unordered(_train_here, left), 1):
            print(json.dumps(result), file=file, flush=True)
            if number % 50 == 0:
                print(f"{len(done) + number} of {len(done) + len(left)} networks", flush=True)


def list_decisions(space: ModelSpace) -> list[Decision]:
    """The decisions of the space as plain ones, whose grid is the space's."""
    decisions = []
    for found in space.decisions:
        condition = found.condition
        assert condition is None or (isinstance(condition, Answered) and len(condition.answers) == 1)
        when = () if condition is None else (((condition.label, condition.answers[0]),),)
        decisions.append(Decision(found.label, found.candidates, found.n_chosen, when))
    if list(DecisionSpace(decisions).grid()) != list(space.grid()):
        raise AssertionError("the decisions do not span the space")
    return decisions


def pack(results: Path, measures: Path, out: Path = DIGITS) -> None:
    """Write the table: what was trained and what was measured, in the order of the grid."""
    decisions = list_decisions(open_space())
    trained = {Sample(row["sample"]): row for row in map(json.loads, results.open())}
    measured = {Sample(row["sample"]): row["measures"] for row in json.loads(measures.read_text())}
    samples = list(DecisionSpace(decisions).grid())
    names = list(measured[samples[0]])
    about = {
        "data": "scikit-learn's digits, 8 x 8 pixels",
        "trained": TRAINED,
        "validated": VALIDATED,
        "tested": TESTED,
        "optimizer": f"Adam, learning rate {LEARNING_RATE}, batches of {BATCH}",
        "torch": torch.__version__,
    }
    write_table(
        out,
        [decision.to_json() for decision in decisions],
        numpy.array([trained[sample]["validation"] for sample in samples], dtype=numpy.uint16),
        numpy.array([trained[sample]["test"] for sample in samples], dtype=numpy.uint16),
        {name: numpy.array([measured[sample][name] for sample in samples]) for name in names},
        about,
    )
    print(f"{out}: {len(samples):,} networks, {out.stat().st_size:,} bytes")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    trainer = commands.add_parser("train", help="train every network")
    trainer.add_argument("results", type=Path)
    trainer.add_argument("--processes", type=int, default=2)
    packer = commands.add_parser("pack", help="write the table")
    packer.add_argument("results", type=Path)
    packer.add_argument("measures", type=Path)
    packer.add_argument("--out", type=Path, default=DIGITS)
    arguments = parser.parse_args()
    if arguments.command == "train":
        train_all(arguments.results, arguments.processes)
    else:
        pack(arguments.results, arguments.measures, arguments.out)


if __name__ == "__main__":
    main()
