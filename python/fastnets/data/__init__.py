"""Data sets small enough to come with the package; README.md beside this file names their sources and licences."""

from .digits import load_digits

__all__ = ["load_digits"]
