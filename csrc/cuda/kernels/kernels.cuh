// The kernels: one block a candidate, blocks stepping through the candidates. Each is a class whose constructor lays
// out its memory, on the host to measure and on the device to work.
#pragma once
#include "cuda/kernels/matrix_free_kernel.cuh"
#include "cuda/kernels/memory_kernel.cuh"
#include "cuda/kernels/register_kernel.cuh"
