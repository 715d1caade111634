// One candidate at a time: rows in, positions and gains out, for the instruction set this file is compiled for.
#include "cpu/greedy_k_center.h"
#include "cpu/greedy_logdet.h"
#include "cpu/greedy_maxvol.h"

namespace saln {
inline namespace SALN_VARIANT {
namespace {

template <class T>
class Worker {
 public:
  Worker(const Problem& problem, const GreedyTask& task, const Team& team, Arena& arena)
      : problem_(problem), task_(task), team_(team), arena_(arena) {
    const int64_t b = problem.size;
    rows_.row = arena.take<int64_t>(b);
    rows_.position = arena.take<int32_t>(b);
    rows_.aside = arena.take<int32_t>(b);
    taken_ = arena.take<bool>(b);
    chosen_ = arena.take<int>(task.size);
    gains_ = arena.take<T>(task.size);
  }

  // Without results, only lays out memory.
  void run(int64_t c, const GreedyResults* results) {
    if (results) rows_.read(problem_, c);
    switch (task_.method) {
      case Greedy::logdet: {
        LogDet<T> method(problem_, task_, rows_, team_, arena_);
        if (results) put(c, *results, ready() ? method.run(chosen_, gains_) : -1, method.nothing());
        break;
      }
      case Greedy::maxvol: {
        MaxVol<T> method(problem_, task_, rows_, arena_);
        if (results) put(c, *results, ready() ? method.run(chosen_, gains_) : -1, method.nothing());
        break;
      }
      case Greedy::k_center: {
        KCenter<T> method(problem_, task_, rows_, team_, arena_);
        const int64_t start = task_.starts && results ? task_.starts[c] : 0;
        if (results) put(c, *results, ready() ? method.run(start, chosen_, gains_) : -1, method.nothing());
        break;
      }
    }
  }

 private:
  bool ready() const { return rows_.valid && rows_.n > 0; }

  // Rows of no more gain complete the picks, lowest first, then those set aside.
  void put(int64_t c, const GreedyResults& results, int found, T nothing) {
    int64_t* positions = results.positions + c * task_.size;
    T* gains = static_cast<T*>(results.gains) + c * task_.size;
    const bool bad = found < 0 && (rows_.n > 0 || !rows_.valid);
    for (int64_t i = 0; i < rows_.n; ++i) taken_[i] = false;
    int64_t s = 0;
    for (; s < found; ++s) {
      positions[s] = rows_.position[chosen_[s]];
      gains[s] = gains_[s];
      taken_[chosen_[s]] = true;
    }
    for (int64_t i = 0; !bad && i < rows_.n && s < task_.size; ++i) {
      if (taken_[i]) continue;
      positions[s] = rows_.position[i];
      gains[s++] = nothing;
    }
    for (int i = 0; !bad && i < rows_.n_aside && s < task_.size; ++i) {
      positions[s] = rows_.aside[i];
      gains[s++] = std::numeric_limits<T>::quiet_NaN();
    }
    for (; s < task_.size; ++s) {
      positions[s] = -1;
      gains[s] = bad ? std::numeric_limits<T>::quiet_NaN() : T(0);
    }
  }

  const Problem& problem_;
  const GreedyTask& task_;
  const Team& team_;
  Arena& arena_;
  GreedySelection rows_;
  bool* taken_;
  int* chosen_;
  T* gains_;
};

template <class T>
size_t work(const Problem& problem, const GreedyTask& task, const GreedyResults* results, const Team& team, int64_t c,
            char* workspace) {
  Arena arena(workspace);
  Worker<T>(problem, task, team, arena).run(c, results);
  return arena.used();
}

size_t workspace_bytes(const Problem& problem, const GreedyTask& task) {
  const Team alone;
  return is_wide(problem) ? work<double>(problem, task, nullptr, alone, 0, nullptr)
                          : work<float>(problem, task, nullptr, alone, 0, nullptr);
}

void run(const Problem& problem, const GreedyTask& task, const GreedyResults& results, const Team& team, int64_t c,
         char* workspace) {
  is_wide(problem) ? work<double>(problem, task, &results, team, c, workspace)
                   : work<float>(problem, task, &results, team, c, workspace);
}

}  // namespace

#define SALN_STRING_(x) #x
#define SALN_STRING(x) SALN_STRING_(x)
extern const GreedyKernels greedy_variant;
const GreedyKernels greedy_variant = {SALN_STRING(SALN_VARIANT), workspace_bytes, run};

}  // namespace SALN_VARIANT
}  // namespace saln
