// Chooses among the greedy kernels as cpu/isa.cpp does among the others.
#include <cstring>
#include <stdexcept>

#include "cpu/greedy.h"
#include "cpu/kernels.h"

namespace saln {
#if defined(SALN_X86)
namespace avx512_bf16 {
extern const GreedyKernels greedy_variant;
}
namespace avx512 {
extern const GreedyKernels greedy_variant;
}
namespace avx2 {
extern const GreedyKernels greedy_variant;
}
#endif
namespace portable {
extern const GreedyKernels greedy_variant;
}

const GreedyKernels& greedy_kernels() {
  for (const GreedyKernels* k : {
#if defined(SALN_X86)
           &avx512_bf16::greedy_variant, &avx512::greedy_variant, &avx2::greedy_variant,
#endif
           &portable::greedy_variant})
    if (std::strcmp(k->name, kernels().name) == 0) return *k;
  throw std::runtime_error("the greedy kernels were not built for this instruction set");
}

}  // namespace saln
