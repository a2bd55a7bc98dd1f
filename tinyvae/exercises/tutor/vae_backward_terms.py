"""What people get wrong in the terms of `vae_backward`: the loss, the KL, the draw.

Each row of MISTAKES has the sentence that a student is told, and the lines that are wrong; all
others are those of `RIGHT` in `vae_backward.py`.
"""

FRESH = "np.random.default_rng().standard_normal(eps.shape)"

LOSS = {
    "no_batch_mean": (
        """Everything is too large by the batch size: the loss is a mean over the batch, so the
        very first step back divides dloss by B.""",
        {"share": "dloss"},
    ),
    "batch_mean_twice": (
        """Everything is too small by the batch size: it is divided by B twice. The loss is one
        mean over the batch; divide dloss once, and add up from there on.""",
        {"share": "dloss / B**2"},
    ),
    "kl_not_averaged": (
        """The reconstruction's gradient is divided by the batch size, the KL's is not: the mean
        over the batch is taken of both.""",
        {"kl_mu": "dloss * mu", "kl_logvar": "dloss * 0.5 * np.expm1(logvar)"},
    ),
    "reconstruction_not_averaged": (
        """The KL's gradient is divided by the batch size, the reconstruction's is not: the mean
        over the batch is taken of both, dlogits = dloss / B * (p - x).""",
        {"dlogits": "dloss * (p - x)"},
    ),
    "reconstruction_averaged_twice": (
        """The reconstruction's gradient is divided by B twice, the KL's once: dlogits = dloss / B
        * (p - x), and nothing after it divides.""",
        {"dlogits": "share / B * (p - x)"},
    ),
    "averaged_over_the_pixels": (
        """dlogits is divided by the number of pixels, too: log p(x | z) is a sum over them. Only
        over the batch is there a mean.""",
        {"dlogits": "share / D * (p - x)"},
    ),
    "dloss_ignored": (
        """dloss is not used: what comes after the loss multiplies every gradient. In training it
        is 1.0, and nobody would notice. Begin with dloss / B.""",
        {"share": "1.0 / B"},
    ),
    "dloss_ignored_in_the_kl": (
        """The KL's gradients do not use dloss: the loss has two terms, and dloss multiplies
        both.""",
        {"kl_mu": "mu / B", "kl_logvar": "0.5 * np.expm1(logvar) / B"},
    ),
    "dloss_ignored_in_the_reconstruction": (
        """dlogits does not use dloss; the KL's gradients do. dloss multiplies both terms.""",
        {"dlogits": "(p - x) / B"},
    ),
    "kl_as_it_stands_alone": (
        """The KL's gradients are mu and (exp(logvar) - 1) / 2, as for the KL alone: in the loss it
        stands under a mean over the batch, and before dloss. Multiply them by dloss / B.""",
        {"kl_mu": "mu", "kl_logvar": "0.5 * np.expm1(logvar)"},
    ),
    "everything_turned_around": (
        """Everything has the wrong sign: these are the gradients of the bound, log p(x | z) - KL.
        The loss is minus its mean.""",
        {"share": "-dloss / B"},
    ),
}

RECONSTRUCTION = {
    "reconstruction_turned_around": (
        """dlogits has the wrong sign: x - p is the gradient of log p(x | z), and the loss has a
        minus before it. dlogits = dloss / B * (p - x).""",
        {"dlogits": "share * (x - p)"},
    ),
    "logits_for_probabilities": (
        """dlogits has the logits themselves where the probabilities belong: p = 1 / (1 +
        exp(-logits)), and dlogits = dloss / B * (p - x).""",
        {"p": "logits"},
    ),
    "slope_of_the_sigmoid_too": (
        """dlogits is multiplied by p (1 - p), the slope of the sigmoid. That is in p - x already:
        the likelihood of the logits is differentiated in one step, without p in between.""",
        {"dlogits": "share * (p - x) * p * (1 - p)"},
    ),
    "target_forgotten": (
        """dlogits lacks the data: it is p - x, which is 0 where the picture is explained.""",
        {"dlogits": "share * p"},
    ),
    "h_for_k_above_the_decoder": (
        """dW3 is made with h, the encoder's hidden layer; what W3 multiplies is k, the decoder's:
        dW3 = k.T @ dlogits.""",
        {"dW3": "h.T @ dlogits"},
    ),
    "W3_not_transposed": (
        """dk = dlogits @ W3 needs the transpose: forward, W3 leads from k to logits, so the
        gradient comes back by dlogits @ W3.T.""",
        {"dk": "dlogits @ W3"},
    ),
}

