// What a greedy call does, reads and costs: host arithmetic on shapes, as in core/plan.h.
#pragma once
#include <string>

#include "core/greedy.h"

namespace saln {

struct GreedyPlan {
  bool pairs = false;             // all similarities at once, else those with a chosen row
  int64_t picks = 0;              // of each candidate, at most
  double products = 0, rest = 0;  // operations of the whole call: on rows; on what was made of them
  double bytes = 0;               // of rows read, from wherever they are cached
  double rows_bytes = 0;          // of the same rows, each read once
  double seconds = 0;             // predicted, from nominal rates of one core
  std::string reason;
};

GreedyPlan make_greedy_plan(const Problem& problem, const GreedyTask& task, bool pairs, int vector_bytes, int threads);

const char* solver_of(Greedy method);

}  // namespace saln
