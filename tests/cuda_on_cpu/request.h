// What a test asks for and is told, as bytes: simulator.py writes and reads the same fields in the same order.
#pragma once
#include <cstdint>

namespace saln {

// The memory that a tensor spans, `bytes` of it, sent after the request. It will start `misalignment` bytes after a
// multiple of 16.
struct Array {
  int64_t bytes, misalignment, dtype_bytes;
  int64_t rows, cols, row_stride, col_stride;
  char dtype[16];
};

struct Request {
  Array features, matrices, candidates, residuals, quality;
  int64_t matrix_stride, n_candidates, size;
  int64_t center, allow_tf32, k, n_iter, seed;
  int64_t grid;          // blocks; 0: as planned
  int64_t backward;      // blocks and threads run the other way round
  int64_t shared_limit;  // of a block, in bytes; 0: an H100's
  double gamma, parameter;
  char similarity[32], laplacian[32], negative[32], output[32], solver[32], criterion[32];
};

// Followed by values, vectors and bounds, of float32 or float64.
struct Response {
  int64_t values, vectors, bounds;  // bytes
  int64_t near_is_shared, basis_is_shared, parts;
  int64_t grid, threads, shared_bytes, workspace_bytes;
  char kernel[32];
};

}  // namespace saln
