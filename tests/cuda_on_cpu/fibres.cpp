#include "fibres.h"

#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/tsan_interface.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace saln::simulator {

Thread* current = nullptr;
int threads = 0, grid = 0;
char* shared = nullptr;
size_t shared_bytes = 0;

namespace {

constexpr size_t kStack = 256 << 10, kGuard = 64 << 10;
constexpr int kMaxWarps = 32;

struct Warp {
  int arrived = 0, returned = 0;
  const char* what = nullptr;  // they wait for, and where
  Where where;
  unsigned meetings = 0;
  Slot said[2][32];  // in turn: a slow lane may still be reading what the lanes said last time
  char order[2];     // ThreadSanitizer knows a barrier by these addresses
};

Warp warps[kMaxWarps];
int warps_arrived, returned;  // of the block
char block_order[2];
unsigned block_meetings;
bool backward;
char all_done;

Thread host;
[[maybe_unused]] const void* host_stack = nullptr;
[[maybe_unused]] size_t host_stack_bytes = 0;
void (*body)(void*, char*);
void* context;

Thread *first_ready, *last_ready;

void make_ready(Thread* t) {
  t->next = nullptr;
  (first_ready ? last_ready->next : first_ready) = t;
  last_ready = t;
}

#if defined(__x86_64__)
// Saves what a call preserves, and goes on where the other stack was left. (swapcontext would ask the kernel for the
// signal mask every time.)
__attribute__((naked, noinline)) void exchange_stacks(void** /*leave*/, void* /*enter*/) {
  asm("push %rbp\n push %rbx\n push %r12\n push %r13\n push %r14\n push %r15\n"
      "mov %rsp, (%rdi)\n mov %rsi, %rsp\n"
      "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbx\n pop %rbp\n ret");
}

void prepare_stack(Thread& t, void (*entry)()) {
  void** top = reinterpret_cast<void**>(t.stack + kStack);
  *--top = nullptr;  // where entry would return to
  *--top = reinterpret_cast<void*>(entry);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  t.stack_pointer = top;
}
#else
void exchange_stacks(void** leave, void* enter) {
  ucontext_t here;
  *leave = &here;
  swapcontext(&here, static_cast<ucontext_t*>(enter));
}

void prepare_stack(Thread& t, void (*entry)()) {
  ucontext_t* fresh = reinterpret_cast<ucontext_t*>(t.stack);
  getcontext(fresh);
  fresh->uc_stack.ss_sp = t.stack + sizeof(ucontext_t);
  fresh->uc_stack.ss_size = kStack - sizeof(ucontext_t);
  makecontext(fresh, entry, 0);
  t.stack_pointer = fresh;
}
#endif

// The first thing a fibre does wherever it goes on.
void arrive([[maybe_unused]] void* fake_stack) {
#if defined(SALN_ASAN)
  const void* from = nullptr;
  size_t bytes = 0;
  __sanitizer_finish_switch_fiber(fake_stack, &from, &bytes);
  if (!host_stack) {  // the first switch ever comes from the host's
    host_stack = from;
    host_stack_bytes = bytes;
  }
#endif
}

void go_to(Thread* t, [[maybe_unused]] bool for_good) {
  Thread* me = current;
  current = t;
#if defined(SALN_TSAN)
  __tsan_switch_to_fiber(t->fibre, __tsan_switch_to_fiber_no_sync);
#elif defined(SALN_ASAN)
  const void* stack = t == &host ? host_stack : t->stack;
  __sanitizer_start_switch_fiber(for_good ? nullptr : &me->fake_stack, stack, t == &host ? host_stack_bytes : kStack);
#endif
  exchange_stacks(&me->stack_pointer, t->stack_pointer);
  arrive(me->fake_stack);
}

void go_on(bool for_good) {
  Thread* t = first_ready;
  if (t) first_ready = t->next;
  go_to(t ? t : &host, for_good);
}

void release([[maybe_unused]] char* order) {
#if defined(SALN_TSAN)
  __tsan_release(order);
#endif
}
void acquire([[maybe_unused]] char* order) {
#if defined(SALN_TSAN)
  __tsan_acquire(order);
#endif
}

// Most texts are one and the same; those of different files may only be equal.
bool same(const char* a, const char* b) { return a == b || !std::strcmp(a, b); }
bool same(const Where& a, const Where& b) {
  return a.line() == b.line() && a.column() == b.column() && same(a.file_name(), b.file_name());
}

// The calling lane has come to a meeting of its warp. True if it is the last.
bool join(Warp& w, const char* what, const Where& where) {
  if (w.returned) fail(where, "%s: other threads of the warp have returned from the kernel", what);
  if (w.arrived == 0) {
    w.what = what;
    w.where = where;
  } else if (!same(w.what, what)) {
    fail(where, "%s, while threads of the same warp wait at %s (%s:%u)", what, w.what, w.where.file_name(),
         w.where.line());
  } else if (!same(w.where, where)) {
    fail(where, "%s, while threads of the same warp wait at another (%s:%u)", what, w.where.file_name(),
         w.where.line());
  }
  return ++w.arrived == 32;
}

// Everyone else of `count` threads from `first` on may go on; the caller does.
void wake(int first, int count) {
  Thread* block = current - current->rank;
  for (int i = 0; i < count; ++i) {
    Thread* t = block + first + (backward ? count - 1 - i : i);
    if (t != current) make_ready(t);
  }
}

void leave() {
  Warp& w = warps[current->rank / 32];
  const Where here;  // nowhere: where the kernel ended is not known
  if (!current->copies.empty()) fail(here, "returned with asynchronous copies under way");
  if (w.arrived) {
    fail(here, "returned, while threads of the same warp wait at %s (%s:%u)", w.what, w.where.file_name(),
         w.where.line());
  }
  if (warps_arrived) fail(here, "returned, while other warps wait at a block barrier");
  ++w.returned;
  ++returned;
  release(&all_done);
  go_on(true);
}

void enter() {
  arrive(nullptr);
  body(context, shared);
  leave();
}

// Fresh memory with `kGuard` unreadable bytes below each stack.
char* allocate_stacks(size_t count) {
  const size_t pitch = kStack + kGuard;
  void* memory =
      mmap(nullptr, count * pitch, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("stacks");
    std::exit(2);
  }
  for (size_t i = 0; i < count; ++i) mprotect(static_cast<char*>(memory) + i * pitch, kGuard, PROT_NONE);
#if defined(SALN_ASAN)
  __asan_unpoison_memory_region(memory, count * pitch);
#endif
  return static_cast<char*>(memory);
}

}  // namespace