DRAW = {
    "eps_forgotten": (
        """On the way from z to logvar eps is missing: z = mu + sigma eps, so dz/dlogvar = sigma
        eps / 2.""",
        {"slope": "0.5 * sigma"},
    ),
    "eps_drawn_anew": (
        """You drew another eps for the way back: dlogvar must have the eps that z was made of, and
        every call of the function the same result.""",
        {"slope": f"0.5 * sigma * {FRESH}"},
    ),
    "z_for_eps": (
        """On the way from z to logvar z stands where eps belongs: what sigma multiplies in z = mu
        + sigma eps is eps, so dz/dlogvar = sigma eps / 2.""",
        {"slope": "0.5 * sigma * z"},
    ),
    "eps_without_sign": (
        """On the way from z to logvar eps has lost its sign: where it is negative, a larger sigma
        moves z down. dz/dlogvar = sigma eps / 2.""",
        {"slope": "0.5 * sigma * abs(eps)"},
    ),
    "half_forgotten": (
        """On the way from z to logvar the factor 1/2 is missing: sigma = exp(logvar / 2), so
        dz/dlogvar = sigma eps / 2.""",
        {"slope": "sigma * eps"},
    ),
    "stopped_at_sigma": (
        """On the way from z to logvar you stopped at sigma: dz * eps is dsigma. One step is
        missing, dsigma/dlogvar = sigma / 2.""",
        {"slope": "eps"},
    ),
    "sigma_forgotten": (
        """On the way from z to logvar sigma is missing: the derivative of exp(logvar / 2) is
        exp(logvar / 2) / 2, the exponential stays. dz/dlogvar = sigma eps / 2.""",
        {"slope": "0.5 * eps"},
    ),
    "variance_for_sigma": (
        """On the way from z to logvar exp(logvar) stands for sigma, and is the variance: sigma =
        exp(logvar / 2), so dz/dlogvar = sigma eps / 2.""",
        {"slope": "0.5 * np.exp(logvar) * eps"},
    ),
    "variance_for_sigma_and_its_slope": (
        """On the way from z to logvar you took exp(logvar) eps, as if sigma were exp(logvar). It
        is exp(logvar / 2): the slope is sigma eps / 2.""",
        {"slope": "np.exp(logvar) * eps"},
    ),
    "draw_turned_around": (
        """On the way from z to logvar the sign is wrong: in z = mu + sigma eps there is no
        minus.""",
        {"slope": "-0.5 * sigma * eps"},
    ),
    "mu_scaled": (
        """On the way from z to mu there is a factor sigma; z = mu + sigma eps moves just as far as
        mu does, so dz goes to mu as it is.""",
        {"dmu": "dz * sigma + kl_mu"},
    ),
    "no_path_to_logvar": (
        """dlogvar has the KL alone: logvar decides how far the draw goes, so the reconstruction
        sends something back, too, dz * sigma * eps / 2.""",
        {"dlogvar": "kl_logvar"},
    ),
    "no_path_to_mu": (
        """dmu has the KL alone: the draw z = mu + sigma eps moves with mu, so dz goes to mu as it
        is.""",
        {"dmu": "kl_mu"},
    ),
    "no_path_through_the_draw": (
        """dmu and dlogvar have the KL alone: the reconstruction stops at z. The draw moves with
        both: add dz to dmu, and dz * sigma * eps / 2 to dlogvar.""",
        {"dmu": "kl_mu", "dlogvar": "kl_logvar"},
    ),
}

