"""From a failed check to a sentence: which gradient is wrong, what is wrong with it, what to do.

`diagnose(fn, *args, **constants)` asks `gradcheck` first. What fails is looked at arrow by arrow
(scene.py), from the outputs back; the first step that is wrong although all that came into it is
right is held against the mistakes that can be named (rules.py). A function that takes a `watch`
(see ../watch.py) is walked through array by array, a whole network layer by layer.

Source: the checks are local forms of the chain rule, as in Griewank & Walther, Evaluating
Derivatives (2008), section 3.2; the list of mistakes is from teaching and from public code.
"""

from tinyvae.diagnose.report import Diagnosis, diagnose

__all__ = ["Diagnosis", "diagnose"]
