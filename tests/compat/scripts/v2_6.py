"""A script in the style of NNI 2.6: choices in the model, ``nni.trace``, a strategy of the user's own."""

import random

import torch
from sklearn.datasets import load_digits

import retix as nni
import retix.nn.pytorch as nn
from retix import Sampler, model_wrapper
from retix.evaluator import FunctionalEvaluator
from retix.execution import budget_exhausted, query_available_resources, submit_models, wait_models
from retix.experiment.pytorch import RetiariiExeConfig, RetiariiExperiment
from retix.strategy.base import BaseStrategy


@nni.trace
class Digits:
    def __init__(self, first, last):
        digits = load_digits()
        self.images = torch.tensor(digits.images[first:last], dtype=torch.float32).flatten(1) / 16
        self.targets = torch.tensor(digits.target[first:last])


@model_wrapper
class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        width = nn.ValueChoice([8, 16], label="width")
        self.hidden = nn.Linear(64, width)
        self.activation = nn.LayerChoice([nn.ReLU(), nn.Tanh(), nn.Identity()], label="activation")
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        return self.head(self.activation(self.hidden(x)))


class RandomSampler(Sampler):
    def choice(self, candidates, mutator, model, index):
        return random.choice(candidates)


class TwoRounds(BaseStrategy):
    """Draws models, waits for all of them, and draws again."""

    def run(self, base_model, applied_mutators):
        sampler = RandomSampler()
        while not budget_exhausted():
            round_ = []
            while query_available_resources() > 0:
                model = base_model
                for mutator in applied_mutators:
                    model = mutator.bind_sampler(sampler).apply(model)
                submit_models(model)
                round_.append(model)
            wait_models(*round_)
            print("metrics:", [(model.metric is not None, len(model.intermediate_metrics)) for model in round_])


def evaluate(model_cls, train, valid):
    """Train for a moment, and report the accuracy."""
    model = model_cls()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(10):
        loss = nn.functional.cross_entropy(model(train.images), train.targets)
        loss.backward()
        optimizer.step()
    nni.report_intermediate_result(-loss.item())
    nni.report_final_result((model(valid.images).argmax(1) == valid.targets).float().mean().item())


if __name__ == "__main__":
    random.seed(3)
    evaluator = FunctionalEvaluator(evaluate, train=Digits(0, 200), valid=Digits(200, 300))
    exp = RetiariiExperiment(Net(10), evaluator, [], TwoRounds())
    config = RetiariiExeConfig("local", execution_engine="base")
    config.trial_concurrency = 1
    config.max_trial_number = 3
    exp.run(config)
    print("trials:", sum(trial.metric is not None for trial in exp.trials()))
