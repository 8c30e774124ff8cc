"""Policies that answer one question of a space after another, and how they learn; needs torch."""

from retix.strategy.policy.episode import Episode, Step
from retix.strategy.policy.network import LSTMPolicy, MLPPolicy, Policy
from retix.strategy.policy.ppo import PPO, one_thread, seeded
from retix.strategy.policy.question import Question, Vocabulary
from retix.strategy.policy.reward import Cost, Rewards
from retix.strategy.policy.walker import Walker

__all__ = [
    "PPO",
    "Cost",
    "Episode",
    "LSTMPolicy",
    "MLPPolicy",
    "Policy",
    "Question",
    "Rewards",
    "Step",
    "Vocabulary",
    "Walker",
    "one_thread",
    "seeded",
]
