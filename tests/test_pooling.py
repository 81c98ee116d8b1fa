"""Pooling of special values, in both memory formats, on every instruction set: as torch does it."""

import numpy as np
import pytest

import fastnets
import fastnets.functional as F
from fastnets.cases.layouts import lay_out
from fastnets.cases.trial import rows

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")

ROWS = [row for row in rows() if row.backend != "reference"]
CALLS = [
    ("max_pool2d", (3, 2, 1, 1, True)),
    ("max_pool2d", (2,)),
    ("avg_pool2d", (3, 2, 1, True, False)),
    ("avg_pool2d", (2,)),
    ("adaptive_avg_pool2d", (1,)),
    ("adaptive_avg_pool2d", ((4, 3),)),
    ("adaptive_max_pool2d", (1, True)),
    ("adaptive_max_pool2d", ((4, 3), True)),
    ("adaptive_max_pool2d", ((3, 4), True)),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("name, parameters", CALLS)
def test_special_values_are_torchs(name, parameters, layout, row, rng):
    if not row.serves(name.removesuffix("2d"), "float32"):
        pytest.skip(f"{name} is not there on {row}")
    x = rng.integers(-2, 3, (2, 19, 12, 8)).astype(np.float32)  # with equals; sums of integers are exact
    x[rng.random(x.shape) < 0.02] = np.nan
    x[rng.random(x.shape) < 0.1] = -np.inf
    x[rng.random(x.shape) < 0.02] = np.inf
    x = lay_out(x, layout)
    with row.chosen(), fastnets.use_backend(row.backend):
        made = getattr(F, name)(x, *parameters)
    expected = getattr(torch.nn.functional, name)(torch.from_numpy(x), *parameters)
    pairs = zip(made, expected, strict=True) if isinstance(made, tuple) else [(made, expected)]
    for y, y_torch in pairs:
        np.testing.assert_allclose(y, y_torch.numpy(), rtol=1e-6)  # a quotient more or less


def test_layers_say_what_they_give():
    model = fastnets.nn.Sequential(
        fastnets.nn.AvgPool2d(2), fastnets.nn.AdaptiveMaxPool2d((2, None)), fastnets.nn.AdaptiveAvgPool2d(1)
    )
    table = model.summary((2, 3, 8, 6))
    assert table.flops == table.parameters == 0
    shapes = ["(2, 3, 1, 1)", "(2, 3, 4, 3)", "(2, 3, 2, 3)", "(2, 3, 1, 1)"]
    for line, shape in zip(str(table).splitlines()[1:], shapes, strict=True):
        assert shape in line, table
