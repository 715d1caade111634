// The greedy kernels: one block a super-batch, blocks stepping through them. No torch header.
#pragma once
#include "greedy_k_center.cuh"
#include "greedy_logdet.cuh"
#include "greedy_maxvol.cuh"
