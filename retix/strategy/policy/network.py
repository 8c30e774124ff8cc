"""Networks that answer questions."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from retix.strategy.policy.question import Question

State: TypeAlias = Any
"""What a policy remembers of the answers so far; only the policy knows what it is."""

_SPREAD = 0.08
_UNREACHABLE = -1e9


def mask(logits: Tensor, allowed: Tensor) -> Tensor:
    """``logits`` with those that are not allowed (a boolean tensor of the same shape) out of reach."""
    return logits.masked_fill(~allowed, _UNREACHABLE)


class Policy(nn.Module, ABC):
    """Answers one question after another, for several samples at once.

    What ``PolicyBasedRL(policy_fn=...)`` takes. It has parameters, no buffers, and does the same whenever it is given
    the same: no dropout. What it is before anything is learned should be near a uniform choice.
    """

    @abstractmethod
    def meet(self, question: Question) -> None:
        """Make what is needed to answer a question that was not met before: the parameters of its answers, say.

        Questions are met in the order of their numbers. Whoever calls this has seeded torch's random numbers.
        """

    @abstractmethod
    def begin(self, count: int) -> State:
        """The state before the first question of ``count`` samples."""

    @abstractmethod
    def step(self, state: State, questions: Tensor, previous: Tensor) -> tuple[Tensor, State]:
        """Weigh the answers to the next question.

        Args:
            state: After the question before.
            questions: The number of the question, for each sample; ``(count,)``, int64.
            previous: The answer before it: ``1 + first + index`` with ``first`` of the question before, or 0 where this
                is the first question; ``(count,)``, int64.

        Returns:
            The logits ``(count, n)`` with n at least the number of answers; what is beyond them is ignored. And the
            state after this question.
        """


@dataclass(frozen=True, slots=True)
class _Tables:
    """The parameters of all questions, one below the other: answers in rows, but `asked` and the rest by question."""

    given: Tensor
    asked: Tensor
    heads: Tensor
    biases: Tensor
    sizes: Tensor
    firsts: Tensor


class EmbeddingPolicy(Policy):
    """A policy with an embedding for each question and answer, and an output for each answer.

    Args:
        hidden: Numbers in which the answers so far are remembered, and from which the outputs are computed.
        embedding: Numbers per embedding.
    """

    def __init__(self, hidden: int, embedding: int) -> None:
        super().__init__()
        self._hidden = hidden
        self._embedding = embedding
        self.start = nn.Parameter(_spread(1, embedding))
        self.asked = nn.ParameterList()
        self.given = nn.ParameterList()
        self.heads = nn.ParameterList()
        self.biases = nn.ParameterList()
        self._sizes: list[int] = []
        self._firsts: list[int] = []

    def meet(self, question: Question) -> None:
        self.asked.append(nn.Parameter(_spread(1, self._embedding)))
        self.given.append(nn.Parameter(_spread(question.size, self._embedding)))
        self.heads.append(nn.Parameter(_spread(question.size, self._hidden)))
        bias = torch.zeros(question.size)
        if question.prior is not None:
            total = sum(question.prior)
            bias = torch.tensor([math.log(max(weight / total, 1e-4)) for weight in question.prior])
        self.biases.append(nn.Parameter(bias))
        self._sizes.append(question.size)
        self._firsts.append(question.first)

    def begin(self, count: int) -> State:
        return None, self.recall(count)

    def step(self, state: State, questions: Tensor, previous: Tensor) -> tuple[Tensor, State]:
        tables, memory = state
        if tables is None or len(tables.sizes) < len(self._sizes):  # a question was met since
            tables = self._join()
        features, memory = self.think(memory, tables.given[previous], tables.asked[questions])
        columns = torch.arange(int(tables.sizes[questions].max()))
        rows = (tables.firsts[questions, None] + columns).clamp(max=len(tables.biases) - 1)
        logits = torch.einsum("cnh,ch->cn", tables.heads[rows], features) + tables.biases[rows]
        return logits, (tables, memory)

    def _join(self) -> _Tables:
        return _Tables(
            torch.cat([self.start, *self.given]),
            torch.cat(list(self.asked)),
            torch.cat(list(self.heads)),
            torch.cat(list(self.biases)),
            torch.tensor(self._sizes),
            torch.tensor(self._firsts),
        )

    @abstractmethod
    def recall(self, count: int) -> Any:
        """The memory before the first question of ``count`` samples."""

    @abstractmethod
    def think(self, memory: Any, given: Tensor, asked: Tensor) -> tuple[Tensor, Any]:
        """Features ``(count, hidden)`` to answer a question by, and the memory after it.

        Args:
            memory: After the question before.
            given: Embedding of the answer before; ``(count, embedding)``.
            asked: Embedding of the question; ``(count, embedding)``.
        """


class LSTMPolicy(EmbeddingPolicy):
    """Remembers the answers so far in an LSTM, as the controller of Zoph and Le (arXiv 1611.01578) does."""

    def __init__(self, hidden: int = 64, embedding: int = 32) -> None:
        super().__init__(hidden, embedding)
        self.cell = nn.LSTMCell(2 * embedding, hidden)

    def recall(self, count: int) -> Any:
        return torch.zeros(count, self._hidden), torch.zeros(count, self._hidden)

    def think(self, memory: Any, given: Tensor, asked: Tensor) -> tuple[Tensor, Any]:
        hidden, cell = self.cell(torch.cat([given, asked], 1), memory)
        return hidden, (hidden, cell)


class MLPPolicy(EmbeddingPolicy):
    """Remembers the sum of the embeddings of the answers so far, whatever their order."""

    def __init__(self, hidden: int = 64, embedding: int = 32) -> None:
        super().__init__(hidden, embedding)
        self.layers = nn.Sequential(nn.Linear(2 * embedding, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh())

    def recall(self, count: int) -> Any:
        return torch.zeros(count, self._embedding)

    def think(self, memory: Any, given: Tensor, asked: Tensor) -> tuple[Tensor, Any]:
        memory = memory + given
        return self.layers(torch.cat([memory, asked], 1)), memory


def _spread(*shape: int) -> Tensor:
    return torch.empty(shape).uniform_(-_SPREAD, _SPREAD)
