// log det(I + f K) from the pivots of L D Lᵀ, right-looking, on the packed tile.
#pragma once
#include "cuda/gram/transform.cuh"

namespace saln::device {

// Destroys the tile. NaN where I + f K is not positive definite. work [n]
template <class T, class G>
SALN_DEVICE T log_det(G& g, const Tile<T>& tile, T factor, T* work) {
  const int n = tile.n;
  each_entry(g, tile, [&](int i, int j, T& x) { x = x * factor + (i == j ? T(1) : T(0)); });
  g.sync();
  double total = 0;
  for (int j = 0; j < n; ++j) {
    const T pivot = tile.at(j, j), inverse = T(1) / pivot;
    total += log(double(pivot));
    each_row(g, n, [&](int i) { work[i] = i > j ? tile.at(i, j) : T(0); });
    g.sync();
    for (int i = j + 1 + g.warp; i < n; i += G::warps) {
      const T scaled = work[i] * inverse;
      for (int k = j + 1 + g.lane; k <= i; k += 32) tile.at(i, k) -= scaled * work[k];
    }
    g.sync();
  }
  return T(total);
}

}  // namespace saln::device
