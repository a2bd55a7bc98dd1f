"""The gradient check of a whole VAE, by tinyvae and by PyTorch."""
