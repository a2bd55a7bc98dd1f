"""What people get wrong in the layers of `vae_backward`, and in the order of what it returns.

Each row of MISTAKES has the sentence that a student is told, and the lines that are wrong; all
others are those of `RIGHT` in `vae_backward.py`.
"""

INPUTS = {"W1": "x", "Wm": "h", "Wl": "h", "W2": "z", "W3": "k"}  # what a weight multiplies
AFTER = {"1": "da1", "m": "dmu", "l": "dlogvar", "2": "da2", "3": "dlogits"}  # the gradient there


def weights(code):
    """{dW: line} for every weight; code has places for its input and the gradient after it."""
    return {f"d{W}": code.format(input=i, after=AFTER[W[1]]) for W, i in INPUTS.items()}


def biases(code):
    return {f"db{name}": code.format(after=after) for name, after in AFTER.items()}


DECODER = {
    "no_slope_in_the_decoder": (
        """The tanh of the decoder is passed over: between dk and W2 comes a factor 1 - k².""",
        {"da2": "dk"},
    ),
    "no_slope_at_all": (
        """Both tanh are passed over, the encoder's and the decoder's: da2 = dk * (1 - k²), and da1
        = dh * (1 - h²).""",
        {"da2": "dk", "da1": "dh"},
    ),
    "tanh_of_tanh": (
        """The slope of tanh is taken at its output: 1 - tanh(h)². But h is a tanh already: the
        slope is 1 - h², and in the decoder 1 - k².""",
        {"da2": "dk * (1 - np.tanh(k)**2)", "da1": "dh * (1 - np.tanh(h)**2)"},
    ),
    "tanh_of_tanh_in_the_decoder": (
        """In the decoder the slope of tanh is taken at its output: 1 - tanh(k)². But k is a tanh
        already: the slope is 1 - k².""",
        {"da2": "dk * (1 - np.tanh(k)**2)"},
    ),
    "slopes_not_squared": (
        """The slopes of tanh are 1 - h and 1 - k; the square is missing: 1 - h², and 1 - k².""",
        {"da2": "dk * (1 - k)", "da1": "dh * (1 - h)"},
    ),
    "slope_in_the_decoder_not_squared": (
        """The slope of tanh in the decoder is 1 - k; the square is missing: 1 - k².""",
        {"da2": "dk * (1 - k)"},
    ),
    "slopes_at_the_input": (
        """The slopes of tanh are 1 - a², with what goes into tanh; take what comes out: 1 - h²,
        and in the decoder 1 - k².""",
        {"da2": "dk * (1 - a2**2)", "da1": "dh * (1 - a1**2)"},
    ),
    "h_for_k_in_the_slope": (
        """The slope of the decoder's tanh is taken from h, the encoder's hidden layer: 1 - k².""",
        {"da2": "dk * (1 - h**2)"},
    ),
    "dW2_past_the_tanh": (
        """dW2 is made with dk, the gradient after the tanh. W2 acts before it: first da2 = dk * (1
        - k²), then dW2 = z.T @ da2.""",
        {"dW2": "z.T @ dk"},
    ),
    "db2_past_the_tanh": (
        """db2 is the sum of dk, the gradient after the tanh. b2 is added before it: sum da2 = dk *
        (1 - k²).""",
        {"db2": "dk.sum(axis=0)"},
    ),
    "dW2_and_db2_past_the_tanh": (
        """dW2 and db2 are made with dk, the gradient after the tanh. W2 and b2 act before it: take
        da2 = dk * (1 - k²) for both, as you do for dz.""",
        {"dW2": "z.T @ dk", "db2": "dk.sum(axis=0)"},
    ),
    "dz_past_the_tanh": (
        """dW2 is right, but on the way to z the slope of the decoder's tanh is left out: dz = da2
        @ W2.T, and not dk @ W2.T.""",
        {"dz": "dk @ W2.T"},
    ),
    "mu_for_z": (
        """dW2 is made with mu; what the decoder read on the way forward was the draw: z.T @
        da2.""",
        {"dW2": "mu.T @ da2"},
    ),
    "eps_for_z": (
        """dW2 is made with eps; what the decoder read was the draw, z = mu + sigma eps: z.T @
        da2.""",
        {"dW2": "eps.T @ da2"},
    ),
    "W2_not_transposed": (
        """dz = da2 @ W2 needs the transpose: forward, W2 leads from z to k, so the gradient comes
        back by da2 @ W2.T.""",
        {"dz": "da2 @ W2"},
    ),
}

