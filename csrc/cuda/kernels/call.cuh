// What a launch is given.
#pragma once
#include "core/plan.h"

namespace saln::device {

// The plan's decisions, without its words.
struct Choice {
  Need need = Need::nothing;
  Solver solver = Solver::exact;
  Side side = Side::gram;
  bool transforms = false;  // the matrix is more than products of rows, or entries, as they come
  bool fiedler = false, vectors = false;
  int order = 0;  // of the matrix that is solved
  int count = 0;  // leading eigenvalues computed
  int n_iter = 0;
  int parts = 0;                 // of the columns, by which gram/split_gram.cuh formed the Gram matrix; 0: it did not
  bool in_panels = false;        // the Gram matrix is formed by gram/unit_panels.cuh
  bool near_is_shared = true;    // vectors of a candidate lie in shared memory, not in the workspace
  bool basis_is_shared = false;  // the Krylov basis takes the place of the Gram stages
  bool in_registers = false;     // a shared matrix is taken into registers to be solved; Lanczos' basis is shared then
};

struct Call {
  Problem problem;
  int64_t first = 0;  // candidate of the launch
  Task task;
  Results results;
  Choice choice;
  char* workspace = nullptr;
  int64_t workspace_stride = 0;  // bytes from one block's to the next
  float* parts = nullptr;        // those of the launch's candidates, one after the other
};

}  // namespace saln::device
