"""Steps with a cache are what one call without it computes; what fails leaves the cache alone."""

import numpy as np
import pytest

import fastnets as fn
from fastnets import nn
from small_transformers import E, H, close, decoder, gpt, randomised


@pytest.fixture(autouse=True)
def _seeded(seed):
    fn.random.seed(seed[0] + seed[1])


def in_steps(call, length, sizes, axis):
    begin, made = 0, []
    for size in sizes:
        made.append(call(slice(begin, begin + size)))
        begin += size
    assert begin == length
    return np.concatenate(made, axis)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("sizes", [(1,) * 6, (3, 1, 2), (6,)])
def test_encoder_with_a_cache_equals_the_causal_one_without(sizes, norm_first, rng):
    model, x = gpt(rng, norm_first).eval(), rng.standard_normal((3, 6, E))
    cache = model.make_cache(batch_size=3, max_length=8)
    for _ in range(2):
        close(in_steps(lambda at: model(x[:, at], cache=cache), 6, sizes, 1), model(x, is_causal=True))
        assert cache.length == 6 and cache.max_length == 8
        cache.reset()
        assert cache.length == 0


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("projected", ["at first", "when asked for"])
def test_decoder_with_a_cache_equals_the_causal_one_without(batch_first, projected, rng):
    model = decoder(rng, batch_first).eval()
    tgt, memory = rng.standard_normal((3, 6, E)), rng.standard_normal((3, 4, E))
    hidden = np.zeros((3, 4), bool)
    hidden[1, 2:] = True
    along = (lambda x: x) if batch_first else (lambda x: np.ascontiguousarray(x.swapaxes(0, 1)))
    cache = model.make_cache(3, 6, memory=along(memory) if projected == "at first" else None)
    expected = model(along(tgt), along(memory), memory_key_padding_mask=hidden, tgt_is_causal=True)

    def call(at):
        late = along(memory) if projected != "at first" else None
        return along(model(along(tgt[:, at]), late, memory_key_padding_mask=hidden, cache=cache))

    close(along(in_steps(call, 6, (2, 1, 1, 2), 1)), expected)
    cache.reset()
    other = rng.standard_normal(memory.shape)
    close(
        model(along(tgt), along(other), cache=cache),
        model(along(tgt), along(other), tgt_is_causal=True),
    )


def test_a_cache_of_one_layer_of_attention_and_its_masks(rng):
    layer, x = randomised(nn.MultiheadAttention(E, H, batch_first=True), rng), rng.standard_normal((2, 5, E))
    hidden = np.array([[True, False, False, False, False], [False] * 5])
    expected, weights = layer(x, x, x, key_padding_mask=hidden, is_causal=True)
    cache = layer.make_cache(2, 5)
    new = x[:, :3]
    first, _ = layer(new, new, new, key_padding_mask=hidden[:, :3], cache=cache)
    new = x[:, 3:]
    then, of_then = layer(new, new, new, key_padding_mask=hidden, cache=cache)
    close(np.concatenate([first, then], 1), expected)
    close(of_then, weights[:, 3:])


@pytest.mark.parametrize("indices", [[2, 0, 0], [1], [0, 0, 1, 1, 2, 2]])
def test_reordered_caches_go_on_from_the_sequences_chosen(indices, rng):
    model = decoder(rng).eval()
    tgt, memory = rng.standard_normal((3, 5, E)), rng.standard_normal((3, 4, E))
    cache = model.make_cache(3, 6)
    model(tgt, memory, cache=cache)
    cache.reorder(np.array(indices))
    assert cache.batch_size == len(indices) and cache.length == 5
    new = rng.standard_normal((len(indices), 1, E))
    whole = np.concatenate([tgt[indices], new], axis=1)
    close(model(new, memory[indices], cache=cache), model(whole, memory[indices], tgt_is_causal=True)[:, 5:])


def test_what_fails_leaves_the_cache_as_it_was(rng):
    model, x = gpt(rng).eval(), rng.standard_normal((2, 3, E))
    cache = model.make_cache(2, 5)
    model(x, cache=cache)
    with pytest.raises(ValueError, match=r"MultiheadAttention: cache is full: it holds 3 of 5 positions, and 3 more"):
        model(x, cache=cache)
    with pytest.raises(ValueError, match=r"attn_mask has shape \(2, 2\) but \(2, 5\)"):
        model(x[:, :2], np.zeros((2, 2)), cache=cache)
    with pytest.raises(ValueError, match="the batch has 1 but cache 2 sequences"):
        model(x[:1, :1], cache=cache)
    with pytest.raises(TypeError, match="MultiheadAttention: cache is for inference"):
        model.vjp(x[:, :2], cache=cache)
    assert cache.length == 3
    close(model(x[:, :1], cache=cache), model(np.concatenate([x, x[:, :1]], 1), is_causal=True)[:, 3:])
    cache.rewind(1)
    close(model(x[:, 1:], cache=cache), model(x, is_causal=True)[:, 1:])
