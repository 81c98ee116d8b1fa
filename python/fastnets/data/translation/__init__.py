"""English sentences and their Spanish translations, made by a small grammar; in Spanish as it is spoken in Spain."""

from .numbers import english_number, spanish_number
from .pairs import is_held_out, make_translations

__all__ = ["english_number", "is_held_out", "make_translations", "spanish_number"]
