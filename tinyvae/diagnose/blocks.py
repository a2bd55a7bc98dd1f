"""The arguments as named blocks: arrays, entries of dicts, and the views of a flat vector."""

from tinyvae.protocol import argument_names, float64


class Blocks:
    """The arguments, in float64, and every block of them by its name.

    TypeError or ValueError for arguments that are not float64, or not finite.
    """

    def __init__(self, fn, args, layout=None):
        self.names = argument_names(fn, len(args))
        self.args = [float64(name, arg) for name, arg in zip(self.names, args, strict=True)]
        self.layout = layout

    def of(self, args):
        """(name, place, block) for every block of arguments, or of their gradients."""
        for k, (name, arg) in enumerate(zip(self.names, args, strict=True)):
            if isinstance(self.args[k], dict):
                prefix = "{}" if len(self.args) == 1 else name + "[{!r}]"
                for key in self.args[k]:
                    yield prefix.format(key), (k, key), None if arg is None else arg[key]
            elif self.layout is not None and k == 0:
                for key in self.layout.shapes:
                    view = None if arg is None else self.layout.views(arg)[key]
                    yield key, (k, key), view
            else:
                yield name, (k, None), arg

    def placed(self, place, block):
        """The arguments with another block in that place."""
        args, (k, key) = list(self.args), place
        if key is None:
            args[k] = block
        elif isinstance(args[k], dict):
            args[k] = args[k] | {key: block}
        else:
            args[k] = self.layout.flatten(self.layout.views(args[k]) | {key: block})
        return args
