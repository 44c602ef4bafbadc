// The CPU's advantages behind a plain C interface: no header of PyTorch or Python is needed to build
// it, so that one library serves every version of both.

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "vtrace_rows.hpp"

namespace {

using vtrace::Job;

struct InstructionSet {
  const char* name;
  vtrace::Rows rows;
  vtrace::Stream stream;
};

// Those that this processor has, the widest first.
const std::vector<InstructionSet>& instruction_sets() {
  static const std::vector<InstructionSet> found = [] {
    std::vector<InstructionSet> sets;
#ifdef VTRACE_X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl")) {
      sets.push_back({"avx512", vtrace::rows_avx512, vtrace::stream_avx512});
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("bmi2")) {
      sets.push_back({"avx2", vtrace::rows_avx2, vtrace::stream_avx2});
    }
#endif
    sets.push_back({"baseline", vtrace::rows_baseline, vtrace::stream_baseline});
    return sets;
  }();
  return found;
}

const InstructionSet* set_named(const char* name) {
  const auto& sets = instruction_sets();
  if (name == nullptr || *name == '\0') return &sets.front();
  for (const auto& set : sets) {
    if (std::strcmp(set.name, name) == 0) return &set;
  }
  return nullptr;
}

// How many pieces each thread gets on average. They are handed out as they are asked for, so that a
// thread that starts late, or whose processor is taken from it for a while, does fewer of them.
constexpr int64_t PIECES = 8;

// Calls work(first, last) on pieces of [0, count). Threads are started anew each time: that takes
// some 20 us, which is little where they pay at all, and leaves nothing that a fork could break.
template <class Work>
void shared_out(int64_t count, int64_t threads, int64_t grain, const Work& work) {
  // Pieces are whole multiples of a grain: no two threads write the same cache line.
  const int64_t grains = (count + grain - 1) / grain;
  threads = std::max<int64_t>(1, std::min(threads, grains));
  const int64_t pieces = threads == 1 ? 1 : std::min(grains, threads * PIECES);
  const auto begin = [&](int64_t piece) { return std::min(count, grains * piece / pieces * grain); };
  std::atomic<int64_t> next{0};
  const auto help = [&] {
    for (int64_t piece; (piece = next.fetch_add(1, std::memory_order_relaxed)) < pieces;) {
      work(begin(piece), begin(piece + 1));
    }
  };
  std::vector<std::thread> others;
  try {
    for (int64_t started = 1; started < threads; ++started) others.emplace_back(help);
  } catch (const std::system_error&) {
    // No more threads to be had: those that there are do all of it.
  }
  help();
  for (auto& thread : others) thread.join();
}

constexpr int64_t ROWS_OF_A_CACHE_LINE = 16;

}  // namespace

#define VTRACE_PUBLIC __attribute__((visibility("default")))

extern "C" {

// The sources that this library was made from, as kernels/build.py names them.
VTRACE_PUBLIC const char* vtrace_fingerprint() { return VTRACE_FINGERPRINT; }

// The names of the instruction sets that can be asked for, the default first, separated by spaces.
VTRACE_PUBLIC const char* vtrace_instruction_sets() {
  static const std::string names = [] {
    std::string joined;
    for (const auto& set : instruction_sets()) {
      joined += (joined.empty() ? "" : " ") + std::string(set.name);
    }
    return joined;
  }();
  return names.c_str();
}

// Returns 0, or 1 where this processor has not the instruction set.
VTRACE_PUBLIC int vtrace_advantages(const Job* job, int threads, const char* instruction_set) {
  const InstructionSet* set = set_named(instruction_set);
  if (set == nullptr) return 1;
  shared_out(job->segments, threads, ROWS_OF_A_CACHE_LINE,
             [&](int64_t first, int64_t last) { set->rows(*job, first, last); });
  return 0;
}

// Reads four arrays of n floats and writes one: the measure of the memory.
VTRACE_PUBLIC int vtrace_stream(const float* a, const float* b, const float* c, const float* d, float* out,
                  int64_t n, int threads, int past_the_cache) {
  const auto stream = set_named(nullptr)->stream;
  shared_out(n, threads, 1024, [&](int64_t first, int64_t last) {
    stream(a + first, b + first, c + first, d + first, out + first, last - first, past_the_cache);
  });
  return 0;
}
}