void fail(const Where& where, const char* format, ...) {
  std::fflush(stdout);
  std::fprintf(stderr, "cuda_on_cpu: block %d thread %d: ", current->block, current->rank);
  if (where.line()) std::fprintf(stderr, "%s:%u: ", where.file_name(), where.line());
  va_list arguments;
  va_start(arguments, format);
  std::vfprintf(stderr, format, arguments);
  va_end(arguments);
  std::fprintf(stderr, "\n");
#if defined(SALN_ASAN) || defined(SALN_TSAN)
  __sanitizer_print_stack_trace();
#endif
  _exit(3);
}

const Slot* meet_warp(const char* what, const Where& where, const Slot& said, bool orders_memory) {
  Warp& w = warps[current->rank / 32];
  const unsigned turn = w.meetings & 1;
  const bool last = join(w, what, where);
  w.said[turn][current->rank % 32] = said;
  if (orders_memory) release(&w.order[turn]);
  if (last) {
    w.arrived = 0;
    ++w.meetings;
    wake(current->rank / 32 * 32, 32);
  } else {
    go_on(false);
  }
  if (orders_memory) acquire(&w.order[turn]);
  return w.said[turn];
}

void meet_block(const char* what, const Where& where) {
  if (returned) fail(where, "%s: other threads of the block have returned from the kernel", what);
  const unsigned turn = block_meetings & 1;
  release(&block_order[turn]);
  if (join(warps[current->rank / 32], what, where) && ++warps_arrived == threads / 32) {
    for (int w = 0; w < threads / 32; ++w) warps[w].arrived = 0;
    warps_arrived = 0;
    ++block_meetings;
    wake(0, threads);
  } else {
    go_on(false);
  }
  acquire(&block_order[turn]);
}

void launch(int grid_, int threads_, size_t bytes, bool backward_, void (*body_)(void*, char*), void* context_) {
  grid = grid_;
  threads = threads_;
  shared_bytes = bytes;
  backward = backward_;
  body = body_;
  context = context_;
  current = &host;
  host.block = host.rank = -1;
  if (grid < 1 || threads < 32 || threads > 32 * kMaxWarps || threads % 32)
    fail(Where::current(), "launch: grid %d of %d threads", grid, threads);
  // All blocks' memory and fibres are made before any runs, so that nothing orders one block after another. Shared
  // memory is aligned to 16 bytes and to no more, which is what CUDA promises.
  const size_t count = size_t(grid) * threads, pitch = kStack + kGuard;
  Thread* all = new Thread[count];
  char** shared_of = new char*[grid];
  char* stacks = allocate_stacks(count);
  for (int b = 0; b < grid; ++b) {
    void* memory = nullptr;
    if (posix_memalign(&memory, 256, bytes + 16)) std::exit(2);
    std::memset(memory, 0xff, bytes + 16);
    shared_of[b] = static_cast<char*>(memory) + 16;
#if defined(SALN_ASAN)
    __asan_poison_memory_region(memory, 16);
#endif
  }
  for (size_t i = 0; i < count; ++i) {
    all[i].block = int(i / threads);
    all[i].rank = int(i % threads);
    all[i].stack = stacks + i * pitch + kGuard;
    prepare_stack(all[i], enter);
#if defined(SALN_TSAN)
    all[i].fibre = __tsan_create_fiber(0);
#endif
  }
#if defined(SALN_TSAN)
  host.fibre = __tsan_get_current_fiber();
#endif
  for (int i = 0; i < grid; ++i) {
    const int b = backward ? grid - 1 - i : i;
    for (Warp& w : warps) w.arrived = w.returned = 0;
    warps_arrived = returned = 0;
    first_ready = nullptr;
    for (int t = 0; t < threads; ++t) make_ready(all + size_t(b) * threads + (backward ? threads - 1 - t : t));
    shared = shared_of[b];
    go_on(false);
    // Only when all have returned is nobody left to go on: whoever waits is found by whoever does not come.
    if (returned != threads) fail(Where::current(), "%d of %d threads wait for ever", threads - returned, threads);
  }
  acquire(&all_done);
#if defined(SALN_TSAN)
  for (size_t i = 0; i < count; ++i) __tsan_destroy_fiber(all[i].fibre);
#elif defined(SALN_ASAN)
  for (int b = 0; b < grid; ++b) __asan_unpoison_memory_region(shared_of[b] - 16, bytes + 16);
#endif
  munmap(stacks, count * pitch);
  for (int b = 0; b < grid; ++b) std::free(shared_of[b] - 16);
  delete[] shared_of;
  delete[] all;
}

}  // namespace saln::simulator
