// The operators of zero-copy programs for an ExecuTorch runtime without any other kernels.
#pragma once
#include <executorch/runtime/core/error.h>

namespace pocketlm {

// Call it once the runtime is initialised and before a program is loaded; further calls change nothing.
// A process that has the stock kernels too is ended by the runtime's registry, which takes none twice.
executorch::runtime::Error register_lean_kernels();

}  // namespace pocketlm
