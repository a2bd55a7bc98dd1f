"""The parts of `tools/mutation.py`: what is mutated, how, on what tests, and how it is told.

source.py       a file, its syntax tree with exact positions, and which of it is mathematics
names.py        which name may stand in for which: the same role in the same function
operators.py    the mistakes: each is a small textual change at a node of the tree
targets.py      the files, and for each the tests most likely to notice
runner.py       a warm process that forks a child for every mutant, in a private copy
verdicts.py     the results file, the known equivalent mutants, and the report
"""