ENCODER = {
    "heads_swapped": (
        """dh sends each gradient through the other head's weights: dmu comes back through Wm, and
        dlogvar through Wl: dh = dmu @ Wm.T + dlogvar @ Wl.T.""",
        {"dh": "dmu @ Wl.T + dlogvar @ Wm.T"},
    ),
    "heads_given_the_other_gradient": (
        """The heads are swapped: dWm and dbm are made with dlogvar, dWl and dbl with dmu. m is the
        head that gives mu, l the one that gives logvar.""",
        {
            "dWm": "h.T @ dlogvar",
            "dbm": "dlogvar.sum(axis=0)",
            "dWl": "h.T @ dmu",
            "dbl": "dmu.sum(axis=0)",
        },
    ),
    "heads_swapped_everywhere": (
        """dmu and dlogvar have changed places: in the gradients of both heads, and in dh. The head
        m gives mu and gets dmu, the head l gives logvar and gets dlogvar.""",
        {"dmu": "dz * slope + kl_logvar", "dlogvar": "dz + kl_mu"},
    ),
    "branch_of_mu_overwritten": (
        """dh has the branch through logvar alone; h is read by both heads. Where two branches
        meet, their gradients add: dh = dmu @ Wm.T + dlogvar @ Wl.T. An `=` in the second line
        overwrites the first.""",
        {"dh": "dlogvar @ Wl.T"},
    ),
    "branch_of_logvar_forgotten": (
        """dh has the branch through mu alone; h is read by the logvar head, too. Add dlogvar @
        Wl.T.""",
        {"dh": "dmu @ Wm.T"},
    ),
    "branches_averaged": (
        """dh is the mean of the two branches; where two branches meet, their gradients add: dh =
        dmu @ Wm.T + dlogvar @ Wl.T.""",
        {"dh": "0.5 * (dmu @ Wm.T + dlogvar @ Wl.T)"},
    ),
    "branches_subtracted": (
        """dh is the difference of the two branches; where two branches meet, their gradients add:
        dh = dmu @ Wm.T + dlogvar @ Wl.T.""",
        {"dh": "dmu @ Wm.T - dlogvar @ Wl.T"},
    ),
    "k_for_h": (
        """dWm and dWl are made with k, the decoder's hidden layer; what the heads read is h, the
        encoder's: h.T @ dmu, h.T @ dlogvar.""",
        {"dWm": "k.T @ dmu", "dWl": "k.T @ dlogvar"},
    ),
    "heads_not_transposed": (
        """dh = dmu @ Wm + dlogvar @ Wl needs the transposes: forward, Wm and Wl lead from h to the
        heads, so the gradients come back by Wm.T and Wl.T.""",
        {"dh": "dmu @ Wm + dlogvar @ Wl"},
    ),
    "Wm_not_transposed": (
        """In dh, dmu @ Wm needs the transpose: forward, Wm leads from h to mu, so the gradient
        comes back by dmu @ Wm.T.""",
        {"dh": "dmu @ Wm + dlogvar @ Wl.T"},
    ),
    "Wl_not_transposed": (
        """In dh, dlogvar @ Wl needs the transpose: forward, Wl leads from h to logvar, so the
        gradient comes back by dlogvar @ Wl.T.""",
        {"dh": "dmu @ Wm.T + dlogvar @ Wl"},
    ),
    "no_slope_in_the_encoder": (
        """The tanh of the encoder is passed over: between dh and W1 comes a factor 1 - h².""",
        {"da1": "dh"},
    ),
    "tanh_of_tanh_in_the_encoder": (
        """In the encoder the slope of tanh is taken at its output: 1 - tanh(h)². But h is a tanh
        already: the slope is 1 - h².""",
        {"da1": "dh * (1 - np.tanh(h)**2)"},
    ),
    "slope_in_the_encoder_not_squared": (
        """The slope of tanh in the encoder is 1 - h; the square is missing: 1 - h².""",
        {"da1": "dh * (1 - h)"},
    ),
    "k_for_h_in_the_slope": (
        """The slope of the encoder's tanh is taken from k, the decoder's hidden layer: 1 - h².""",
        {"da1": "dh * (1 - k**2)"},
    ),
    "dW1_past_the_tanh": (
        """dW1 is made with dh, the gradient after the tanh. W1 acts before it: first da1 = dh * (1
        - h²), then dW1 = x.T @ da1.""",
        {"dW1": "x.T @ dh"},
    ),
    "db1_past_the_tanh": (
        """db1 is the sum of dh, the gradient after the tanh. b1 is added before it: sum da1 = dh *
        (1 - h²).""",
        {"db1": "dh.sum(axis=0)"},
    ),
    "first_biases_past_both_tanh": (
        """db1 and db2 are sums of dh and dk, the gradients after the tanh. The biases are added
        before it: take da1 = dh * (1 - h²), and da2 = dk * (1 - k²).""",
        {"db1": "dh.sum(axis=0)", "db2": "dk.sum(axis=0)"},
    ),
    "first_layers_past_both_tanh": (
        """dW1, db1, dW2 and db2 are made with dh and dk, the gradients after the tanh. Weights and
        biases act before it: take da1 = dh * (1 - h²), and da2 = dk * (1 - k²).""",
        {"dW2": "z.T @ dk", "db2": "dk.sum(axis=0)", "da1": "dh"},
    ),
    "first_weights_past_both_tanh": (
        """dW1 and dW2 are made with dh and dk, the gradients after the tanh. The weights act
        before it: take da1 = dh * (1 - h²), and da2 = dk * (1 - k²).""",
        {"dW1": "x.T @ dh", "dW2": "z.T @ dk"},
    ),
}

