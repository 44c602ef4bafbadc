// What the CPU's dispatcher (vtrace_cpu.cpp) asks of the kernel that is compiled once for each
// instruction set (vtrace_rows.cpp).
#pragma once

#include <cstdint>

#include "vtrace.hpp"

namespace vtrace {

// Does the rows [first, last) of a job.
using Rows = void (*)(const Job& job, int64_t first, int64_t last);

// Reads four arrays of n floats and writes their sum: the speed that no kernel can exceed.
using Stream = void (*)(const float* a, const float* b, const float* c, const float* d, float* out,
                        int64_t n, bool past_the_cache);

void rows_baseline(const Job& job, int64_t first, int64_t last);
void rows_avx2(const Job& job, int64_t first, int64_t last);
void rows_avx512(const Job& job, int64_t first, int64_t last);
void stream_baseline(const float*, const float*, const float*, const float*, float*, int64_t, bool);
void stream_avx2(const float*, const float*, const float*, const float*, float*, int64_t, bool);
void stream_avx512(const float*, const float*, const float*, const float*, float*, int64_t, bool);

}  // namespace vtrace
