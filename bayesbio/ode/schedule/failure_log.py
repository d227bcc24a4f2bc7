"""
Log of failed solutions that compiled code writes from several threads at once.

One vector of floats: the number of tape rows that runs have needed, counts of the codes 1 to 3, the
number of records, then records of (run, values) in a ring. Counts are added by atomic instructions
and a record belongs to one thread, so that a message never mixes the run of one chain with the
parameters of another.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

CAPACITY, RECORDS, FIRST = 0, 4, 5  # where the parts of a log begin; counts stand at their code
RING = 8  # records that are kept


@intrinsic
def add_atomically(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
    """Add to an entry of a float array in one instruction; gives the entry before."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = make_array(signature.args[0])(context, builder, arguments[0])
        position = context.cast(builder, arguments[1], signature.args[1], types.intp)
        pointer = cgutils.get_item_pointer(
            context, builder, signature.args[0], data, [position], wraparound=False
        )
        assert isinstance(arguments[2].type, ir.DoubleType)
        return builder.atomic_rmw("fadd", pointer, arguments[2], "monotonic")

    return types.float64(array, index, types.float64), generate
