// csrc/cuda/machine/device.cuh once more, for the host: each primitive as PTX defines it, and what PTX leaves undefined
// ends the run. See fibres.h for how threads run.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

#include "fibres.h"
#include "guard.h"

#define SALN_DEVICE inline
#define SALN_APART inline __attribute__((noinline))
#define __global__
#define __grid_constant__
#define __launch_bounds__(...)

namespace saln::simulator {

inline void check_aligned(const void* address, unsigned bytes, const char* what, const Where& where) {
  const unsigned off = unsigned(reinterpret_cast<uintptr_t>(address) % bytes);
  if (off) fail(where, "%s: address %u bytes off a multiple of %u", what, off, bytes);
}

inline void check_shared(const void* address, size_t bytes, const char* what, const Where& where) {
  const char* from = static_cast<const char*>(address);
  if (from < shared || from + bytes > shared + shared_bytes)
    fail(where, "%s: %zu bytes at %td of shared memory, which has %zu", what, bytes, from - shared, shared_bytes);
}

// What a matrix unit makes of c + Σ a_i b_i: products are exact, everything is aligned to the largest exponent with one
// bit more than float32 has, cut off there and added, and the sum is cut to float32 (Fasi, Higham, Mikaitis & Pranesh
// 2021, "Numerical behavior of NVIDIA tensor cores", as they found the A100).
template <int n>
float multiply_and_add(float c, const float (&a)[n], const float (&b)[n]) {
  double term[n + 1];
  double top = 0, plain = 0;
  for (int i = 0; i <= n; ++i) {
    term[i] = i < n ? double(a[i]) * double(b[i]) : double(c);
    plain += term[i];
    if (std::fabs(term[i]) > top) top = std::fabs(term[i]);
  }
  if (top == 0 || !std::isfinite(plain)) return float(plain);
  const int exponent = std::ilogb(top) - 24;
  const double unit = std::ldexp(1.0, exponent), inverse = std::ldexp(1.0, -exponent);
  int64_t sum = 0;
  for (const double t : term) sum += int64_t(t * inverse);
  const int extra = int(std::bit_width(uint64_t(sum < 0 ? -sum : sum))) - 24;
  if (extra > 0) sum = sum / (int64_t(1) << extra) * (int64_t(1) << extra);
  return float(double(sum) * unit);
}

inline float bits_to_float(uint32_t bits) { return std::bit_cast<float>(bits); }

// The k values of row `line` of an operand, 8 bytes a lane and a half row each: register `low` and register `high`.
template <int k, class Decode>
void operand_row(const Slot* said, int line, int low, int high, const Decode& decode, float (&row)[k]) {
  constexpr int in_register = k / 8;
  for (int lane = 0; lane < 4; ++lane)
    for (int half = 0; half < 2; ++half)
      for (int i = 0; i < in_register; ++i)
        row[half * k / 2 + lane * in_register + i] = decode(said[4 * line + lane].words[half ? high : low], i);
}

template <int k, class Decode>
void multiply(const char* what, const Where& where, float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1,
              const Decode& decode) {
  const Slot* said = meet_warp(what, where, {{a[0], a[1], a[2], a[3], b0, b1}}, false);
  const int lane = current->rank % 32;
  float rows[2][k], column[k];
  operand_row<k>(said, lane / 4, 0, 2, decode, rows[0]);
  operand_row<k>(said, lane / 4, 1, 3, decode, rows[1]);
  for (int i = 0; i < 2; ++i) {
    operand_row<k>(said, 2 * (lane % 4) + i, 4, 5, decode, column);
    for (int r = 0; r < 2; ++r) c[2 * r + i] = multiply_and_add(c[2 * r + i], rows[r], column);
  }
}

}  // namespace saln::simulator

namespace saln::device {

using simulator::Where;

inline char* shared_base() { return simulator::shared; }
inline int thread_rank() { return simulator::current->rank; }
inline int block_rank() { return simulator::current->block; }
inline int grid_size() { return simulator::grid; }
inline void sync_block(const Where& where = Where::current()) { simulator::meet_block("sync_block", where); }
inline void sync_warp(const Where& where = Where::current()) { simulator::meet_warp("sync_warp", where, {}, true); }

template <class T>
T shuffle(T value, int lane, const Where& where = Where::current()) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8);
  if (lane < 0 || lane > 31) simulator::fail(where, "shuffle: lane %d", lane);
  simulator::Slot mine;
  std::memcpy(mine.words, &value, sizeof value);
  const simulator::Slot* said = simulator::meet_warp("shuffle", where, mine, false);
  std::memcpy(&value, said[lane].words, sizeof value);
  return value;
}
template <class T>
T shuffle_xor(T value, int mask, const Where& where = Where::current()) {
  if (mask < 0 || mask > 31) simulator::fail(where, "shuffle_xor: mask %d", mask);
  return shuffle(value, (thread_rank() % 32) ^ mask, where);
}
inline uint32_t ballot(bool vote, const Where& where = Where::current()) {
  const simulator::Slot* said = simulator::meet_warp("ballot", where, {{vote}}, false);
  uint32_t votes = 0;
  for (int lane = 0; lane < 32; ++lane) votes |= said[lane].words[0] << lane;
  return votes;
}
inline int count_bits(uint32_t x) { return std::popcount(x); }
template <class T>
T uniform(T x, const Where& where = Where::current()) {
  const simulator::Slot* said = simulator::meet_warp("uniform", where, {{uint32_t(x)}}, false);
  for (int lane = 0; lane < 32; ++lane)
    if (said[lane].words[0] != uint32_t(x)) simulator::fail(where, "uniform: lane %d has another", lane);
  return x;
}

