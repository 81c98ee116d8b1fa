"""Data small enough to come with the package or made by it; README.md beside this file names sources and licences."""

from .digits import load_digits
from .translation import make_translations
from .vocabulary import Vocabulary

__all__ = ["Vocabulary", "load_digits", "make_translations"]
