// Chooses among the kernels compiled for different instruction sets.
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "cpu/kernels.h"

namespace saln {
#if defined(SALN_X86)
namespace avx512_bf16 {
extern const Kernels variant;
}
namespace avx512 {
extern const Kernels variant;
}
namespace avx2 {
extern const Kernels variant;
}
#endif
namespace portable {
extern const Kernels variant;
}

const Kernels* const* all_kernels() {
  static const Kernels* const all[] = {
#if defined(SALN_X86)
      &avx512_bf16::variant, &avx512::variant, &avx2::variant,
#endif
      &portable::variant, nullptr};
  return all;
}

const Kernels& kernels() {
  static const Kernels* const chosen = [] {
    const char* wanted = std::getenv("SALN_CPU_ISA");
    std::string names;
    for (const Kernels* const* k = all_kernels(); *k; ++k) {
      if (wanted && *wanted ? std::strcmp((*k)->name, wanted) == 0 : (*k)->supported()) {
        if ((*k)->supported()) return *k;
        throw std::runtime_error(std::string("SALN_CPU_ISA=") + wanted + ": this processor does not support it");
      }
      names += (names.empty() ? "" : ", ") + std::string((*k)->name);
    }
    throw std::runtime_error(std::string("SALN_CPU_ISA=") + wanted + ": unknown; compiled in are " + names);
  }();
  return *chosen;
}

}  // namespace saln
