"""The front end that needs no TorchScript: torch.fx follows forward with symbols in the place of tensors."""

from retix.converter.fx.capture import capture_symbolic

__all__ = ["capture_symbolic"]
