"""Our side of `benchmarks.sample`: networks of a space drawn, built, verified and written, in a process of its own."""

from __future__ import annotations

import json
import random
import sys
import time

import torch

import retix.nn.pytorch as nn
from benchmarks.sample_space import define_digits
from retix import model_wrapper
from retix.codegen import Generator
from retix.converter import convert
from retix.mutation import MutationSpace


def main() -> None:
    """Print the CPU seconds per sample, and how many samples were different, as JSON."""
    count, keeps = int(sys.argv[1]), sys.argv[2:] != ["fresh"]
    torch.set_num_threads(1)
    net = define_digits(nn, model_wrapper)()
    space = MutationSpace(convert(net, torch.randn(2, 1, 8, 8)))
    generator, rng = Generator(), random.Random(0)
    seen = set()

    def sample() -> None:
        drawn = space.walk(lambda decision: decision.draw(rng))
        (generator if keeps else Generator()).generate(space.build(drawn))
        seen.add(drawn)

    for _ in range(count // 4):
        sample()
    seen.clear()
    begin = time.process_time()
    for _ in range(count):
        sample()
    print(json.dumps([(time.process_time() - begin) / count, len(seen)]))


if __name__ == "__main__":
    main()
