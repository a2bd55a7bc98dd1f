"""The exercises of chapters 5 to 12, by name and in order; each is a module in `tutor/`."""

LATER = {
    5: (
        "gaussian_score",
        "score_function",
        "leave_one_out",
        "optimal_baseline",
        "bernoulli_score_function",
    ),
    6: ("mean_and_error", "exact_variances"),
    7: ("exponential_rsample", "implicit_gamma", "gumbel_softmax_backward"),
    8: (
        "bernoulli_log_prob",
        "gaussian_log_prob",
        "gaussian_kl",
        "sampled_kl",
        "negative_elbo",
        "hidden_beta",
    ),
    9: ("adam_step", "vae_backward", "reconstruct_and_sample"),
    10: ("iwae_weights", "iwae_backward", "active_units", "add_chunk"),
    11: ("objective_oracle",),
    12: ("merge_moments", "combine_shards"),
}
