// What a plan is predicted to cost: a floor from bytes and operations, and a time from instructions and latencies.
#pragma once
#include "cuda/plan/plan.h"

namespace saln {

// Fills floor_seconds, floor_by and seconds of a plan whose kernel and occupancy are chosen.
void predict_cost(const Problem& problem, const Gpu& gpu, CudaPlan& plan);

}  // namespace saln
