// Runs the CUDA source on a CPU, so that its indices, barriers and shuffles are tested where there is
// no GPU: each thread of a block is a fiber, and one that meets a barrier lets the others go on.
// Blocks run one after another.

#include <ucontext.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#define __device__
#define __global__
#define __shared__ static

struct Index {
  unsigned x;
};
static Index blockIdx, threadIdx, blockDim;

namespace emulator {

constexpr size_t STACK = 1 << 16;

struct Fiber {
  ucontext_t context;
  std::unique_ptr<char[]> stack{new char[STACK]};
  bool done = false;
};

struct Barrier {
  int arrived = 0;
  unsigned generation = 0;
};

static std::vector<Fiber> fibers;
static ucontext_t scheduler;
static std::function<void()> body;
static std::vector<Barrier> warps;
static Barrier block;
static std::vector<float> posted;

static void yield() { swapcontext(&fibers[threadIdx.x].context, &scheduler); }

static void meet(Barrier& barrier, int threads) {
  const unsigned generation = barrier.generation;
  if (++barrier.arrived == threads) {
    barrier.arrived = 0;
    ++barrier.generation;
  }
  while (barrier.generation == generation) yield();
}

// The value of another lane of the warp. All lanes must come by.
static float exchanged(float mine, unsigned from) {
  Barrier& warp = warps[threadIdx.x / 32];
  posted[threadIdx.x] = mine;
  meet(warp, 32);
  const float other = posted[threadIdx.x / 32 * 32 + from];
  meet(warp, 32);
  return other;
}

static void enter() {
  body();
  fibers[threadIdx.x].done = true;
  yield();
}

// Returns false where a barrier is waited at that no one else comes to.
static bool launch(unsigned grid, unsigned threads, std::function<void()> kernel) {
  body = std::move(kernel);
  blockDim.x = threads;
  posted.assign(threads, 0.0f);
  for (unsigned b = 0; b < grid; ++b) {
    blockIdx.x = b;
    block = {};
    warps.assign(threads / 32, {});
    fibers = std::vector<Fiber>(threads);
    for (Fiber& fiber : fibers) {
      getcontext(&fiber.context);
      fiber.context.uc_stack.ss_sp = fiber.stack.get();
      fiber.context.uc_stack.ss_size = STACK;
      fiber.context.uc_link = nullptr;
      makecontext(&fiber.context, enter, 0);
    }
    for (unsigned left = threads, idle = 0; left > 0;) {
      if (++idle > 100000) return false;
      for (unsigned t = 0; t < threads; ++t) {
        if (fibers[t].done) continue;
        threadIdx.x = t;
        swapcontext(&scheduler, &fibers[t].context);
        if (fibers[t].done) --left, idle = 0;
      }
    }
  }
  return true;
}

}  // namespace emulator

static float __shfl_sync(unsigned, float x, int lane, int width = 32) {
  const unsigned mine = threadIdx.x % 32;
  return emulator::exchanged(x, mine / width * width + lane % width);
}

static float __shfl_down_sync(unsigned, float x, int by, int width = 32) {
  const unsigned mine = threadIdx.x % 32;
  return emulator::exchanged(x, mine % width + by < static_cast<unsigned>(width) ? mine + by : mine);
}

static void __syncthreads() { emulator::meet(emulator::block, static_cast<int>(blockDim.x)); }

#include "vtrace.cu"

using Kernel = void (*)(const vtrace::Job);

#define CASE(LANES, WARPS)                     \
  if (lanes == LANES && warps == WARPS) {      \
    kernel = vtrace_##LANES##x##WARPS##_float; \
    bytes = vtrace_##LANES##x##WARPS##_byte;   \
  }

extern "C" int run(const vtrace::Job* job, int lanes, int warps, unsigned grid, unsigned threads) {
  Kernel kernel = nullptr, bytes = nullptr;
  CASE(1, 1) CASE(4, 1) CASE(8, 1) CASE(16, 1) CASE(32, 1) CASE(32, 4) CASE(32, 16)
  if (kernel == nullptr) return 2;
  if (job->terminals_are_bytes) kernel = bytes;
  return emulator::launch(grid, threads, [&] { kernel(*job); }) ? 0 : 1;
}
