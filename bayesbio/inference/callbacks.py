"""C callbacks around PyTensor functions that are compiled on disk already."""

from typing import Any

import numba
import numpy as np
from numba import types
from numba.core import cgutils, imputils
from numba.extending import intrinsic

# size, coordinates, gradient, value, unused -> code
_DENSITY = types.int64(
    types.uint64,
    types.CPointer(types.double),
    types.CPointer(types.double),
    types.CPointer(types.double),
    types.voidptr,
)
# size, size of the values, coordinates, values, unused -> code
_EXPANSION = types.int64(
    types.uint64,
    types.uint64,
    types.CPointer(types.double),
    types.CPointer(types.double),
    types.voidptr,
)


def density_callback(function: Any, size: int) -> Any:
    """
    Wrap a function of PyTensor as the log density that nutpie calls.

    Parameters
    ----------
    function : pytensor Function in numba mode
        Unconstrained vector -> log density, gradient.
    size : int
        Length of the vector.

    Returns
    -------
    numba CFunc
        ``code = f(size, x, gradient, value, unused)``; codes as nutpie's: 0 sound, 1 the function
        raised, 3 the gradient and 4 the value is not finite.
    """
    call, shared = _caller(function)

    def evaluate(length: Any, x: Any, gradient: Any, value: Any, unused: Any) -> int:
        if length != size:
            return -1
        try:
            found, slopes = call((numba.carray(x, (size,)),) + shared)
            value[0] = found.item()
            sound = True
            for i in range(size):
                gradient[i] = slopes[i]
                sound &= np.isfinite(slopes[i])
            if not sound:
                return 3
            if not np.isfinite(value[0]):
                return 4
        except Exception:
            return 1
        return 0

    return _keeping(function, numba.cfunc(_DENSITY)(evaluate))


def expansion_callback(function: Any, size: int, expanded_size: int) -> Any:
    """
    Wrap a function of PyTensor as the expansion that nutpie calls for each draw.

    Parameters
    ----------
    function : pytensor Function in numba mode
        Unconstrained vector -> every value to store, in one vector.
    size, expanded_size : int
        Lengths of the two vectors.

    Returns
    -------
    numba CFunc
        ``code = f(size, expanded_size, x, values, unused)``; 0 is sound.
    """
    call, shared = _caller(function)

    def expand(length: Any, expanded: Any, x: Any, values: Any, unused: Any) -> int:
        if length != size or expanded != expanded_size:
            return -1
        try:
            (found,) = call((numba.carray(x, (size,)),) + shared)
            for i in range(expanded_size):
                values[i] = found[i]
        except Exception:
            return -2
        return 0

    return _keeping(function, numba.cfunc(_EXPANSION)(expand))


def _caller(function: Any) -> tuple[Any, tuple[np.ndarray, ...]]:
    """
    Make a function for numba that calls PyTensor's machine code by address; and the shared data.

    Calling the dispatcher itself from the callback would link the whole model into the callback,
    which numba then compiles again in every process (11 s for eight fed-batch runs).
    """
    dispatcher = function.vm.jit_fn
    shared = tuple(_read_only(variable.get_value()) for variable in function.get_shared())
    vector = types.Array(types.float64, 1, "C")
    dispatcher.get_call_template((vector, *(numba.typeof(values) for values in shared)), {})
    compiled = dispatcher.overloads[dispatcher.signatures[-1]]
    address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
    returned, taken = compiled.signature.return_type, compiled.signature.args

    @intrinsic
    def call_address(typing_context: Any, arguments: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            kind = context.call_conv.get_function_type(returned, taken)
            place = context.get_constant(types.uintp, address)
            target = builder.inttoptr(place, kind.as_pointer())
            packed = [context.cast(builder, values[0], signature.args[0], taken[0])]
            status, found = context.call_conv.call_function(
                builder, target, returned, taken, packed
            )
            with cgutils.if_unlikely(builder, status.is_error):
                context.call_conv.return_status_propagate(builder, status)
            return imputils.impl_ret_new_ref(context, builder, returned, found)

        return returned(arguments), generate

    return call_address, shared


def _keeping(function: Any, callback: Any) -> Any:
    """Let a callback own the function whose machine code it calls."""
    callback.calls = function
    return callback


def _read_only(values: Any) -> np.ndarray:
    copy = np.array(values, order="C", copy=True)
    copy.flags.writeable = False
    return copy
