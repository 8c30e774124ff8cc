"""A strategy of one's own: simulated annealing, written against `ask` and `tell`, searches a model for digits.

Run it by `python examples/own_strategy.py`; it ends by itself. To see that a strategy keeps the contract, subclass
`retix.testing.StrategyContract` in a file of tests, as docs/strategies.md shows, and run pytest.
"""

import math

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits

import retix.nn.pytorch as nn
from retix import (
    FunctionalEvaluator,
    RetiariiExeConfig,
    RetiariiExperiment,
    report_final_result,
    report_intermediate_result,
)
from retix.space import Sample
from retix.strategy import Dedup, Strategy
from retix.trial import Proposal


class Annealing(Strategy):
    """Moves to a changed model if it is better, and, less and less often, if it is worse.

    Kirkpatrick et al., Optimization by Simulated Annealing, Science 220 (1983).
    """

    def __init__(self, heat=0.02, cooling=0.9, seed=None):
        super().__init__(seed)
        self.heat = heat
        self.cooling = cooling
        self.sample = Sample()  # where the search stands
        self.cost = math.inf
        self.parent = None

    def ask(self):
        for _ in range(1000):
            sample = self.space.walk(self._pick)
            if self.space.permits(sample):
                return Proposal(sample, self.parent)
        return None

    def _pick(self, decision):
        known = self.sample.get(decision.label)
        keeps = known in decision.options() and self.rng.random() < 0.7
        return known if keeps else decision.draw(self.rng)

    @property
    def exhausted(self):
        return False

    def tell(self, trial):
        super().tell(trial)
        (cost,) = self.objectives.costs(trial.metrics)  # lower is better, infinite for a failure
        if math.isfinite(cost) and (cost <= self.cost or self.rng.random() < self._chance(cost)):
            self.sample, self.cost, self.parent = trial.sample, cost, trial.id
        self.heat *= self.cooling

    def _chance(self, cost):
        return math.exp((self.cost - cost) / max(self.heat, 1e-9))

    def state(self):
        cost = self.cost if math.isfinite(self.cost) else None
        return {**super().state(), "at": [self.sample.to_json(), cost, self.parent, self.heat]}

    def load_state(self, state):
        super().load_state(state)
        sample, cost, self.parent, self.heat = state["at"]
        self.sample, self.cost = Sample(sample), math.inf if cost is None else cost


class Net(nn.Module):
    """Layers of a chosen number, width and activation."""

    def __init__(self):
        super().__init__()
        width = nn.ValueChoice([8, 16, 32, 64, 128], label="width")
        self.stem = nn.Linear(64, width)
        block = nn.Sequential(
            nn.Linear(width, width),
            nn.LayerChoice({"relu": nn.ReLU(), "tanh": nn.Tanh(), "gelu": nn.GELU()}, label="act"),
        )
        self.body = nn.Repeat(block, (0, 3), label="depth")
        self.dropout = nn.Dropout(nn.ValueChoice([0.0, 0.2, 0.4], label="dropout"))
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        return self.head(self.dropout(self.body(F.relu(self.stem(x)))))


def train(model_cls, epochs=5):
    """Train for a few epochs, and report the accuracy on every fifth digit."""
    digits = load_digits()
    images, labels = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
    held_out = torch.arange(len(labels)) % 5 == 0
    model = model_cls()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    accuracy = 0.0
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(int((~held_out).sum())).split(64):
            optimizer.zero_grad()
            F.cross_entropy(model(images[~held_out][batch]), labels[~held_out][batch]).backward()
            optimizer.step()
        model.eval()
        accuracy = (model(images[held_out]).argmax(1) == labels[held_out]).float().mean().item()
        report_intermediate_result(accuracy)
    report_final_result(accuracy)


def main(trials=16):
    """Search, and print the three best models."""
    config = RetiariiExeConfig("local", max_trial_number=trials, trial_concurrency=2)
    strategy = Dedup(Annealing(seed=1))
    experiment = RetiariiExperiment(Net(), FunctionalEvaluator(train), [], strategy, example_inputs=torch.zeros(1, 64))
    experiment.run(config)
    for trial in experiment.top_trials(3):
        print(f"trial {trial.id}: {trial.metric:.3f} of the held-out digits right; {trial.sample}")


if __name__ == "__main__":
    main()
