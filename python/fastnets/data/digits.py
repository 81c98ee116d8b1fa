"""The UCI handwritten digits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["load_digits"]


def load_digits() -> tuple[np.ndarray[Any, np.dtype[np.float32]], np.ndarray[Any, np.dtype[np.int64]]]:
    """The 1,797 images of the UCI Optical Recognition of Handwritten Digits data set (its test set).

    Returns
    -------
    images : numpy.ndarray (1797, 1, 8, 8), float32
        Grey values from 0 (paper) to 1 (ink), in steps of 1/16.
    labels : numpy.ndarray (1797,), int64
        The digits, 0 to 9.

    References
    ----------
    Alpaydin, Kaynak: Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998,
    https://doi.org/10.24432/C50P49, CC BY 4.0

    Examples
    --------
    >>> import fastnets as fn
    >>> images, labels = fn.data.load_digits()
    >>> images.shape, labels[:10].tolist()
    ((1797, 1, 8, 8), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    with np.load(Path(__file__).with_name("digits.npz")) as archive:
        images, labels = archive["images"], archive["labels"]
    return images[:, np.newaxis].astype(np.float32) / 16, labels.astype(np.int64)
