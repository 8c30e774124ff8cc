"""The space of MnasNet as a base model with placeholders, and a mutator that fills one of them.

Source: Tan et al., "MnasNet: Platform-Aware Neural Architecture Search for Mobile", https://arxiv.org/abs/1807.11626;
without squeeze-and-excite. `mnasnet_inline.py` says the same space by choices in the model.
"""

import torch
from mnasnet_inline import B1, conv_norm

import retix.nn.pytorch as nn
from retix import ModelSpace, Mutator, basic_unit


class Layer(nn.Module):
    """Some layers, added to their input or not."""

    def __init__(self, layers, skip):
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.skip = skip

    def forward(self, x):
        return self.layers(x) + x if self.skip == "identity" else self.layers(x)


@basic_unit
class RegularConv(Layer):
    def __init__(self, in_ch, out_ch, kernel_size, stride, exp_ratio, skip):
        super().__init__([*conv_norm(in_ch, out_ch, kernel_size, stride), nn.ReLU()], skip)


@basic_unit
class DepthwiseConv(Layer):
    def __init__(self, in_ch, out_ch, kernel_size, stride, exp_ratio, skip):
        depthwise = conv_norm(in_ch, in_ch, kernel_size, stride, groups=in_ch)
        super().__init__([*depthwise, nn.ReLU(), *conv_norm(in_ch, out_ch)], skip)


@basic_unit
class MobileConv(Layer):
    def __init__(self, in_ch, out_ch, kernel_size, stride, exp_ratio, skip):
        width = in_ch * exp_ratio
        depthwise = conv_norm(width, width, kernel_size, stride, groups=width)
        super().__init__([*conv_norm(in_ch, width), nn.ReLU(), *depthwise, nn.ReLU(), *conv_norm(width, out_ch)], skip)


class MnasNet(nn.Module):
    """A stem, seven blocks that hand on what they get until they are filled, and a head."""

    def __init__(self, filters=(16, 24, 40, 80, 96, 192, 320), stem=32, head=1280, num_classes=1000):
        super().__init__()
        blocks = []
        for index, (width, stride) in enumerate(zip(filters, [1, 2, 2, 2, 1, 2, 1], strict=True)):
            info = {
                "in_ch": stem,
                "op_options": ["RegularConv", "DepthwiseConv", "MobileConv"],
                "kernel_size_options": [3, 5],
                "n_filter_options": [int(width * share) for share in (0.75, 1.0, 1.25)],
                "n_layer_options": [1, 2, 3, 4],
                "skip_options": ["identity", "no"],
                "stride": stride,
                "exp_ratio": 3 if index < 3 else 6,
            }
            blocks.append(nn.Placeholder(label=f"block{index}", **info))
        first, last = [*conv_norm(3, stem, 3, 2), nn.ReLU()], [*conv_norm(stem, head), nn.ReLU()]
        self.layers = nn.Sequential(*first, *blocks, *last)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(head, num_classes))

    def forward(self, x):
        return self.classifier(self.layers(x).mean((2, 3)))


class BlockMutator(Mutator):
    """Put one to four layers of a kind into a placeholder."""

    def __init__(self, target):
        super().__init__(label=target)
        self.target = target

    def ask(self, info, name):
        return self.choice(info[f"{name}_options"], label=f"{self.target}/{name}")

    def mutate(self, model):
        (node,) = model.get_nodes_by_label(self.target)
        info = node.operation.parameters
        in_ch = node.predecessors[0].operation.parameters.get("out_ch", info["in_ch"])
        layer = f"{__name__}.{self.ask(info, 'op')}"
        arguments = {
            "in_ch": in_ch,
            "out_ch": self.ask(info, "n_filter"),
            "kernel_size": self.ask(info, "kernel_size"),
            "stride": info["stride"],
            "exp_ratio": info["exp_ratio"],
            "skip": "no",
        }
        node.update_operation(layer, arguments)
        n_layer = self.ask(info, "n_layer")
        if n_layer > 1:
            more = {**arguments, "in_ch": arguments["out_ch"], "stride": 1, "skip": self.ask(info, "skip")}
        for index in range(1, n_layer):
            node = node.graph.insert_node_on_edge(node.outgoing_edges[0], f"{self.target}_{index}", layer, more)
        (after,) = node.successors
        if "in_channels" in after.operation.parameters:
            parameters = {**after.operation.parameters, "in_channels": arguments["out_ch"]}
            after.update_operation(after.operation.type, parameters)


MUTATORS = [BlockMutator(f"block{index}") for index in range(7)]


def main():
    space = ModelSpace(MnasNet(), MUTATORS, example_inputs=torch.zeros(2, 3, 224, 224))
    print(space)
    print(space.source(space.random(seed=0)).text)
    model = space.instantiate(B1)
    print(f"MnasNet-B1: {sum(p.numel() for p in model.parameters()):,} parameters")


if __name__ == "__main__":
    main()
