"""Measures every network of the tabular benchmark without training it.

::

    python -m benchmarks.table_measures MEASURES
    python -m benchmarks.table_measures --compare RESULTS MEASURES

The first writes a JSON list into the file MEASURES, one object per network in the order of the grid: its sample, and
what each measure says of it. Proxies look at the first images that the networks are trained on. It takes a few minutes
on one core. The second prints how well the measures rank the networks, by what `benchmarks.table` has trained so far.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy
import torch
from scipy.stats import kendalltau, rankdata, spearmanr  # type: ignore[import-untyped]  # scipy has no stubs

from benchmarks.table import Digits
from benchmarks.table_net import TableNet
from retix.measures import ProxyEvaluator
from retix.model_space import ModelSpace
from retix.space import Sample

NAMES = ("parameters", "flops", "memory", "synflow", "naswot", "grad_norm", "zico")
PROXIES = ("synflow", "naswot", "grad_norm", "zico")
BATCH = 64


def open_space() -> ModelSpace:
    """The space of the table, with images to look at."""
    evaluator = ProxyEvaluator("naswot", _batches())
    return ModelSpace(TableNet(), example_inputs=torch.zeros(2, 1, 8, 8), evaluator=evaluator)


def _batches() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The first images that the networks of the table are trained on, in batches."""
    images, labels = Digits().train
    starts = range(0, len(images), BATCH)
    return [(images[start : start + BATCH], labels[start : start + BATCH]) for start in starts]


def measure_all(space: ModelSpace, samples: Iterable[Sample]) -> Iterator[dict[str, Any]]:
    """Yield what is known of each sample's network, by the names of measures."""
    for sample in samples:
        yield {"sample": sample.to_json(), "measures": {name: space.measure(sample, name) for name in NAMES}}


def write_measures(path: Path) -> None:
    """Measure the whole grid."""
    torch.set_num_threads(1)
    start, found = time.perf_counter(), []
    space = open_space()
    for row in measure_all(space, space.grid()):
        found.append(row)
        if len(found) % 100 == 0:
            print(f"{len(found)} networks in {time.perf_counter() - start:.0f} s", flush=True)
    path.write_text(json.dumps(found))


def compare(results: Path, measures: Path) -> None:
    """Print the rank correlations of the measures with the accuracy after the last epoch, mean of the seeds."""
    known = {json.dumps(row["sample"]): row["measures"] for row in json.loads(measures.read_text())}
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    rows = [(known[key], line) for line in lines if (key := json.dumps(line["sample"])) in known]
    accuracy = numpy.array([numpy.mean([run[-1] for run in line["validation"]]) for _, line in rows])
    values = {name: numpy.array([measures[name] for measures, _ in rows]) for name in NAMES}
    print(f"{len(rows)} networks\n{'measure':45}  Spearman  Kendall  Kendall, best 10 %  best found in its first 1 %")
    for names in _list_combinations():
        score = sum(rankdata(values[name]) for name in names)
        print(f"{' + '.join(names):45}  {_describe(score, accuracy)}")


def _list_combinations() -> list[Sequence[str]]:
    sums = [c for size in (2, 3, 4) for c in itertools.combinations((*PROXIES, "flops", "parameters"), size)]
    return [*((name,) for name in NAMES), *sums]


def _describe(score: Any, accuracy: Any) -> str:
    top = accuracy >= numpy.quantile(accuracy, 0.9)
    first = numpy.argsort(-score)[: max(1, len(score) // 100)]
    rank = int((accuracy > accuracy[first].max()).sum()) + 1
    return (
        f"{spearmanr(score, accuracy)[0]:8.3f}  {kendalltau(score, accuracy)[0]:7.3f}  "
        f"{kendalltau(score[top], accuracy[top])[0]:18.3f}  rank {rank}"
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measures", type=Path)
    parser.add_argument("--compare", type=Path, metavar="RESULTS")
    arguments = parser.parse_args()
    if arguments.compare is None:
        write_measures(arguments.measures)
    else:
        compare(arguments.compare, arguments.measures)


if __name__ == "__main__":
    main()
