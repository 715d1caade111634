// Threads for the loops inside one candidate, where there are fewer candidates than threads.
#pragma once
#include <cstdint>

namespace saln {

// The threads that share the loops inside one candidate; the default is the calling thread alone.
struct Team {
  // Calls body(context, begin, end) on ranges of [0, count) of at least `grain`, and returns when all are done.
  void (*share)(int64_t count, int64_t grain, void (*body)(void*, int64_t, int64_t), void* context) = nullptr;

  template <class Body>
  void run(int64_t count, int64_t grain, const Body& body) const {
    if (!share || count <= grain) {
      body(int64_t(0), count);
      return;
    }
    share(
        count, grain,
        [](void* context, int64_t begin, int64_t end) { (*static_cast<const Body*>(context))(begin, end); },
        const_cast<void*>(static_cast<const void*>(&body)));
  }
};

// Those that torch has.
Team everyone();

}  // namespace saln
