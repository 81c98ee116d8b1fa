"""Whole networks, with the state_dict names of their published checkpoints."""

from .bert import Bert
from .gpt import GPT
from .lstm_language_model import LSTMLanguageModel
from .resnet import ResNet, resnet18, resnet34, resnet50, resnet101, resnet152
from .sentence_encoder import SentenceEncoder
from .transformer import Transformer

__all__ = [
    "GPT",
    "Bert",
    "LSTMLanguageModel",
    "ResNet",
    "SentenceEncoder",
    "Transformer",
    "resnet101",
    "resnet152",
    "resnet18",
    "resnet34",
    "resnet50",
]