EVERYWHERE = {
    "nothing_transposed": (
        """On the way back through a layer its weight needs the transpose: dk = dlogits @ W3.T, dz
        = da2 @ W2.T, dh = dmu @ Wm.T + dlogvar @ Wl.T.""",
        {"dk": "dlogits @ W3", "dz": "da2 @ W2", "dh": "dmu @ Wm + dlogvar @ Wl"},
    ),
    "biases_averaged": (
        """The weights are right, but the biases are averaged over the batch: the 1/B is in the
        gradients already, so add up, .sum(axis=0).""",
        biases("{after}.mean(axis=0)"),
    ),
    "biases_of_one_row": (
        """The weights are right, but the gradients of the biases are those of the first example
        alone: all examples share a bias, so add them up, .sum(axis=0).""",
        biases("{after}[0]"),
    ),
    "biases_of_the_last_row": (
        """The weights are right, but the gradients of the biases are those of the last example
        alone: all examples share a bias, so add them up, .sum(axis=0).""",
        biases("{after}[-1]"),
    ),
    "biases_not_summed": (
        """The gradients of the biases have a row for each example; all examples share a bias, so
        add them up, .sum(axis=0).""",
        biases("{after}"),
    ),
    "biases_summed_along_the_wrong_axis": (
        """The gradients of the biases are summed over axis 1, which leaves a number for each
        example; sum over the examples, axis 0, which leaves one for each unit.""",
        biases("{after}.sum(axis=1)"),
    ),
    "biases_with_an_axis_too_many": (
        """The biases' gradients are right, but have an axis of length 1 in front: sum without
        keepdims, so that they have the shape of the biases.""",
        biases("{after}.sum(axis=0, keepdims=True)"),
    ),
    "weights_averaged": (
        """The biases are right, but the gradients of the weights are divided by B once more: the
        1/B is in dlogits and in the KL's parts already; input.T @ gradient adds up.""",
        weights("{input}.T @ {after} / B"),
    ),
    "weights_transposed": (
        """The gradients of the weights are transposed: each must have the shape of its weight,
        (inputs, outputs), so input.T @ gradient, and not gradient.T @ input.""",
        weights("{after}.T @ {input}"),
    ),
    "weights_before_biases": (
        """The gradients are right, but in another order: first all weights, then all biases. The
        order is that of the arguments: dW1, db1, dWm, dbm, dWl, dbl, dW2, db2, dW3, db3.""",
        {"result": "dW1, dWm, dWl, dW2, dW3, db1, dbm, dbl, db2, db3"},
    ),
    "last_layer_first": (
        """The gradients are right, but come as they are found, from the last layer to the first.
        The order is that of the arguments: dW1, db1, dWm, dbm, dWl, dbl, dW2, db2, dW3, db3.""",
        {"result": "dW3, db3, dW2, db2, dWl, dbl, dWm, dbm, dW1, db1"},
    ),
    "last_layer_first_and_mu_before_logvar": (
        """The gradients are right, but come as they are found, from the last layer to the first.
        The order is that of the arguments: dW1 first, with db1, then dWm and so on up to db3.""",
        {"result": "dW3, db3, dW2, db2, dWm, dbm, dWl, dbl, dW1, db1"},
    ),
    "biases_before_weights": (
        """The gradients are right, but each bias stands before its weight. The order is that of
        the arguments: dW1, db1, dWm, dbm, dWl, dbl, dW2, db2, dW3, db3.""",
        {"result": "db1, dW1, dbm, dWm, dbl, dWl, db2, dW2, db3, dW3"},
    ),
    "decoder_first": (
        """The gradients are right, but the decoder's stand before the encoder's. The order is that
        of the arguments: dW1, db1, dWm, dbm, dWl, dbl, dW2, db2, dW3, db3.""",
        {"result": "dW2, db2, dW3, db3, dW1, db1, dWm, dbm, dWl, dbl"},
    ),
    "turned_around": (
        """The gradients are right, but stand in the opposite order, db3 first. The order is that
        of the arguments: dW1, db1, dWm, dbm, dWl, dbl, dW2, db2, dW3, db3.""",
        {"result": "db3, dW3, db2, dW2, dbl, dWl, dbm, dWm, db1, dW1"},
    ),
}

MISTAKES = ENCODER | DECODER | EVERYWHERE
