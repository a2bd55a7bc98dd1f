"""Problems by name, as the command line takes them."""

import numpy as np
import pytest

from tinyvae.distributions import LAWS
from tinyvae.distributions.law import draw_shape
from tinyvae.problem import problem


def test_a_name_alone_has_defaults():
    p = problem("quadratic", "normal")
    assert p.constants == {"k": 0.0}
    assert p.one == {"loc": 0.5, "scale": 1.0}
    assert [param.shape for param in p.params] == [(1,), (1,)]


def test_constants_and_parameters_are_read():
    p = problem("cosine:k=4", "normal:scale=0.25, loc=-1e1", D=3)
    np.testing.assert_array_equal(p.params, [[-10.0] * 3, [0.25] * 3])
    y, vjp = p.f(np.full((2, 3), 0.3))
    np.testing.assert_allclose(y, 3 * np.cos(1.2))
    np.testing.assert_allclose(vjp(np.ones(2))[0], -4 * np.sin(1.2))
    assert str(p) == ("E f(z), f = cosine(k = 4), z ~ normal(loc = -10, scale = 0.25), D = 3")


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("D", [1, 3])
def test_every_law_has_a_problem_and_draws(law, D):
    p = problem("cosine", law, D)
    noise = p.law.noise(np.random.default_rng(0), (5, *draw_shape(p.law, p.params)))
    z = p.law.sample(*p.params, noise=noise)
    assert z.shape == (5, D)
    assert np.isfinite(z).all()


@pytest.mark.parametrize(
    ("integrand", "law", "D", "says"),
    [
        ("cosin", "normal", 1, "unknown integrand 'cosin': did you mean 'cosine'"),
        ("cosine", "norml", 1, "unknown law 'norml': did you mean 'normal'"),
        ("cosine:q=1", "normal", 1, "unknown constant of cosine 'q'"),
        ("cosine", "normal:mu=1", 1, "unknown parameter of normal 'mu'"),
        ("cosine:k", "normal", 1, "expected NAME:key=number"),
        ("cosine:k=x", "normal", 1, "but k is 'x'"),
        ("cosine:k=nan", "normal", 1, "k must be finite"),
        ("sigmoid:tau=0", "normal", 1, "tau must be greater than 0"),
        ("cosine", "normal:scale=-1", 1, r"scale must be greater than 0, but scale\[0\] is -1"),
        ("quadratic", "von_mises", 1, "lives on a circle, so f must repeat after 6.28"),
        ("cosine:k=1.5", "von_mises", 1, "take cosine with a whole k"),
        ("cosine", "uniform:low=3", 1, "high - low must be greater than 0"),
        ("cosine", "normal", 0, "dimension must be at least 1, not 0"),
    ],
)
def test_what_cannot_be_read_is_named(integrand, law, D, says):
    with pytest.raises(ValueError, match=says):
        problem(integrand, law, D)
