"""The other side of `benchmarks.sample`: NNI's own sampling, run by a Python that has NNI 2.10."""

from __future__ import annotations

import importlib
import json
import random
import sys
import time
from typing import Any

import torch

from benchmarks.sample_space import define_digits


def main() -> None:
    """Print the CPU seconds per sample, and how many samples were different, as JSON."""
    count = int(sys.argv[1])
    torch.set_num_threads(1)
    # by their names, because NNI is in another environment than the one in which types are checked
    nn, nni, codegen, converter, mutator, inline = (
        importlib.import_module(f"nni.retiarii{name}")
        for name in (".nn.pytorch", "", ".codegen", ".converter", ".mutator", ".nn.pytorch.mutator")
    )

    class Draw(mutator.Sampler):  # type: ignore[misc,name-defined]  # for the same reason
        def __init__(self) -> None:
            self.rng = random.Random(0)
            self.drawn: list[int] = []

        def choice(self, candidates: list[Any], *rest: Any) -> Any:
            index = self.rng.randrange(len(candidates))
            self.drawn.append(index)
            return candidates[index]

    net = define_digits(nn, nni.model_wrapper)()
    base = converter.convert_to_graph(torch.jit.script(net), net)
    mutators = inline.process_inline_mutation(base)
    draw = Draw()
    seen = set()

    def sample() -> None:
        model = base
        draw.drawn = []
        for each in mutators:
            model = each.bind_sampler(draw).apply(model)
        codegen.model_to_pytorch_script(model)
        seen.add(tuple(draw.drawn))

    for _ in range(count // 4):
        sample()
    seen.clear()
    begin = time.process_time()
    for _ in range(count):
        sample()
    print(json.dumps([(time.process_time() - begin) / count, len(seen)]))


if __name__ == "__main__":
    main()
