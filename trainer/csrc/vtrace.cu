// The GPU's kernel. LANES * WARPS threads have a row, neighbours in it: what a warp reads and writes
// lies together in memory. They scan as many steps at once, from the row's end, and hand on what
// the steps before need.
//
// No tiles in shared memory are needed where rows are many: a step costs a third of a shuffle, ten
// rounds for 32 of them, which a multiprocessor does three times faster than memory brings 20 bytes
// a step. Where rows are few, several warps share one, so that all multiprocessors have work.

#include "vtrace.hpp"

namespace {

using vtrace::Job;
using vtrace::Linear;
using Steps = Linear<float>;

constexpr unsigned ALL = 0xffffffffu;
constexpr int WARP = 32;

// Composes each lane's function with those of the lanes behind it.
template <int LANES>
__device__ Steps scanned(Steps steps, int lane) {
#pragma unroll
  for (int by = 1; by < LANES; by *= 2) {
    const Steps behind = {__shfl_down_sync(ALL, steps.offset, by, LANES),
                          __shfl_down_sync(ALL, steps.slope, by, LANES)};
    if (lane + by < LANES) steps = vtrace::composed(steps, behind);
  }
  return steps;
}

template <int LANES>
__device__ float total(float x) {
#pragma unroll
  for (int by = LANES / 2; by > 0; by /= 2) x += __shfl_down_sync(ALL, x, by, LANES);
  return x;
}

// Blocks of any number of whole warps where WARPS is 1, else of WARPS warps.
template <int LANES, int WARPS, class Terminal>
__device__ void scan_rows(const Job& job) {
  static_assert(WARPS == 1 || LANES == WARP, "several warps share a row, or a warp has several");
  constexpr int GROUP = LANES * WARPS;
  const long long row = (blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x) / GROUP;
  const int rank = threadIdx.x % GROUP, lane = rank % LANES, warp = rank / LANES;
  // Threads behind the last row stay: the others' shuffles need them.
  const bool there = row < job.segments;
  const float* const values = job.values + row * job.values_stride;
  const float* const rewards = job.rewards + row * job.rewards_stride;
  const Terminal* const terminals =
      static_cast<const Terminal*>(job.terminals) + row * job.terminals_stride;
  const float* const importance = job.importance + row * job.importance_stride;
  float* const advantages = job.advantages + row * job.advantages_stride;
  float* const returns = job.returns + row * job.returns_stride;

  const auto steps_at = [&](long long t) -> Steps {
    // What is behind the row's end hands on what it gets.
    if (!there || t < 0 || t >= job.horizon) return {0.0f, 1.0f};
    return vtrace::step(values[t], values[t + 1], rewards[t], static_cast<float>(terminals[t]),
                        job.importance != nullptr ? importance[t] : 1.0f, job.settings);
  };

  __shared__ float offsets[2][WARPS], slopes[2][WARPS], sums[WARPS];
  float handed_on = 0.0f, sum = 0.0f;
  int turn = 0;
  long long t = (job.horizon - 1) / GROUP * GROUP + rank;
  Steps next = steps_at(t);
  for (long long begin = t - rank; begin >= 0; begin -= GROUP, t -= GROUP, turn ^= 1) {
    Steps steps = next;
    next = steps_at(t - GROUP);  // on its way while this block is scanned
    steps = scanned<LANES>(steps, lane);
    float a;
    if constexpr (WARPS == 1) {
      a = steps.offset + steps.slope * handed_on;
      handed_on = __shfl_sync(ALL, a, 0, LANES);
    } else {
      if (lane == 0) {
        offsets[turn][warp] = steps.offset;
        slopes[turn][warp] = steps.slope;
      }
      // One barrier a turn is enough: the next turn writes the other half.
      __syncthreads();
      Steps warps = {0.0f, 1.0f};
      if (lane < WARPS) warps = {offsets[turn][lane], slopes[turn][lane]};
      warps = scanned<WARP>(warps, lane);
      const float first = warps.offset + warps.slope * handed_on;  // of warp number `lane`
      const float behind = __shfl_sync(ALL, first, (warp + 1) % WARP);
      a = steps.offset + steps.slope * (warp + 1 < WARPS ? behind : handed_on);
      handed_on = __shfl_sync(ALL, first, 0);
    }
    if (there && t < job.horizon) {
      advantages[t] = a;
      if (job.returns != nullptr) returns[t] = a + values[t];
      sum += fabsf(a);
    }
  }

  sum = total<LANES>(sum);
  if constexpr (WARPS > 1) {
    if (lane == 0) sums[warp] = sum;
    __syncthreads();
    if (warp == 0) sum = total<WARP>(lane < WARPS ? sums[lane] : 0.0f);
  }
  if (there && rank == 0) job.priorities[row] = sum;
}

}  // namespace

#define VTRACE_KERNEL(LANES, WARPS)                                            \
  extern "C" __global__ void vtrace_##LANES##x##WARPS##_float(const Job job) { \
    scan_rows<LANES, WARPS, float>(job);                                       \
  }                                                                            \
  extern "C" __global__ void vtrace_##LANES##x##WARPS##_byte(const Job job) {  \
    scan_rows<LANES, WARPS, unsigned char>(job);                               \
  }

VTRACE_KERNEL(1, 1)
VTRACE_KERNEL(4, 1)
VTRACE_KERNEL(8, 1)
VTRACE_KERNEL(16, 1)
VTRACE_KERNEL(32, 1)
VTRACE_KERNEL(32, 4)
VTRACE_KERNEL(32, 16)
