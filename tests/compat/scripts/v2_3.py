"""A script in the style of NNI 2.3: placeholders that a mutator fills, `serialize`, reports by ``nni``."""

import torch
from sklearn.datasets import load_digits

import retix as nni
import retix.nn.pytorch as nn
from retix import Mutator, serialize
from retix.evaluator import FunctionalEvaluator
from retix.experiment.pytorch import RetiariiExeConfig, RetiariiExperiment
from retix.strategy import GridSearch


class Digits:
    """Half of the digits."""

    def __init__(self, train):
        digits = load_digits()
        part = slice(0, 200) if train else slice(200, 300)
        self.images = torch.tensor(digits.images[part], dtype=torch.float32) / 16
        self.targets = torch.tensor(digits.target[part])


class BlockMutator(Mutator):
    """Puts one of the layers that the placeholder offers in its place."""

    def __init__(self, target):
        super().__init__()
        self.target = target

    def mutate(self, model):
        for node in model.get_nodes_by_label(self.target):
            width = self.choice(node.operation.parameters["width_options"])
            node.update_operation(
                "__torch__.torch.nn.modules.linear.Linear", {"in_features": 64, "out_features": width}
            )
            (after,) = node.successors
            after.update_operation(after.operation.type, {**after.operation.parameters, "in_features": width})


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.hidden = nn.Placeholder("hidden", width_options=[8, 16])
        self.head = nn.Linear(8, 10)

    def forward(self, x):
        return self.head(self.hidden(self.flatten(x)))


def evaluate(model_cls, train, valid):
    """Train for a moment, and report the accuracy."""
    model = model_cls()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(20):
        loss = nn.functional.cross_entropy(model(train.images), train.targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        nni.report_intermediate_result(-loss.item())
    accuracy = (model(valid.images).argmax(1) == valid.targets).float().mean().item()
    nni.report_final_result(accuracy)


if __name__ == "__main__":
    evaluator = FunctionalEvaluator(evaluate, train=serialize(Digits, train=True), valid=serialize(Digits, train=False))
    exp = RetiariiExperiment(Net(), evaluator, [BlockMutator("hidden")], GridSearch(shuffle=False))
    config = RetiariiExeConfig("local")
    config.trial_concurrency = 1
    config.max_trial_number = 3
    exp.run(config)
    print("trials:", len(exp.trials()))
    print("best:", exp.export_top_models(top_k=1)[0])
