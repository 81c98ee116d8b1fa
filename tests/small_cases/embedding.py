"""Small cases of embedding: op, inputs (drawn), parameters. Padding rows and frequencies are no derivatives."""

from .draw import labels, normal

EMBEDDING = [("embedding", (labels(4, *shape), normal(4, 3)), (-(2**63), False)) for shape in [(3, 2), (), (0,)]]
CASES = [*EMBEDDING]
