"""Writes src/math/sobol_directions.inc from SciPy's copy of the direction numbers of Joe and Kuo (new-joe-kuo-6.21201).

    python3 tests/math/make_sobol_directions.py > src/math/sobol_directions.inc
"""
import os

import numpy
import scipy

DIMENSIONS = 1024
table = numpy.load(os.path.join(os.path.dirname(scipy.__file__), "stats", "_sobol_direction_numbers.npz"))
numbers = []
for dimension in range(1, DIMENSIONS):  # dimension 0 is van der Corput's sequence
    polynomial = int(table["poly"][dimension])
    numbers.append(polynomial)
    numbers += [int(m) for m in table["vinit"][dimension][: polynomial.bit_length() - 1]]
print("// Written by tests/math/make_sobol_directions.py.  For each dimension from the second on: the primitive polynomial's")
print("// coefficients as bits, then as many initial direction numbers as its degree.  S. Joe and F. Y. Kuo, SIAM J. Sci. Comput.")
print("// 30 (2008) 2635-2654, new-joe-kuo-6.21201, (c) 2008 Frances Y. Kuo and Stephen Joe, BSD licence.")
line = ""
for number in numbers:
    text = f"{number},"
    if len(line) + len(text) + 1 > 118:
        print(line)
        line = ""
    line += (" " if line else "") + text
print(line)
