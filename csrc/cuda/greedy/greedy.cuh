// The greedy kernels: one block a super-batch, blocks stepping through them. No torch header.
#pragma once
#include "cuda/greedy/greedy_k_center.cuh"
#include "cuda/greedy/greedy_logdet.cuh"
#include "cuda/greedy/greedy_maxvol.cuh"
