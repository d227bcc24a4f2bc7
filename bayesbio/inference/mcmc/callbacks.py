"""C callbacks around PyTensor functions that are compiled on disk already."""

from typing import Any

import numba
import numpy as np
from numba import types
from numba.core import cgutils, imputils
from numba.extending import intrinsic
from numba.np import arrayobj

# size, coordinates, gradient, value, unused -> code
DENSITY = types.int64(
    types.uint64,
    types.CPointer(types.double),
    types.CPointer(types.double),
    types.CPointer(types.double),
    types.voidptr,
)
# size, size of the values, coordinates, values, unused -> code
EXPANSION = types.int64(
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
    call, held = _caller(function)

    def evaluate(length: Any, x: Any, gradient: Any, value: Any, unused: Any) -> int:
        if length != size:
            return -1
        try:
            found, slopes = call(numba.carray(x, (size,)))
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

    return _keeping(function, held, numba.cfunc(DENSITY)(evaluate))


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
    call, held = _caller(function)

    def expand(length: Any, expanded: Any, x: Any, values: Any, unused: Any) -> int:
        if length != size or expanded != expanded_size:
            return -1
        try:
            (found,) = call(numba.carray(x, (size,)))
            for i in range(expanded_size):
                values[i] = found[i]
        except Exception:
            return -2
        return 0

    return _keeping(function, held, numba.cfunc(EXPANSION)(expand))


def _caller(function: Any) -> tuple[Any, dict[str, list[np.ndarray]]]:
    """
    Make a function for numba that calls PyTensor's machine code by address; and the shared data.

    Calling the dispatcher itself from the callback would link the whole model into the callback,
    which numba then compiles again in every process (11 s for eight fed-batch runs). The shared
    data are read where they lie in memory, so that they can be changed without compiling again.
    """
    dispatcher = function.vm.jit_fn
    variables = function.get_shared()
    shared = [np.array(variable.get_value(), order="C", copy=True) for variable in variables]
    vector = types.Array(types.float64, 1, "C")
    dispatcher.get_call_template((vector, *(numba.typeof(values) for values in shared)), {})
    compiled = dispatcher.overloads[dispatcher.signatures[-1]]
    address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
    returned, taken = compiled.signature.return_type, compiled.signature.args
    (packed,) = taken  # the point and the shared data, as one tuple

    @intrinsic
    def call_address(typing_context: Any, point: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            kind = context.call_conv.get_function_type(returned, taken)
            place = context.get_constant(types.uintp, address)
            target = builder.inttoptr(place, kind.as_pointer())
            first, *others = packed.types
            given = [context.cast(builder, values[0], signature.args[0], first)]
            given += [
                _view(context, builder, kind_of, array)
                for kind_of, array in zip(others, shared, strict=True)
            ]
            status, found = context.call_conv.call_function(
                builder, target, returned, taken, [context.make_tuple(builder, packed, given)]
            )
            with cgutils.if_unlikely(builder, status.is_error):
                context.call_conv.return_status_propagate(builder, status)
            return imputils.impl_ret_new_ref(context, builder, returned, found)

        return returned(point), generate

    held: dict[str, list[np.ndarray]] = {}
    for variable, array in zip(variables, shared, strict=True):
        held.setdefault(variable.name or "", []).append(array)
    return call_address, held


def _view(context: Any, builder: Any, kind: Any, array: np.ndarray) -> Any:
    """Look at an array where it lies in memory; the caller keeps it alive."""
    view = context.make_array(kind)(context, builder)
    place = context.get_constant(types.uintp, array.ctypes.data)
    arrayobj.populate_array(
        view,
        data=builder.inttoptr(place, view.data.type),
        shape=[context.get_constant(types.intp, length) for length in array.shape],
        strides=[context.get_constant(types.intp, stride) for stride in array.strides],
        itemsize=context.get_constant(types.intp, array.itemsize),
        meminfo=None,
    )
    return view._getvalue()


def _keeping(function: Any, held: dict[str, list[np.ndarray]], callback: Any) -> Any:
    """Let a callback own the function whose machine code it calls, and the data it reads."""
    callback.calls, callback.held = function, held
    return callback
