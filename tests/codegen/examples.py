"""Example calls of every torch operator that has a nice form."""

from __future__ import annotations

from typing import Any

import torch

Call = tuple[Any, ...]
"""Positional arguments; a dict at the end holds keyword arguments."""

_RANDOM = torch.Generator().manual_seed(0)


def positive(*shape: int) -> torch.Tensor:
    """Numbers between 0.1 and 0.9, which suit every function."""
    return torch.rand(*shape, generator=_RANDOM) * 0.8 + 0.1


def words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


X = positive(2, 3)
Y = positive(2, 3)
CUBE = positive(2, 4, 6)
IMAGE = positive(2, 4, 6, 6)
VOLUME = positive(2, 4, 4, 6, 6)
SQUARE = positive(3, 3)
ROW = positive(3)
FLAGS = torch.tensor([[True, False, True], [False, False, True]])
WHOLE = torch.tensor([[1, 0, 2], [2, 1, 0]])
INDEX = torch.tensor([1, 0])
CHANNELS = positive(4)
COMPLEX = torch.complex(X, Y)
FILTER = positive(5, 4, 3)
SCORES = positive(2, 3).log()
CLASSES = torch.tensor([1, 0])

EXAMPLES: dict[str, list[Call]] = {
    **{
        name: [(X,)]
        for name in words(
            "abs abs_ acos asin atan bernoulli bernoulli_ ceil clone cos cos_ cosh detach dim elu elu_ erf "
            "erfc exp exp_ expm1 floor gelu hardsigmoid hardswish hardtanh isfinite isinf isnan leaky_relu "
            "log log10 log1p log2 log_sigmoid logical_not max min mish nan_to_num neg neg_ nonzero normal_ "
            "numel ones_like empty_like rand_like randn_like reciprocal relu relu6 relu_ round rsqrt selu "
            "sigmoid sigmoid_ sign silu sin sin_ sinh softplus sqrt sqrt_ square t tan tanh tanh_ trunc "
            "uniform_ zero_ zeros_like requires_grad_ contiguous mean sum prod std var sort any all argmax "
            "argmin argsort norm celu squeeze squeeze_ tril triu diagonal size histc"
        )
    },
    **{
        name: [(X, Y)]
        for name in words(
            "atan2 copy_ cosine_similarity div_ dot expand_as fmod hypot isclose logaddexp logical_and "
            "logical_or maximum minimum mul_ outer pairwise_distance type_as view_as kron add_ sub_ eq "
            "ne lt le gt ge mul div remainder pow pow_ floor_divide add sub polar"
        )
    },
    **{name: [(FLAGS, ~FLAGS), (WHOLE, WHOLE)] for name in ("bitwise_and", "bitwise_or", "bitwise_xor")},
    **{name: [(FLAGS, ~FLAGS)] for name in ("__and__", "__or__", "__xor__")},
    **{
        f"upsample_{mode}": [(x, [8] * rank, False), (x, None, True, [2.0] * rank), (x, [7, *[9] * (rank - 1)], True)]
        for mode, x, rank in (
            ("bicubic2d", IMAGE, 2),
            ("bilinear2d", IMAGE, 2),
            ("linear1d", CUBE, 1),
            ("trilinear3d", VOLUME, 3),
        )
    },
    **{
        f"upsample_nearest{rank}d": [(x, [8] * rank), (x, None, [2.0] * rank)]
        for rank, x in ((1, CUBE), (2, IMAGE), (3, VOLUME))
    },
    **{
        f"{kind}_pool{rank}d": [
            (x, [2] * rank),
            (x, [3] * rank, [2] * rank, [1] * rank),
            (x, [3] * rank, [2] * rank, [1] * rank, *([1] * rank,) * (kind == "max"), True),
            (x, [3] * rank, [2] * rank, {"ceil_mode": True}),
        ]
        for kind in ("avg", "max")
        for rank, x in ((1, CUBE), (2, IMAGE), (3, VOLUME))
    },
    **{
        f"adaptive_{kind}_pool{rank}d": [(x, [2] * rank), (x, [*[2] * (rank - 1), 3])]
        for kind in ("avg", "max")
        for rank, x in ((1, CUBE), (2, IMAGE), (3, VOLUME))
    },
    **{
        f"{kind}_pad{rank}d": [(x, [1, 2] * rank)]
        for kind in ("reflection", "replication")
        for rank, x in ((1, CUBE), (2, IMAGE), (3, VOLUME))
    },
    **{name: [(X, Y), (X, Y, 0), (X, Y, {"reduction": 2})] for name in words("mse_loss l1_loss soft_margin_loss")},
    **{
        name: [(X, Y), (X, Y, 1, 0.5), (X, Y, {key: 0.5})]
        for name, key in (("smooth_l1_loss", "beta"), ("huber_loss", "delta"))
    },
    **{name: [(SCORES, CLASSES), (SCORES, CLASSES, ROW, 2, 1)] for name in words("nll_loss nll_loss_nd")},
    "_convolution": [
        (IMAGE, positive(8, 2, 3, 3), CHANNELS.repeat(2), [2, 2], [1, 0], [1, 1], False, [0, 0], 2, False, False, True),
        (IMAGE, positive(4, 3, 3, 3), None, [2, 2], [1, 1], [1, 1], True, [1, 1], 1, False, False, True),
    ],
    "addcdiv": [(X, X, Y), (X, X, Y, {"value": 2.0})],
    "addcmul": [(X, X, Y), (X, X, Y, {"value": 2.0})],
    "addmm": [(X, X, SQUARE), (X, X, SQUARE, {"beta": 0.5, "alpha": 2.0})],
    "alpha_dropout": [(X, 0.5, True)],
    "amax": [(X, [1]), (CUBE, [0, 2], True)],
    "amin": [(X, [-1]), (CUBE, [0, 2], {"keepdim": True})],
    "arange": [(5,), (0, 5), (1, 9, 2), (5, {"dtype": torch.float32})],
    "baddbmm": [(CUBE, positive(2, 4, 3), positive(2, 3, 6))],
    "batch_norm": [
        (IMAGE, CHANNELS, None, CHANNELS, CHANNELS, True, 0.1, 1e-5, False),
        (IMAGE, None, CHANNELS, CHANNELS, CHANNELS, False, 0.2, 1e-3, False),
    ],
    "bilinear": [(X, Y, positive(4, 3, 3), CHANNELS)],
    "bincount": [(INDEX,)],
    "bitwise_not": [(FLAGS,), (WHOLE,)],
    "bmm": [(CUBE, CUBE.transpose(1, 2))],
    "bucketize": [(X, ROW.sort().values)],
    "cat": [([X, Y],), ([X, Y], 1), ([X, Y], {"dim": -1})],
    "chunk": [(CUBE, 2), (CUBE, 3, -1)],
    "clamp": [(X, 0.2, 0.5), (X, 0.2), (X, {"max": 0.5}), (X, None, 0.5)],
    "clamp_": [(X, 0.2, 0.5), (X, 0.2), (X, None, 0.5)],
    "clamp_max": [(X, 0.5)],
    "clamp_max_": [(X, 0.5)],
    "clamp_min": [(X, 0.5)],
    "clamp_min_": [(X, 0.5)],
    "constant_pad_nd": [(X, [1, 2]), (X, [1, 2], 3.0)],
    "conv1d": [(CUBE, FILTER), (CUBE, FILTER, None, [2], [1])],
    "conv2d": [
        (IMAGE, positive(8, 2, 3, 3), positive(8), [2, 2], [1, 0], [1, 1], 2),
        (IMAGE, positive(8, 4, 3, 3), {"padding": "same"}),
    ],
    "conv3d": [(VOLUME, positive(2, 4, 3, 3, 3), positive(2))],
    "conv_transpose1d": [(CUBE, positive(4, 2, 3), None, [2], [1], [1], 1, [1])],
    "conv_transpose2d": [(IMAGE, positive(4, 2, 3, 3), positive(4), [2, 2], [1, 1], [1, 1], 2)],
    "conv_transpose3d": [(VOLUME, positive(4, 2, 3, 3, 3))],
    "cross": [(SQUARE, SQUARE.t(), 1)],
    "cumprod": [(X, 1)],
    "cumsum": [(X, 1), (X, -1, {"dtype": torch.float64})],
    "diag": [(ROW,), (SQUARE, 1)],
    "diag_embed": [(X,)],
    "diff": [(X,)],
    "dropout": [(X, 0.5, True), (X, 0.2, False)],
    "dropout_": [(X, 0.5, True)],
    "einsum": [("ij,kj->ik", [X, Y])],
    "embedding": [(SQUARE, WHOLE), (SQUARE, WHOLE, 1, False, False), (SQUARE, WHOLE, {"scale_grad_by_freq": True})],
    "empty": [([0, 3],)],
    "expand": [(ROW, [2, -1])],
    "eye": [(3,), (2, 4)],
    "feature_alpha_dropout": [(IMAGE, 0.5, True)],
    "fill_": [(X, 2.0)],
    "flatten": [(CUBE,), (CUBE, 1), (IMAGE, 1, 2)],
    "flip": [(X, [0, 1]), (X, [1])],
    "full": [([2, 3], 0.5), ([2], 1, {"dtype": torch.int64})],
    "full_like": [(X, 2.0)],
    "gather": [(X, 1, WHOLE)],
    "glu": [(CUBE,), (CUBE, 1)],
    "group_norm": [(IMAGE, 2), (IMAGE, 2, CHANNELS, CHANNELS, 1e-3), (IMAGE, 4, None, None, 1e-5, False)],
    "hstack": [([X, Y],)],
    "index_add": [(X, 0, INDEX, Y), (X, 0, INDEX, Y, {"alpha": 2})],
    "index_add_": [(X, 0, INDEX, Y)],
    "index_select": [(X, 1, INDEX)],
    "item": [(positive(1),)],
    "layer_norm": [(X, [3]), (X, [3], ROW, ROW, 1e-3), (X, [2, 3], None, None, 1e-5, False)],
    "lerp": [(X, Y, 0.3)],
    "linear": [(X, SQUARE), (X, SQUARE, ROW)],
    "linspace": [(0, 1, 5), (0, 1, 5, {"dtype": torch.float64})],
    "log_softmax": [(X, 1), (X, -1, torch.float64)],
    "logsumexp": [(X, [1]), (CUBE, [0, 2], True)],
    "masked_fill": [(X, FLAGS, 0.0), (X, FLAGS, float("-inf"))],
    "masked_fill_": [(X, FLAGS, 0.0)],
    "masked_select": [(X, FLAGS)],
    "matmul": [(X, SQUARE)],
    "meshgrid": [([ROW, ROW], {"indexing": "ij"})],
    "movedim": [(CUBE, [0, 1], [1, 0]), (CUBE, 0, -1)],
    "mv": [(X, ROW)],
    "narrow": [(X, 1, 0, 2)],
    "new_empty": [(X, [0, 2])],
    "new_full": [(X, [2, 2], 0.5), (X, [2], 0.5)],
    "new_ones": [(X, [2, 2])],
    "new_zeros": [(X, [2], {"dtype": torch.int64})],
    "one_hot": [(WHOLE,), (WHOLE, 5)],
    "ones": [([2, 3],), ([],)],
    "pad": [(IMAGE, [1, 2]), (IMAGE, [1, 1, 1, 1], "reflect"), (IMAGE, [1, 2], "constant", 3.0)],
    "permute": [(CUBE, [2, 0, 1])],
    "pixel_shuffle": [(IMAGE, 2)],
    "pixel_unshuffle": [(IMAGE, 2)],
    "prelu": [(IMAGE, CHANNELS)],
    "rand": [([2, 3],)],
    "randn": [([2, 3], {"dtype": torch.float64})],
    "randperm": [(5,)],
    "_weight_norm": [(CUBE, positive(2, 1, 1)), (CUBE, positive(1, 1, 6), 2)],
    "renorm": [(X, 2, 0, 0.5)],
    "repeat": [(X, [2, 1])],
    "repeat_interleave": [(X, 2), (X, 2, 1)],
    "reshape": [(X, [3, -1])],
    "roll": [(CUBE, [1, -1], [1, 2]), (CUBE, [1], [0]), (X, [2])],
    "rsub": [(X, 1.0), (X, 1.0, 2.0)],
    "scaled_dot_product_attention": [
        (CUBE, CUBE, CUBE),
        (CUBE, CUBE, CUBE, None, 0.0, True),
        (CUBE, CUBE, CUBE, {"scale": 0.5}),
    ],
    "scatter": [(X, 1, WHOLE, Y), (X, 1, WHOLE, 2.0)],
    "scatter_": [(X, 1, WHOLE, Y)],
    "scatter_add": [(X, 1, WHOLE, Y)],
    "scatter_add_": [(X, 1, WHOLE, Y)],
    "searchsorted": [(ROW.sort().values, X)],
    "select": [(X, 1, 0)],
    "softmax": [(X, 1), (X, -1, torch.float64)],
    "split": [(CUBE, 2), (CUBE, 3, -1), (CUBE, [1, 3], 1)],
    "split_with_sizes": [(CUBE, [1, 3], 1)],
    "stack": [([X, Y],), ([X, Y], -1)],
    "swapaxes": [(X, 0, 1)],
    "tile": [(X, [2, 1])],
    "to": [
        (X, torch.float64),
        (X, WHOLE),
        (X, {"dtype": torch.float64, "layout": torch.strided, "device": torch.device("cpu"), "pin_memory": False}),
    ],
    "topk": [(X, 2), (CUBE, 2, 1)],
    "transpose": [(X, 0, 1)],
    "transpose_": [(X, 0, 1)],
    "unbind": [(X,), (X, 1)],
    "unflatten": [(CUBE, 1, [2, 2])],
    "unfold": [(X, 1, 2, 1)],
    "unsqueeze": [(X, 1)],
    "unsqueeze_": [(X, 1)],
    "view": [(X, [3, -1]), (X, [6])],
    "view_as_complex": [(positive(3, 2),)],
    "view_as_real": [(COMPLEX,)],
    "vstack": [([X, Y],)],
    "where": [(FLAGS, X, Y), (FLAGS, X, 0.0), (FLAGS,)],
    "zeros": [([2, 3],), ([2], {"dtype": torch.int64, "pin_memory": False})],
    "binary_cross_entropy": [(X, Y), (X, Y, X, 0)],
    "binary_cross_entropy_with_logits": [(X, Y), (X, Y, X, ROW, 2), (X, Y, {"pos_weight": ROW})],
    "block_diag": [([X, Y],)],
    "broadcast_tensors": [([X, ROW],)],
    "cartesian_prod": [([ROW, ROW],)],
    "cdist": [(X, Y), (X, Y, 1.0, 2)],
    "cross_entropy_loss": [(X, Y), (X, CLASSES, ROW, 2, 1, 0.1), (X, CLASSES, {"label_smoothing": 0.2})],
    "feature_dropout": [(CUBE, 0.5, True), (IMAGE, 0.5, True), (IMAGE, 0.5, False), (VOLUME, 0.5, True)],
    "feature_dropout_": [(IMAGE, 0.5, True)],
    "hinge_embedding_loss": [(X, Y), (X, Y, 0.5, 2)],
    "mH": [(COMPLEX,)],
    "mT": [(X,)],
    "matrix_H": [(COMPLEX,)],
    "nll_loss2d": [(IMAGE.log(), torch.ones(2, 6, 6, dtype=torch.int64))],
    "numpy_T": [(X,)],
    "softshrink": [(X, 0.3)],
    "std_mean": [(X,), (X, False), (CUBE, [0, 2], False, True), (X, [1], {"correction": 2})],
    "tensordot": [(CUBE, CUBE, [0, 2], [0, 2])],
    "var_mean": [(X,), (X, [1], {"keepdim": True, "correction": 0})],
}

