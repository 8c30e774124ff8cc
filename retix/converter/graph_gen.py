"""The names that NNI's users import from ``nni.retiarii.converter.graph_gen``."""

from retix.compat import GraphConverter, GraphConverterWithShape, convert_to_graph

__all__ = ["GraphConverter", "GraphConverterWithShape", "convert_to_graph"]
