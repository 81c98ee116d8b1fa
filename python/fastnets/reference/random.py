"""Philox random numbers and what is drawn from them."""

import numpy as np

_MULTIPLIER = np.array([0xD2511F53, 0xCD9E8D57], np.uint64)
_WEYL = np.array([0x9E3779B9, 0xBB67AE85], np.uint64)  # golden ratio and √3 − 1, the key's increments
_LOW_WORD = np.uint64(0xFFFFFFFF)
_WORD_BITS = np.uint64(32)

DROPOUT, ATTENTION = 0, 1  # the counter's high words name the use


def philox_4x32(counter, key):
    """Ten rounds of Philox 4x32, a random function of a counter and a key.

    One round takes words (x0, x1, x2, x3) with round key (k0, k1) to
    (hi(M1·x2) ^ x1 ^ k0, lo(M1·x2), hi(M0·x0) ^ x3 ^ k1, lo(M0·x0)).

    Parameters
    ----------
    counter : (…, 4) array of integers below 2³²
    key : (…, 2) array of integers below 2³²

    Returns
    -------
    (…, 4) uint32 array

    References
    ----------
    Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

    Examples
    --------
    >>> [hex(word) for word in philox_4x32([0, 0, 0, 0], [0, 0])]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    x, key = np.asarray(counter, np.uint64), np.asarray(key, np.uint64)
    for _ in range(10):
        product = x[..., 0::2] * _MULTIPLIER  # 32 × 32 bits, exact in 64
        high, low = product >> _WORD_BITS, product & _LOW_WORD
        x = np.stack(
            [
                high[..., 1] ^ x[..., 1] ^ key[..., 0],
                low[..., 1],
                high[..., 0] ^ x[..., 3] ^ key[..., 1],
                low[..., 0],
            ],
            axis=-1,
        )
        key = (key + _WEYL) & _LOW_WORD
    return x.astype(np.uint32)


def uniform(seed, count, use):
    """Uniform numbers in [0, 1), multiples of 2⁻²⁴: element i is word i % 4 of Philox at counter (i // 4, use).

    Parameters
    ----------
    seed : int
        The 64-bit key; a negative one is taken modulo 2⁶⁴.
    count : int
        How many.
    use : int
        What they are for: the counter's high 64 bits, so that two uses of one seed are independent.

    Returns
    -------
    (count,) float64 array, each element exact in float32 too

    Examples
    --------
    >>> uniform(seed=0, count=2, use=0) * 2**24 == [0x6627E8, 0xE169C5]
    array([ True,  True])
    """
    seed, use = int(seed) % 2**64, int(use)
    block = np.arange((count + 3) // 4, dtype=np.uint64)
    use_words = np.broadcast_to(np.array([use % 2**32, use >> 32], np.uint64), (len(block), 2))
    counter = np.concatenate([np.stack([block & _LOW_WORD, block >> _WORD_BITS], axis=-1), use_words], axis=-1)
    word = philox_4x32(counter, [seed % 2**32, seed >> 32]).reshape(-1)[:count]
    return (word >> np.uint32(8)) * 2.0**-24


def _drop(values, p, seed):
    keep = uniform(seed, values.size, DROPOUT).reshape(values.shape) >= p  # by logical row-major element index
    return np.where(keep, values, 0.0) / (1.0 - p) if p < 1 else np.zeros(values.shape)


def dropout(input, p, seed):
    """Drop elements with probability p and scale the others: y = x / (1 − p) where u ≥ p, 0 elsewhere.

    The uniform number u of an element depends on the seed and on its row-major index alone, whatever the strides.

    Parameters
    ----------
    input : array of any shape
    p : float in [0, 1]
        With 1 the output is all zeros.
    seed : int

    Returns
    -------
    float64 array of the input's shape

    References
    ----------
    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15, 2014.

    Examples
    --------
    >>> dropout([1.0, 2.0, 3.0, 4.0, 5.0], 0.5, 0).tolist()
    [0.0, 4.0, 6.0, 8.0, 10.0]
    """
    return _drop(np.asarray(input, np.float64), p, seed)


def dropout_backward(grad_output, input, p, seed):
    """Gradient of `dropout`: dx = dy / (1 − p) where the element was kept, 0 elsewhere.

    Parameters
    ----------
    grad_output : array of the input's shape
    input, p, seed
        As given to `dropout`.

    Returns
    -------
    tuple of one float64 array, the gradient of ``input``

    Examples
    --------
    >>> (dx,) = dropout_backward([1.0, 1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 4.0, 5.0], 0.5, 0)
    >>> dx.tolist()
    [0.0, 2.0, 2.0, 2.0, 2.0]
    """
    return (_drop(np.asarray(grad_output, np.float64), p, seed),)
