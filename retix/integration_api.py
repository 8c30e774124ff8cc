"""The names that NNI's users import from ``nni.retiarii.integration_api``. retix needs none of them."""

from retix.door import open_door

__getattr__ = open_door(__name__)
