"""Torch's public functions and methods that take what their operators take, in the same order and under the same names.

They need no form of their own: what cannot be written more nicely is a plain call of them.
"""

from __future__ import annotations

from retix.codegen.expression import Expression, call, method
from retix.codegen.form import Arguments, Keywords, Render
from retix.ir import Value

_FUNCTIONS = """
absolute acosh addbmm addmv addr adjoint affine_grid_generator allclose alpha_dropout_ aminmax angle arccos arccosh
arcsin arcsinh arctan arctan2 arctanh argwhere as_strided as_strided_scatter asinh atanh bartlett_window
bitwise_left_shift bitwise_right_shift blackman_window broadcast_to celu_ channel_shuffle cholesky cholesky_solve
clip column_stack combinations complex concat concatenate conj conj_physical copysign corrcoef count_nonzero cummax
cummin cumulative_trapezoid deg2rad det diagflat diagonal_scatter digamma dist divide dsplit dstack embedding_bag
equal erfinv exp2 feature_alpha_dropout_ fill fix fliplr flipud float_power fmax fmin frac frexp frobenius_norm gcd
geqrf ger gradient greater greater_equal grid_sampler hamming_window hann_window hardshrink heaviside histogram
histogramdd hsplit i0 igamma igammac imag index_fill index_put index_reduce inner instance_norm inverse is_complex
is_floating_point isin isneginf isposinf isreal istft kaiser_window kthvalue lcm ldexp less less_equal lgamma
logaddexp2 logcumsumexp logdet logical_xor logit logspace lu_solve lu_unpack masked_scatter matrix_exp matrix_power
median mm mode moveaxis msort multinomial multiply mvlgamma nanmean nanmedian nanquantile nansum negative nextafter
normal not_equal nuclear_norm orgqr ormqr pdist pinverse poisson polygamma positive put qr quantile rad2deg randint
randint_like ravel real resolve_conj resolve_neg rms_norm rot90 row_stack rrelu rrelu_ scatter_reduce select_scatter
selu_ sgn signbit sinc slice_scatter slogdet sspaddmm subtract svd swapdims take take_along_dim tensor_split
threshold threshold_ trace trapezoid trapz triangular_solve tril_indices triu_indices true_divide vander vdot vsplit
xlogy
"""

_METHODS = """
absolute_ acos_ acosh_ addbmm_ addcdiv_ addcmul_ addmm_ addmv_ addr_ arccos_ arccosh_ arcsin_ arcsinh_ arctan2_
arctan_ arctanh_ as_strided_ asin_ asinh_ atan2_ atan_ atanh_ baddbmm_ bitwise_and_ bitwise_left_shift_ bitwise_not_
bitwise_or_ bitwise_right_shift_ bitwise_xor_ cauchy_ ceil_ clip_ conj_physical_ copysign_ cosh_ cov cpu cumprod_
cumsum_ deg2rad_ detach_ digamma_ divide_ element_size eq_ erf_ erfc_ erfinv_ exp2_ expm1_ exponential_
fill_diagonal_ fix_ float_power_ floor_ floor_divide_ fmod_ frac_ gcd_ ge_ geometric_ greater_ greater_equal_ gt_
heaviside_ hypot_ i0_ igamma_ igammac_ index_copy_ index_fill_ index_put_ index_reduce_ is_nonzero lcm_ ldexp_ le_
lerp_ less_ less_equal_ lgamma_ log10_ log1p_ log2_ log_ log_normal_ logical_and_ logical_not_ logical_or_
logical_xor_ logit_ lt_ masked_scatter_ multiply_ mvlgamma_ nan_to_num_ ne_ negative_ new_empty_strided nextafter_
not_equal_ polygamma_ put_ rad2deg_ random_ reciprocal_ remainder_ renorm_ reshape_as resize_ round_ rsqrt_
scatter_reduce_ sgn_ sign_ sinc_ sinh_ square_ storage_offset stride subtract_ sum_to_size swapaxes_ swapdims_ t_
tan_ tril_ triu_ true_divide_ trunc_ xlogy_
"""

FUNCTIONS = frozenset(_FUNCTIONS.split())
"""Those of ``torch``."""

METHODS = frozenset(_METHODS.split())
"""Those of tensors."""

NAMESPACES = ("fft", "linalg", "special")
"""Parts of ``torch`` whose functions have operators of the same names: ``torch.fft.rfft`` is ``aten::fft_rfft``."""


def write_public(name: str, render: Render, args: Arguments, kwargs: Keywords) -> Expression | None:
    """The call of the public function or method of an ``aten`` operator, or None if none is known."""
    named = {key: render(item) for key, item in kwargs.items()}
    if name in METHODS and args and isinstance(args[0], Value):
        return method(render(args[0]), name, map(render, args[1:]), named)
    home, _, rest = name.partition("_")
    if home in NAMESPACES and rest and not rest.startswith("_"):
        return call(f"torch.{home}.{rest}", map(render, args), named)
    return call(f"torch.{name}", map(render, args), named) if name in FUNCTIONS else None
