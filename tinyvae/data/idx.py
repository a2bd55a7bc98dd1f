"""The IDX format of MNIST's files, read strictly.

Four bytes 0, 0, type, number of dimensions; each dimension's size as a big-endian uint32; the
values, big-endian and row-major; and nothing after them (http://yann.lecun.com/exdb/mnist).
"""

import gzip
import zlib
from math import prod
from pathlib import Path

import numpy as np

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path):
    """The array in an IDX file, gzipped or not (told by its first bytes), in native byte order.

    Raises ValueError, naming the file, if it is damaged, cut short, too long or not IDX at all.
    """
    data = Path(path).read_bytes()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path}: the gzip file is damaged or cut short ({error})") from error
    if len(data) < 4:
        raise ValueError(f"{path}: not an IDX file: {len(data)} bytes, expected at least 4")
    if data[:2] != b"\0\0" or data[2] not in TYPES or data[3] == 0:
        raise ValueError(
            f"{path}: not an IDX file: it begins with {data[:4].hex(' ')}, expected 00 00,"
            f" a type ({', '.join(f'{code:02x}' for code in TYPES)}) and how many dimensions"
        )
    dtype = np.dtype(TYPES[data[2]])
    header = 4 + 4 * data[3]
    if len(data) < header:
        raise ValueError(f"{path}: cut short in its header: {len(data)} of {header} bytes")
    shape = tuple(int.from_bytes(data[i : i + 4], "big") for i in range(4, header, 4))
    expected = header + prod(shape) * dtype.itemsize
    if len(data) != expected:
        fault = "cut short" if len(data) < expected else "too long"
        raise ValueError(
            f"{path}: {fault}: {len(data)} bytes, but {dtype.name} of shape {shape}"
            f" takes {expected}"
        )
    return np.frombuffer(data, dtype, offset=header).reshape(shape).astype(dtype.newbyteorder("="))
