// Hopper's matrix unit, fed from shared memory by four warps together (wgmma); included by machine/device.cuh alone.
// Rows lie 128 bytes apart in memory that starts at a multiple of 1024 bytes; piece p, of 16 bytes, of row r is at
// place p ^ (r % 8) of its row.
#pragma once

namespace saln::device {

// What starts at `rows`, as the unit is told: pieces exchanged over 128 bytes, eight rows every 1024 bytes.
SALN_DEVICE uint64_t rows_for_unit(const char* rows) {
  const uint64_t at = shared_address(rows);
  return uint64_t(1) << 62 | uint64_t(1024 >> 4) << 32 | uint64_t(1) << 16 | (at & 0x3ffff) >> 4;
}

#define SALN_FOUR(c, i) "+f"(c[i]), "+f"(c[i + 1]), "+f"(c[i + 2]), "+f"(c[i + 3])
#define SALN_SIXTEEN(c, i) SALN_FOUR(c, i), SALN_FOUR(c, i + 4), SALN_FOUR(c, i + 8), SALN_FOUR(c, i + 12)
#define SALN_FIRST_32                                                                              \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20," \
  "%21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define SALN_NEXT_32                                                                                    \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51," \
  "%52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define SALN_UNIT_64(type)                                                                                           \
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %34, 0;\nwgmma.mma_async.sync.aligned.m64n64k16.f32." type "." type \
               " {" SALN_FIRST_32 "}, %32, %33, p, 1, 1, 0, 0;\n}"                                                   \
               : SALN_SIXTEEN(c, 0), SALN_SIXTEEN(c, 16)                                                             \
               : "l"(a), "l"(b), "r"(int(add)))
#define SALN_UNIT_128(type)                                                                                           \
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %66, 0;\nwgmma.mma_async.sync.aligned.m64n128k16.f32." type "." type \
               " {" SALN_FIRST_32 ", " SALN_NEXT_32 "}, %64, %65, p, 1, 1, 0, 0;\n}"                                  \
               : SALN_SIXTEEN(c, 0), SALN_SIXTEEN(c, 16), SALN_SIXTEEN(c, 32), SALN_SIXTEEN(c, 48)                    \
               : "l"(a), "l"(b), "r"(int(add)))

// c [64×64 or 64×128] += a bᵀ, or = where not `add`, of 16 half-precision numbers of 64 rows and of as many as there
// are columns: those of `step` (0 to 3) of the rows' 128 bytes. Lane l of warp w of the four holds, of columns 8 t … 8
// t + 7, entries c[4 t + e]: row 16 w + l / 4 + 8 (e / 2), column 8 t + 2 (l % 4) + e % 2. Under way until waited for.
template <bool kBfloat16, int kSize>
SALN_DEVICE void multiply_rows(float (&c)[kSize], const char* rows, const char* columns, int step, bool add) {
  static_assert(kSize == 32 || kSize == 64);
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  const uint64_t a = rows_for_unit(rows) + 2 * step, b = rows_for_unit(columns) + 2 * step;
  if constexpr (kSize == 32) {
    if constexpr (kBfloat16)
      SALN_UNIT_64("bf16");
    else
      SALN_UNIT_64("f16");
  } else {
    if constexpr (kBfloat16)
      SALN_UNIT_128("bf16");
    else
      SALN_UNIT_128("f16");
  }
#endif
}
#undef SALN_FOUR
#undef SALN_SIXTEEN
#undef SALN_FIRST_32
#undef SALN_NEXT_32
#undef SALN_UNIT_64
#undef SALN_UNIT_128

// Before the first of several multiply_rows; behind the last; and until all are done, of which c is then true.
SALN_DEVICE void begin_rows() {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#endif
}
SALN_DEVICE void end_rows() {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  asm volatile("wgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 0;" ::: "memory");
#endif
}
// No use of c moves across.
template <int kSize>
SALN_DEVICE void hold(float (&c)[kSize]) {
#pragma unroll
  for (int i = 0; i < kSize; ++i) asm volatile("" : "+f"(c[i])::"memory");
}

// What this thread wrote to shared memory, copies that it waited for included, is the unit's to read behind the next
// barrier.
SALN_DEVICE void show_unit() {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
}

}  // namespace saln::device