template <class T>
void forget(T&) {}

// Until it is waited for, the destination is unreadable to AddressSanitizer and NaN; both the start and the end of a
// copy are writes that may race.
inline void copy_async(void* shared, const void* global, int bytes, const Where& where = Where::current()) {
  using namespace simulator;
  if (bytes < 0 || bytes > kCopyBytes) fail(where, "copy_async: %d bytes", bytes);
  check_aligned(shared, kCopyBytes, "copy_async: shared", where);
  check_aligned(global, kCopyBytes, "copy_async: global", where);
  check_shared(shared, kCopyBytes, "copy_async", where);
  char* to = static_cast<char*>(shared);
  const char* from = static_cast<const char*>(global);
  for (const Copy& other : current->copies)
    if (other.to == to) fail(where, "copy_async: a copy to the same place is under way");
  for (int i = 0; i < bytes; ++i) static_cast<void>(static_cast<const volatile char*>(from)[i]);
  for (int i = 0; i < kCopyBytes; ++i) to[i] = char(0xff);
  SALN_POISON(to, kCopyBytes);
  current->copies.push_back({to, from, bytes, current->group});
}
inline void copy_async_if(uint32_t wanted, void* shared, const void* global, const Where& where = Where::current()) {
  if (wanted) copy_async(shared, global, simulator::kCopyBytes, where);
}
inline void commit_copies() { ++simulator::current->group; }
template <int pending>
void wait_copies() {
  using namespace simulator;
  std::vector<Copy>& copies = current->copies;
  size_t done = 0;
  for (; done < copies.size() && copies[done].group < current->group - pending; ++done) {
    const Copy& copy = copies[done];
    SALN_UNPOISON(copy.to, kCopyBytes);
    for (int i = 0; i < kCopyBytes; ++i) copy.to[i] = i < copy.bytes ? copy.from[i] : char(0);
  }
  copies.erase(copies.begin(), copies.begin() + std::ptrdiff_t(done));
}

inline float load_here(const float* from, const Where& where = Where::current()) {
  simulator::check_aligned(from, 4, "load_here", where);
  simulator::check_shared(from, 4, "load_here", where);
  return *from;
}

inline void load_four_here(const float* from, float (&to)[4], const Where& where = Where::current()) {
  simulator::check_aligned(from, 16, "load_four_here", where);
  simulator::check_shared(from, 16, "load_four_here", where);
  for (int i = 0; i < 4; ++i) to[i] = from[i];
}

inline void load_four(const float* from, float (&to)[4], const Where& where = Where::current()) {
  simulator::check_aligned(from, 16, "load_four", where);
  for (int i = 0; i < 4; ++i) to[i] = from[i];
}

inline void store_two(float* to, float a, float b, const Where& where = Where::current()) {
  simulator::check_aligned(to, 8, "store_two", where);
  to[0] = a;
  to[1] = b;
}
inline void store_four(float* to, float a, float b, float c, float d, const Where& where = Where::current()) {
  simulator::check_aligned(to, 16, "store_four", where);
  to[0] = a;
  to[1] = b;
  to[2] = c;
  to[3] = d;
}

inline void load_blocks(const void* row, uint32_t (&to)[4], const Where& where = Where::current()) {
  using namespace simulator;
  check_aligned(row, 16, "load_blocks", where);
  check_shared(row, 16, "load_blocks", where);
  Slot mine;
  std::memcpy(mine.words, &row, sizeof row);
  const Slot* said = meet_warp("load_blocks", where, mine, false);
  const int lane = thread_rank() % 32;
  for (int block = 0; block < 4; ++block) {
    const uint32_t* other;
    std::memcpy(&other, said[8 * block + lane / 4].words, sizeof other);
    std::memcpy(&to[block], other + lane % 4, sizeof to[block]);
  }
}

inline float larger_or_nan(float a, float b) { return std::isnan(a) || a > b ? a : b; }

