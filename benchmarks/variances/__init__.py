"""Gradients' means and variances by many samples, as a user of each package would find them."""
