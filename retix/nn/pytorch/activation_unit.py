"""The functions that `retix.nn.pytorch.AutoActivation` is put together from.

Unary functions take a tensor; binary ones take two of them, stacked along dimension 0. They are plain modules, so that
generated code has their formulas in it.
"""

from __future__ import annotations

import torch


class _WithBeta(torch.nn.Module):
    """A function with one parameter that is trained, and begins at 1."""

    def __init__(self) -> None:
        super().__init__()
        self.beta = torch.nn.Parameter(torch.ones(()))


class UnaryIdentity(torch.nn.Module):
    """``x``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``x``."""
        return x


class UnaryNegative(torch.nn.Module):
    """``-x``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``-x``."""
        return -x


class UnaryAbs(torch.nn.Module):
    """``|x|``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``|x|``."""
        return torch.abs(x)


class UnarySquare(torch.nn.Module):
    """The square of ``x``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the square of ``x``."""
        return torch.square(x)


class UnaryPow(torch.nn.Module):
    """The cube of ``x``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the cube of ``x``."""
        return torch.pow(x, 3)


class UnarySqrt(torch.nn.Module):
    """The square root of ``x``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the square root of ``x``."""
        return torch.sqrt(x)


class UnaryMul(_WithBeta):
    """``beta * x``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``beta * x``."""
        return x * self.beta


class UnaryAdd(_WithBeta):
    """``beta + x``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``beta + x``."""
        return x + self.beta


class UnaryLogAbs(torch.nn.Module):
    """``log(|x|)``, kept finite at 0."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``log(|x|)``, kept finite at 0."""
        return torch.log(torch.abs(x) + 1e-7)


class UnaryExp(torch.nn.Module):
    """``exp(x)``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``exp(x)``."""
        return torch.exp(x)


class UnarySin(torch.nn.Module):
    """``sin(x)``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``sin(x)``."""
        return torch.sin(x)


class UnaryCos(torch.nn.Module):
    """``cos(x)``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``cos(x)``."""
        return torch.cos(x)


class UnarySinh(torch.nn.Module):
    """``sinh(x)``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``sinh(x)``."""
        return torch.sinh(x)


class UnaryCosh(torch.nn.Module):
    """``cosh(x)``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``cosh(x)``."""
        return torch.cosh(x)


class UnaryTanh(torch.nn.Module):
    """``tanh(x)``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``tanh(x)``."""
        return torch.tanh(x)


class UnaryAtan(torch.nn.Module):
    """``atan(x)``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``atan(x)``."""
        return torch.atan(x)


class UnaryMax(torch.nn.Module):
    """The greater one of ``x`` and 0."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the greater one of ``x`` and 0."""
        return torch.max(x, torch.zeros_like(x))


class UnaryMin(torch.nn.Module):
    """The lesser one of ``x`` and 0."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the lesser one of ``x`` and 0."""
        return torch.min(x, torch.zeros_like(x))


class UnarySigmoid(torch.nn.Module):
    """The logistic function of ``x``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logistic function of ``x``."""
        return torch.sigmoid(x)


class UnaryLogExp(torch.nn.Module):
    """``log(1 + exp(x))``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``log(1 + exp(x))``."""
        return torch.log(1 + torch.exp(x))


class UnaryExpSquare(torch.nn.Module):
    """``exp(-x ** 2)``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``exp(-x ** 2)``."""
        return torch.exp(-torch.square(x))


class UnaryErf(torch.nn.Module):
    """The error function of ``x``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the error function of ``x``."""
        return torch.erf(x)


class BinaryAdd(torch.nn.Module):
    """The sum."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the sum."""
        return x[0] + x[1]


class BinaryMul(torch.nn.Module):
    """The product."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the product."""
        return x[0] * x[1]


class BinaryMinus(torch.nn.Module):
    """The difference."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the difference."""
        return x[0] - x[1]


class BinaryDivide(torch.nn.Module):
    """The quotient, kept finite where the second one is 0."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the quotient, kept finite where the second one is 0."""
        return x[0] / (x[1] + 1e-7)


class BinaryMax(torch.nn.Module):
    """The greater one."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the greater one."""
        return torch.max(x[0], x[1])


class BinaryMin(torch.nn.Module):
    """The lesser one."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the lesser one."""
        return torch.min(x[0], x[1])


class BinarySigmoid(torch.nn.Module):
    """The second one, gated by the first."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the second one, gated by the first."""
        return torch.sigmoid(x[0]) * x[1]


class BinaryExpSquare(_WithBeta):
    """``exp(-beta * (a - b) ** 2)``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``exp(-beta * (a - b) ** 2)``."""
        return torch.exp(-self.beta * torch.square(x[0] - x[1]))


class BinaryExpAbs(_WithBeta):
    """``exp(-beta * |a - b|)``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``exp(-beta * |a - b|)``."""
        return torch.exp(-self.beta * torch.abs(x[0] - x[1]))


class BinaryParamAdd(_WithBeta):
    """``beta * a + (1 - beta) * b``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``beta * a + (1 - beta) * b``."""
        return self.beta * x[0] + (1 - self.beta) * x[1]


UNARY_UNITS: tuple[type[torch.nn.Module], ...] = (
    UnaryIdentity,
    UnaryNegative,
    UnaryAbs,
    UnarySquare,
    UnaryPow,
    UnarySqrt,
    UnaryMul,
    UnaryAdd,
    UnaryLogAbs,
    UnaryExp,
    UnarySin,
    UnaryCos,
    UnarySinh,
    UnaryCosh,
    UnaryTanh,
    UnaryAtan,
    UnaryMax,
    UnaryMin,
    UnarySigmoid,
    UnaryLogExp,
    UnaryExpSquare,
    UnaryErf,
)
"""In the order of their names in samples: ``0``, ``1``, ..."""

BINARY_UNITS: tuple[type[torch.nn.Module], ...] = (
    BinaryAdd,
    BinaryMul,
    BinaryMinus,
    BinaryDivide,
    BinaryMax,
    BinaryMin,
    BinarySigmoid,
    BinaryExpSquare,
    BinaryExpAbs,
    BinaryParamAdd,
)
"""In the order of their names in samples: ``0``, ``1``, ..."""
