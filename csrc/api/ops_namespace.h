// Where torch has the ops: torch.ops.saln. A copy that loads beside this package has a namespace of its own, which the
// compiler's command line names (tools/hub_layout.py).
#pragma once
#ifndef SALN_OPS_NAMESPACE
#define SALN_OPS_NAMESPACE saln
#endif

// PyTorch 2.10's macros take their arguments as they are written: they are given what the name stands for.
#define SALN_EXPANDED(macro, ...) macro(__VA_ARGS__)
#define SALN_LIBRARY(m) SALN_EXPANDED(STABLE_TORCH_LIBRARY, SALN_OPS_NAMESPACE, m)
#define SALN_LIBRARY_FRAGMENT(m) SALN_EXPANDED(STABLE_TORCH_LIBRARY_FRAGMENT, SALN_OPS_NAMESPACE, m)
#define SALN_LIBRARY_IMPL(k, m) SALN_EXPANDED(STABLE_TORCH_LIBRARY_IMPL, SALN_OPS_NAMESPACE, k, m)
