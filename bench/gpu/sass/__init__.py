"""What the compiled CUDA kernels execute: their machine code, interpreted and counted, without a GPU.

One block runs one case's candidates, instruction by instruction, all lanes of a warp at once; its results are checked
against NumPy. So trip counts, divergence and predicates are those of the code itself, whatever its loops look like.
"""
