"""The compiled kernels: how they are built, found and called, and why one is not there.

`csrc` holds the sources. `cpu` calls the library that an install builds with a C++ compiler; `cuda`
runs the CUDA source, which nvcc compiled at install or NVRTC compiles at first use.
"""
