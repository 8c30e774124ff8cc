"""Search by reinforcement learning, at the path that NNI's users type, and what policies of one's own are made of."""

from retix.door import open_door

__getattr__ = open_door(
    __name__,
    PolicyBasedRL="retix.strategy.policy_based_rl",
    Policy="retix.strategy.policy",
    Question="retix.strategy.policy",
)
