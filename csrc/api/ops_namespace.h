// Where torch has the ops: torch.ops.saln. A copy that loads beside this package has a namespace of its own, which the
// compiler's command line names (tools/hub_layout.py).
#pragma once
#ifndef SALN_OPS_NAMESPACE
#define SALN_OPS_NAMESPACE saln
#endif
