"""What each front end does not take of the zoo, and what it says."""

from __future__ import annotations

from collections.abc import Mapping

REFUSALS: Mapping[tuple[str, str], str] = {
    ("Gate", "trace"): "the model turns data into a condition",
    ("Iterate", "trace"): "the model uses a size as the Python number 2",
    ("Converge", "trace"): "the model turns data into a Python float",
    ("DenseNet", "script"): "DenseNet cannot be scripted: Arguments for call are not valid",
    ("GoogLeNet", "script"): "GoogLeNet cannot be scripted: Previous return statement returned a value of type",
    ("Detector", "script"): "Detector cannot be scripted: Expected integer literal for index",
    ("SuperResolution", "script"): "SuperResolution cannot be scripted: Arguments for call are not valid",
    ("StatefulLstm", "script"): "StatefulLstm cannot be scripted: Arguments for call are not valid",
    ("NestedContainers", "script"): "_set_item has no form in a graph",
    ("MultipleInputs", "script"): "MultipleInputs cannot be scripted: Compiled functions can't take variable number",
    ("FunctionalNorm", "script"): "format has no form in a graph",
    ("RotaryDecoder", "script"): "RotaryDecoder cannot be scripted: cannot statically infer the expected size",
    ("WindowTable", "script"): "WindowTable cannot be scripted: Tensor cannot be used as a tuple",
    ("NormedVocoder", "script"): "format has no form in a graph",
    ("MomentumQueue", "script"): "the step prim::CreateObject of TorchScript has no form in a graph",
    ("Gate", "fx"): "the model turns data into a condition",
    ("Iterate", "fx"): "the model turns a size into a Python int",
    ("Converge", "fx"): "the model turns data into a Python float",
    ("Collect", "fx"): "the model turns a size into a Python int",
}
"""Animal and front end, to the beginning of what the error says; everything else is captured."""

OTHER_DIGESTS: Mapping[str, str] = {
    "LanguageModel": "a size that a trace keeps as a number stays an expression",
    "MaskedAttentionNet": "a size that a trace keeps as a number stays an expression",
    "RotaryDecoder": "a size that a trace keeps as a number stays an expression",
    "WindowTable": "the items of an unpacked tensor are selected, where a trace unbinds it",
    "Tagger": "both states of an LSTM come from one item of what it returns",
    "StatefulLstm": "a tuple that goes in is passed on whole",
    "InPlace": "what was changed in place goes by its first name",
    "Indexing": "a device is that of the tensor which the user names",
    "MadeInForward": "a device is that of the tensor which the user names",
    "StochasticDepth": "a device is that of the tensor which the user names",
    "MomentumQueue": "a size that a trace keeps as a number stays an expression",
}
"""The animals of which the graph by torch.fx is not that of the trace, and why; both compute the same."""