KL = {
    "no_kl": (
        """The decoder is right, but the KL sends nothing back: mu and logvar are read in two
        places, by the draw and by the KL. Add mu / B to dmu, and (exp(logvar) - 1) / 2B to
        dlogvar, times dloss.""",
        {"dmu": "dz", "dlogvar": "dz * slope"},
    ),
    "no_kl_in_dmu": (
        """dmu lacks the KL's part: mu is read by the draw and by the KL. Add dloss / B * mu.""",
        {"dmu": "dz"},
    ),
    "no_kl_in_dlogvar": (
        """dlogvar lacks the KL's part: logvar is read by the draw and by the KL. Add dloss / B *
        (exp(logvar) - 1) / 2.""",
        {"dlogvar": "dz * slope"},
    ),
    "kl_turned_around": (
        """The gradients of the KL have the wrong sign: the loss is -log p(x | z) plus the KL.""",
        {"kl_mu": "-share * mu", "kl_logvar": "-share * 0.5 * np.expm1(logvar)"},
    ),
    "kl_turned_around_in_dmu": (
        """The KL's part of dmu has the wrong sign: mu² / 2 pulls mu to 0, so descent needs +
        mu.""",
        {"kl_mu": "-share * mu"},
    ),
    "kl_turned_around_in_dlogvar": (
        """The KL's part of dlogvar has the wrong sign: it is (exp(logvar) - 1) / 2, above 0 where
        the variance is above 1.""",
        {"kl_logvar": "-share * 0.5 * np.expm1(logvar)"},
    ),
    "kl_minus_one_forgotten": (
        """The KL's part of dlogvar lacks its -1: the term -logvar / 2 has a derivative, too. It is
        (exp(logvar) - 1) / 2, and 0 at logvar = 0.""",
        {"kl_logvar": "share * 0.5 * np.exp(logvar)"},
    ),
    "kl_plus_one": (
        """The KL's part of dlogvar has +1 for -1: the term is -logvar / 2, so it is (exp(logvar) -
        1) / 2, and 0 at logvar = 0.""",
        {"kl_logvar": "share * 0.5 * (np.exp(logvar) + 1)"},
    ),
    "kl_half_forgotten_in_dlogvar": (
        """The KL's part of dlogvar lacks the factor 1/2: it is (exp(logvar) - 1) / 2. In dmu the
        1/2 goes with the square; here nothing takes it away.""",
        {"kl_logvar": "share * np.expm1(logvar)"},
    ),
    "kl_half_forgotten": (
        """The KL's parts are twice too large: the KL has a factor 1/2 in front. mu² / 2 gives mu,
        and exp(logvar) / 2 - logvar / 2 gives (exp(logvar) - 1) / 2.""",
        {"kl_mu": "share * 2 * mu", "kl_logvar": "share * np.expm1(logvar)"},
    ),
    "kl_half_of_mu": (
        """The KL's part of dmu is half of what it should be: mu² / 2 has the derivative mu.""",
        {"kl_mu": "share * 0.5 * mu"},
    ),
    "kl_twice_mu": (
        """The KL's part of dmu is 2 mu, the derivative of mu²; the KL has mu² / 2, which gives
        mu.""",
        {"kl_mu": "share * 2 * mu"},
    ),
    "kl_z_for_mu": (
        """The KL's part of dmu has z where mu belongs: the closed form of the KL has mu² / 2, no
        draw.""",
        {"kl_mu": "share * z"},
    ),
    "kl_in_sigma": (
        """The KL's part of dlogvar is sigma - 1 / sigma, the derivative in sigma. One step is
        missing, dsigma/dlogvar = sigma / 2: then it is (exp(logvar) - 1) / 2.""",
        {"kl_logvar": "share * (sigma - 1 / sigma)"},
    ),
    "kl_sigma_for_variance": (
        """The KL's part of dlogvar has sigma where sigma² belongs: exp(logvar) is the variance,
        and its derivative is exp(logvar) again: (exp(logvar) - 1) / 2.""",
        {"kl_logvar": "share * 0.5 * (sigma - 1)"},
    ),
    "kl_variance_squared": (
        """The KL's part of dlogvar has exp(logvar)² or exp(2 logvar); exp(logvar) is the variance
        already: (exp(logvar) - 1) / 2.""",
        {"kl_logvar": "share * 0.5 * np.expm1(2 * logvar)"},
    ),
    "kl_averaged_over_the_latents": (
        """The KL's parts are divided by the number of latents: the KL is a sum over them. Only
        over the batch is there a mean.""",
        {"kl_mu": "share / Z * mu", "kl_logvar": "share / Z * 0.5 * np.expm1(logvar)"},
    ),
}

MISTAKES = KL | DRAW | RECONSTRUCTION | LOSS
