// Warp instructions that one candidate is predicted to take, by part.
#pragma once
#include "cuda/plan/plan.h"

namespace saln {

struct Instructions {
  double gram = 0;        // gathering rows, and their products
  double transforms = 0;  // and moments
  double solve = 0;       // the reduction, Lanczos or pivots
  double values = 0;      // multisection, vectors and results

  double sum() const { return gram + transforms + solve + values; }
};

// Bytes of an entry of what matrices are made from, and whether products of rows are formed.
int64_t element_bytes(const Problem& problem);
bool has_products(const Problem& problem);

// Rows for which a block's registers have room, where a matrix is reduced there; else 0.
double held_rows(const CudaPlan& plan);
// Of a plan whose kernel is chosen.
Instructions predict_instructions(const Problem& problem, const CudaPlan& plan);
// Those of the blocks that form its Gram matrix in parts, where the plan has any.
double predict_split_instructions(const Problem& problem, const CudaPlan& plan);

}  // namespace saln