# further calls of operators that are above with plain arguments
for _name, _calls in {
    "add": [(X, 2.0), (X, Y, {"alpha": 2})],
    "add_": [(X, Y, {"alpha": 2})],
    "all": [(FLAGS, 1), (FLAGS, 1, True)],
    "any": [(FLAGS, 1), (FLAGS, 1, True)],
    "argmax": [(X, 1), (X, 1, True), (X, None, True)],
    "argmin": [(X, 1)],
    "argsort": [(X, 0), (X, 0, True)],
    "celu": [(X, 2.0)],
    "clone": [(CUBE, {"memory_format": torch.contiguous_format})],
    "contiguous": [(IMAGE, {"memory_format": torch.channels_last}), (X, {"memory_format": torch.contiguous_format})],
    "cosine_similarity": [(X, Y, 0)],
    "diagonal": [(SQUARE, 1), (CUBE, 0, 1, 2)],
    "div": [(X, 2), (X, Y, {"rounding_mode": "floor"})],
    "elu": [(X, 2.0), (X, 2.0, 1.5)],
    "gelu": [(X, {"approximate": "tanh"})],
    "hardtanh": [(X, 0.2, 0.6)],
    "leaky_relu": [(X, 0.2)],
    "max": [(X, Y), (X, 1), (X, 1, True)],
    "mean": [(X, [1]), (CUBE, [1, 2], True), (X, {"dtype": torch.float64}), (X, [0], {"dtype": torch.float64})],
    "min": [(X, Y), (X, 1), (X, 1, True)],
    "norm": [(X, 2, [1]), (X, 1)],
    "ones_like": [(X, {"dtype": torch.int64})],
    "pairwise_distance": [(X, Y, 1.0)],
    "pow": [(X, 2), (2, X)],
    "prod": [(X, 1), (X, 1, True)],
    "size": [(X, 1), (X, -1)],
    "softplus": [(X, 2, 10)],
    "sort": [(X, 0), (X, 0, True)],
    "squeeze": [(positive(2, 1, 3), 1), (positive(1, 1, 3), [0, 1])],
    "squeeze_": [(positive(2, 1, 3), 1)],
    "std": [(X, False), (X, [1]), (CUBE, [1, 2], False, True), (X, [1], {"correction": 0, "keepdim": True})],
    "sub": [(X, 2.0), (X, Y, {"alpha": 2})],
    "sum": [(X, [1]), (CUBE, [1, 2], True), (X, {"dtype": torch.float64})],
    "tril": [(SQUARE, -1)],
    "triu": [(SQUARE, 1)],
    "uniform_": [(X, -1.0, 1.0)],
    "var": [(X, False), (X, [1], True, True)],
}.items():
    EXAMPLES[_name] = EXAMPLES[_name] + _calls
EXAMPLES["dot"] = [(ROW, ROW)]
EXAMPLES["outer"] = [(ROW, ROW)]
EXAMPLES["pow_"] = [(X, 2)]
EXAMPLES["empty_like"] = [(positive(0, 3),)]
EXAMPLES["normal_"] = [(X,), (X, 1.0, 2.0)]
