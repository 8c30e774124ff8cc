"""Torch's operators: as methods, functions of ``F`` and functions of ``torch``."""

from __future__ import annotations

from retix.codegen.expression import BITAND, BITOR, BITXOR, OPERATORS, TERM
from retix.codegen.form import FORMS, as_infix, describe

_METHODS = """
abs; bernoulli; clamp_max max; clamp_min min; clone; cos; cosh; cumsum dim=; detach
diagonal; erf; exp; expand size*; expand_as other; flip dims*; floor; gather dim index
index_add dim index source; index_select dim index; isfinite; isinf; isnan; log; log10; log1p; log2
logical_and other; logical_not; logical_or other; masked_fill mask value; masked_select mask; maximum other
minimum other; movedim source() destination(); narrow dim start length; new_empty size(); new_full size() fill_value
new_ones size(); new_zeros size(); nonzero; numel; permute dims*; reciprocal; repeat repeats*
repeat_interleave; reshape shape*; round; rsqrt; scatter dim index src; scatter_add dim index src
select dim index; sign; sin; sort dim= descending=; split split_size dim=; split_with_sizes -> split split_size dim=
sqrt; square; swapaxes axis0 axis1; t; tile dims*; topk k dim=; transpose dim0 dim1; tril diagonal; triu diagonal
trunc; type_as other; unbind dim=; unflatten dim sizes(); unfold dimension size step; unsqueeze dim; view size*
view_as other; dim; item; argsort dim= descending=
abs_; add_ other; bernoulli_; clamp_max_ max; clamp_min_ min; copy_ src; cos_; div_ other; exp_
fill_ value; index_add_ dim index source; masked_fill_ mask value; mul_ other; neg_; normal_ mean std; pow_ exponent
relu_; requires_grad_; scatter_ dim index src; scatter_add_ dim index src; sigmoid_; sin_; sqrt_; squeeze_ dim
sub_ other; tanh_; transpose_ dim0 dim1; uniform_; unsqueeze_ dim; zero_
flatten start_dim end_dim; chunk chunks dim=; squeeze dim(); argmax dim= keepdim=; argmin dim= keepdim=
logsumexp dim=() keepdim=; amax dim=() keepdim=; amin dim=() keepdim=; all dim= keepdim=; any dim= keepdim=
diff
mean dim=() keepdim= dtype=; sum dim=() keepdim= dtype=; prod dim= keepdim= dtype=; norm p= dim=() keepdim=
"""
_FUNCTIONAL = """
relu; relu6; selu; celu alpha; silu; mish; hardswish; hardsigmoid; hardtanh min_val max_val
leaky_relu negative_slope; elu_ alpha; glu dim=; gelu; prelu weight; softplus; log_sigmoid -> logsigmoid
avg_pool1d kernel_size# stride=# padding=# ceil_mode= count_include_pad=
avg_pool2d kernel_size# stride=# padding=# ceil_mode= count_include_pad= divisor_override=
avg_pool3d kernel_size# stride=# padding=# ceil_mode= count_include_pad= divisor_override=
max_pool1d kernel_size# stride=# padding=# dilation=# ceil_mode=
max_pool2d kernel_size# stride=# padding=# dilation=# ceil_mode=
max_pool3d kernel_size# stride=# padding=# dilation=# ceil_mode=
adaptive_avg_pool1d output_size#; adaptive_avg_pool2d output_size#; adaptive_avg_pool3d output_size#
linear weight bias; bilinear input2 weight bias
softshrink lambd; pixel_shuffle upscale_factor; pixel_unshuffle downscale_factor
one_hot num_classes; scaled_dot_product_attention key value; cosine_similarity; pairwise_distance
softmax dim= dtype=; log_softmax dim= dtype=; dropout p= training=
alpha_dropout p= training=; feature_alpha_dropout p= training=
"""
_TORCH = """
cat dim=; stack dim=; hstack; vstack; zeros_like; ones_like; empty_like; full_like fill_value
rand_like; randn_like; where; bmm mat2; baddbmm batch1 batch2; addmm mat1 mat2; outer; roll shifts=() dims=(); meshgrid
sigmoid; tanh; cumprod dim=; dot; mv; addcmul; addcdiv; lerp; erfc; cross; kron; ceil; fmod; hypot; atan2
sinh; tan; asin; acos; atan; expm1; polar; view_as_complex; view_as_real; bucketize; searchsorted
_weight_norm g dim; diag; diag_embed; renorm; isclose; histc; bincount; logaddexp; nan_to_num
"""
_CREATION = """
empty size*; zeros size*; ones size*; rand size*; randn size*; full size() fill_value; linspace start end steps
eye n m; randperm n
"""

for _home, _table in (("method", _METHODS), ("F", _FUNCTIONAL), ("torch", _TORCH), ("torch", _CREATION)):
    for _line in _table.replace("\n", ";").split(";"):
        if _line.strip():
            describe(_home, _line, has_input=_table is not _CREATION)

_OPERATORS = {
    **OPERATORS,
    "div": ("/", TERM),
    "matmul": ("@", TERM),
    "floor_divide": ("//", TERM),
    "remainder": ("%", TERM),
    "bitwise_and": ("&", BITAND),
    "bitwise_or": ("|", BITOR),
    "bitwise_xor": ("^", BITXOR),
    "__and__": ("&", BITAND),
    "__or__": ("|", BITOR),
    "__xor__": ("^", BITXOR),
}
for _name, (_operator, _precedence) in _OPERATORS.items():
    FORMS[f"aten::{_name}"] = as_infix(_operator, _precedence, f"torch.{_name}")
