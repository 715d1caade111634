// The columns of a candidate's rows as rows of their own: what the covariance side multiplies.
#pragma once
#include "cuda/gram/rows.cuh"
#include "cuda/gram/unit_rows.cuh"

namespace saln::device {

// Columns of the gathered rows x̃_i = q_i (x_i/‖x_i‖ − mean): the covariance side.
template <class T>
struct ScaledColumns {
  const View& view;
  const int64_t* row;
  int n;
  const UnitRow<T>* unit;
  const T *quality, *mean, *live;  // quality and mean may be null

  SALN_DEVICE T value(int i, int64_t t) const {
    T x = entry<T>(view, row[i] * view.row_stride + t * view.col_stride) * unit[i].rescaled * unit[i].inverse;
    if (mean) x = (x - mean[t]) * live[t];
    return quality ? x * quality[i] : x;
  }
};

// These, staged as rows.
template <class T, int kRows, int kSlab>
struct StagedColumns {
  const ScaledColumns<T>& columns;
  Panels panels;

  static constexpr int kPer = kSlab / sizeof(T), kPerPiece = kPiece / sizeof(T);

  SALN_DEVICE int slabs() const { return (columns.n + kPer - 1) / kPer; }
  template <class G>
  SALN_DEVICE void stage(const G& g, int slab, char* to) const {
    const int tall = panels.second < 0 ? panels.count : kRows;
    for (int at = g.rank; at < tall * kPer; at += G::threads) {
      const int place_of = at % tall, t = at / tall, piece = t / kPerPiece;
      const int r = panels.row<kRows>(place_of), i = slab * kPer + t;
      if (r < 0) continue;
      char* there = to + piece / 4 * (kRows * kSheet) + place(place_of, piece % 4);
      reinterpret_cast<T*>(there)[t % kPerPiece] = i < columns.n ? columns.value(i, r) : T(0);
    }
  }
};

}  // namespace saln::device