// As wrong as PTX lets them be: by 2⁻²³ and by 2⁻²²·⁴ of the result.
inline float reciprocal(float x) { return 1 / x * (1 - 0x1p-23f); }
inline float reciprocal_root(float x) { return 1 / std::sqrt(x) * (1 - 0x1.8p-23f); }

inline float from_bfloat16(uint16_t bits) { return simulator::bits_to_float(uint32_t(bits) << 16); }
inline float from_float16(uint16_t bits) {
  const uint32_t sign = uint32_t(bits & 0x8000) << 16, rest = bits & 0x7fff;
  // Exponents differ by 112; subnormals come out of the subtraction.
  const float tiny = simulator::bits_to_float(113u << 23);
  const float magnitude = rest >= 0x7c00  ? simulator::bits_to_float(0x7f800000u | (rest & 0x3ff) << 13)
                          : rest >= 0x400 ? simulator::bits_to_float((rest << 13) + (112u << 23))
                                          : simulator::bits_to_float((rest << 13) + (113u << 23)) - tiny;
  return simulator::bits_to_float(std::bit_cast<uint32_t>(magnitude) | sign);
}
inline uint32_t to_tf32(float x) {
  return std::isnan(x) ? 0x7fffffffu : (std::bit_cast<uint32_t>(x) + 0x1000u) & ~0x1fffu;
}

inline void multiply_bfloat16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1,
                              const Where& where = Where::current()) {
  simulator::multiply<16>("multiply_bfloat16", where, c, a, b0, b1,
                          [](uint32_t pair, int i) { return from_bfloat16(uint16_t(pair >> 16 * i)); });
}
inline void multiply_float16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1,
                             const Where& where = Where::current()) {
  simulator::multiply<16>("multiply_float16", where, c, a, b0, b1,
                          [](uint32_t pair, int i) { return from_float16(uint16_t(pair >> 16 * i)); });
}
inline void multiply_tf32(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1,
                          const Where& where = Where::current()) {
  for (const uint32_t x : {a[0], a[1], a[2], a[3], b0, b1})
    if (x & 0x1fffu && !std::isnan(simulator::bits_to_float(x)))
      simulator::fail(where, "multiply_tf32: %08x has bits that the matrix unit does not see", x);
  simulator::multiply<8>("multiply_tf32", where, c, a, b0, b1,
                         [](uint32_t x, int) { return simulator::bits_to_float(x); });
}

inline uint32_t shared_address(const void* at) { return uint32_t(static_cast<const char*>(at) - simulator::shared); }

// The unit reads when it is told to, though a GPU's may do so at any time until it is waited for.
template <bool kBfloat16, int kSize>
void multiply_rows(float (&c)[kSize], const char* rows, const char* columns, int step, bool add,
                   const Where& where = Where::current()) {
  using namespace simulator;
  meet_warp("multiply_rows", where, {{shared_address(rows), shared_address(columns), uint32_t(step)}}, false);
  for (const char* operand : {rows, columns}) {
    if (shared_address(operand) % 1024) fail(where, "multiply_rows: rows %u bytes off", shared_address(operand) % 1024);
    check_shared(operand, (operand == rows ? 64 : 2 * kSize) * 128, "multiply_rows", where);
  }
  const auto row_of = [&](const char* operand, int r, float (&to)[16]) {
    for (int i = 0; i < 16; ++i) {
      const int byte = 32 * step + 2 * i, piece = (byte / 16) ^ (r % 8);
      uint16_t bits;
      std::memcpy(&bits, operand + 128 * r + 16 * piece + byte % 16, 2);
      to[i] = kBfloat16 ? from_bfloat16(bits) : from_float16(bits);
    }
  };
  const int lane = thread_rank() % 32, first = thread_rank() / 32 % 4 * 16 + lane / 4;
  float mine[2][16], other[16];
  row_of(rows, first, mine[0]);
  row_of(rows, first + 8, mine[1]);
  for (int t = 0; t < kSize / 4; ++t)
    for (int e = 0; e < 2; ++e) {
      row_of(columns, 8 * t + lane % 4 * 2 + e, other);
      for (int half = 0; half < 2; ++half) {
        float& sum = c[4 * t + 2 * half + e];
        sum = multiply_and_add(add ? sum : 0, mine[half], other);
      }
    }
}
inline void begin_rows() {}
inline void end_rows() {}
template <int kSize>
void hold(float (&)[kSize]) {}
inline void show_unit() {}

}  // namespace saln::device

namespace saln::simulator {

// kernel(shared), a thread at a time.
template <class Kernel>
void launch(int grid, int threads, size_t shared_bytes, Kernel&& kernel, bool backward = false) {
  const auto body = [](void* context, char* shared) {
    (*static_cast<std::remove_reference_t<Kernel>*>(context))(shared);
  };
  launch(grid, threads, shared_bytes, backward, body, const_cast<void*>(static_cast<const void*>(&kernel)));
}

}  // namespace saln::simulator
