"""
How generated functions reach machine code: once each, not once for every function that calls them.

By itself numba optimises a function and makes machine code of it, then does both again as a part of
every function that calls it. The functions inside a solver are only ever called by one another, so
`InnerCompiler` leaves that work to the outermost one; and what calls a solver from outside finds it
under a symbol (`entry_by_symbol`), so that there is one copy of its machine code in a process.
All that bayesbio knows of numba's inner workings when it compiles a model is in this file.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding
from numba import _dynfunc  # type: ignore[attr-defined]
from numba.core import cgutils, imputils
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering
from numba.extending import intrinsic

__all__ = ["InnerCompiler", "entry_by_symbol"]


def entry_by_symbol(dispatcher: Any, symbol: str, arguments: tuple[Any, ...]) -> Any:
    """
    Make a function for compiled code that calls an entry of a solver under a symbol.

    Parameters
    ----------
    dispatcher : numba dispatcher
        The entry; it is compiled, or loaded from numba's cache.
    symbol : str
        A name that stays the same from process to process, as callers are cached with it.
    arguments : tuple of numba types
        What the entry takes; given to the function as one tuple of exactly these types.

    Returns
    -------
    numba intrinsic
    """
    dispatcher.compile(arguments)
    entry = dispatcher.overloads[arguments]
    address = entry.library.get_pointer_to_function(entry.fndesc.llvm_func_name)
    llvmlite.binding.add_symbol(symbol, address)
    returned = entry.signature.return_type

    @intrinsic
    def call(typing_context: Any, given: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            kind = context.call_conv.get_function_type(returned, arguments)
            target = cgutils.get_or_insert_function(builder.module, kind, symbol)
            passed = cgutils.unpack_tuple(builder, values[0])
            status, found = context.call_conv.call_function(
                builder, target, returned, arguments, passed
            )
            with cgutils.if_unlikely(builder, status.is_error):
                context.call_conv.return_status_propagate(builder, status)
            return imputils.impl_ret_new_ref(context, builder, returned, found)

        if tuple(given.types) != tuple(arguments):
            raise TypeError(f"{symbol} takes {arguments}, and was given {given.types}")
        return returned(given), generate

    return call


@register_pass(mutates_CFG=True, analysis_only=False)
class InnerLowering(NativeLowering):
    """Lower to LLVM code that a caller links in: neither optimised nor made machine code here."""

    _name = "inner_lowering"

    def run_pass(self, state: Any) -> bool:
        """Lower as numba does, up to the optimisation of the whole."""
        library = state.targetctx.codegen().create_library(state.func_id.func_qualname)
        library.enable_object_caching()

        def finalize() -> None:
            library._finalize_dynamic_globals()
            library._finalized = True

        library._optimize_final_module = lambda: None
        library._finalize_final_module = finalize
        state.library = library
        state.flags.no_compile = True
        super().run_pass(state)
        described, environment = state["cr"].fndesc, state["cr"].env
        entry = _dynfunc.make_function(  # without an address: nothing calls it from Python
            described.lookup_module(), described.unique_name, "", 0, environment, (library,)
        )
        state.targetctx.insert_user_function(entry, described, [library])
        state["cr"] = state["cr"]._replace(cfunc=entry)
        return True


class InnerCompiler(CompilerBase):
    """numba's compiler of typed code, with `InnerLowering` for its lowering."""

    def define_pipelines(self) -> list[Any]:
        """List the passes of numba's own compiler, with the lowering replaced."""
        manager = DefaultPassBuilder.define_nopython_pipeline(self.state)
        manager.passes = [
            (InnerLowering if step is NativeLowering else step, why) for step, why in manager.passes
        ]
        manager.finalize()
        return [manager]
