"""Is this machine set up well? What NumPy's matrix products run on, and what would run faster.

Most of a training step is matrix products, and these are not NumPy's work but a BLAS's, a library
that comes with it. How fast it is depends on which of its kernels it takes, on how many threads
it starts, and on environment variables that it reads once, while NumPy is being imported. So
nothing is changed here: what may help is tried in processes of its own, and said.

    blas      which library it is, and what it says of itself
    machine   the processor, its flags, the cores that are ours, the variables that are set
    kernels   do the kernels use what the processor has?
    threads   do the threads fit the cores?
    measure   what another setting is worth, by two seconds of matrix products
    report    all of it in lines
"""
