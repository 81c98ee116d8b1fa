"""How fast the kernels are, beside what the machine can do and beside others: the runner behind ``fastnets bench``.

`families` lists workloads as data, `peers` are whom they are compared with, `ceilings` what the machine does at best,
`timing` measures all of them in turns, `report` and `plots` show the result.
"""
