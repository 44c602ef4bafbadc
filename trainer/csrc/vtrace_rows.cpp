// The kernel for one instruction set. Compiled once for each, with VTRACE_SET naming it; nothing in
// here may be shared between them, hence the nameless namespace and no library functions.
//
// Four rows are scanned together from their ends, a block of LANES steps at a time. Offsets and
// slopes are computed where the steps lie, along the rows. Then each four by four of them are
// transposed, which no wider shuffle is needed for: lane 4 g + r of vector j is step 4 g + j of row r.
// Three compositions, vector by vector, make a function of each group of four steps; log2(LANES / 4)
// rounds compose it with the groups behind; and the advantages are transposed back.

#include "vtrace_rows.hpp"

#include <utility>

#ifdef __SSE2__
#include <immintrin.h>
#endif

#ifndef VTRACE_SET
#define VTRACE_SET baseline
#endif
#define VTRACE_JOIN(a, b) a##_##b
#define VTRACE_NAMED(a, b) VTRACE_JOIN(a, b)

namespace vtrace {
namespace {

#if defined(__AVX512F__)
constexpr int WIDEST = 16;
#elif defined(__AVX2__)
constexpr int WIDEST = 8;
#else
constexpr int WIDEST = 4;
#endif

// How far ahead memory is fetched into the cache, in steps.
constexpr int64_t AHEAD = 512;
constexpr int64_t LINE = 16;  // steps of a cache line

template <int LANES>
struct Vector {
  typedef float Floats __attribute__((vector_size(LANES * sizeof(float))));
  typedef int32_t Ints __attribute__((vector_size(LANES * sizeof(int32_t))));
  typedef uint8_t Bytes __attribute__((vector_size(LANES)));
};
template <int LANES>
using Floats = typename Vector<LANES>::Floats;
template <int LANES>
using Ints = typename Vector<LANES>::Ints;

template <class T, class Source>
inline T load(const Source* from) {
  T loaded;
  __builtin_memcpy(&loaded, from, sizeof loaded);
  return loaded;
}

template <int LANES>
inline Floats<LANES> load_terminals(const float* from) {
  return load<Floats<LANES>>(from);
}

template <int LANES>
inline Floats<LANES> load_terminals(const uint8_t* from) {
  // By way of integers: there are instructions for both steps.
  const auto bytes = load<typename Vector<LANES>::Bytes>(from);
  return __builtin_convertvector(__builtin_convertvector(bytes, Ints<LANES>), Floats<LANES>);
}

template <class V>
inline void store(float* to, V v) {
  __builtin_memcpy(to, &v, sizeof v);
}

// Past the cache: without reading first what is overwritten. `to` is aligned to V.
template <class V>
inline void store_past_the_cache(float* to, V v) {
#if defined(__AVX512F__)
  if constexpr (sizeof v == 64) return _mm512_stream_ps(to, (__m512)v);
#endif
#if defined(__AVX__)
  if constexpr (sizeof v == 32) return _mm256_stream_ps(to, (__m256)v);
#endif
#if defined(__SSE2__)
  if constexpr (sizeof v == 16) return _mm_stream_ps(to, (__m128)v);
#endif
  store(to, v);
}

template <int... FROM, class V>
inline V shuffled(V a, V b) {
#if __has_builtin(__builtin_shufflevector)
  return __builtin_shufflevector(a, b, FROM...);
#else
  return __builtin_shuffle(a, b, Ints<sizeof...(FROM)>{FROM...});
#endif
}

// Lane i of the result is lane i + BY of v, the last ones the first of `behind`.
template <int BY, class V, int... LANE>
inline V shifted(V v, V behind, std::integer_sequence<int, LANE...>) {
  return shuffled<(LANE + BY)...>(v, behind);
}

// The first group of four lanes in place of all.
template <class V, int... LANE>
inline V spread_first(V v, std::integer_sequence<int, LANE...>) {
  return shuffled<(LANE % 4)...>(v, v);
}

// Transposes each group of four lanes of four vectors: lane 4 g + r of vector j becomes lane 4 g + j
// of vector r.
template <class V, int... LANE>
inline void transpose(V (&v)[4], std::integer_sequence<int, LANE...>) {
  constexpr int OTHER = sizeof...(LANE);
  // Lanes 0 and 1 of two, interleaved: in each group a0 b0 a1 b1; then lanes 2 and 3.
  const V ab01 = shuffled<(LANE / 4 * 4 + LANE % 4 / 2 + LANE % 2 * OTHER)...>(v[0], v[1]);
  const V ab23 = shuffled<(LANE / 4 * 4 + LANE % 4 / 2 + LANE % 2 * OTHER + 2)...>(v[0], v[1]);
  const V cd01 = shuffled<(LANE / 4 * 4 + LANE % 4 / 2 + LANE % 2 * OTHER)...>(v[2], v[3]);
  const V cd23 = shuffled<(LANE / 4 * 4 + LANE % 4 / 2 + LANE % 2 * OTHER + 2)...>(v[2], v[3]);
  v[0] = shuffled<(LANE / 4 * 4 + LANE % 2 + LANE % 4 / 2 * OTHER)...>(ab01, cd01);
  v[1] = shuffled<(LANE / 4 * 4 + LANE % 2 + LANE % 4 / 2 * OTHER + 2)...>(ab01, cd01);
  v[2] = shuffled<(LANE / 4 * 4 + LANE % 2 + LANE % 4 / 2 * OTHER)...>(ab23, cd23);
  v[3] = shuffled<(LANE / 4 * 4 + LANE % 2 + LANE % 4 / 2 * OTHER + 2)...>(ab23, cd23);
}

// Composes each lane with those at the same place of the groups behind it.
template <int LANES, int BY = 4>
inline Linear<Floats<LANES>> scanned(Linear<Floats<LANES>> groups) {
  if constexpr (BY >= LANES) {
    return groups;
  } else {
    constexpr auto LANE = std::make_integer_sequence<int, LANES>{};
    const Floats<LANES> zeros{}, ones = zeros + 1.0f;
    const Linear<Floats<LANES>> behind = {shifted<BY>(groups.offset, zeros, LANE),
                                          shifted<BY>(groups.slope, ones, LANE)};
    return scanned<LANES, BY * 2>(composed(groups, behind));
  }
}

// Each of the first four lanes becomes the sum of those at its place in all groups.
template <int LANES, int BY = LANES / 2>
inline Floats<LANES> folded(Floats<LANES> v) {
  if constexpr (BY < 4) {
    return v;
  } else {
    constexpr auto LANE = std::make_integer_sequence<int, LANES>{};
    return folded<LANES, BY / 2>(v + shifted<BY>(v, Floats<LANES>{}, LANE));
  }
}

template <int LANES>
inline Floats<LANES> magnitude(Floats<LANES> v) {
  return (Floats<LANES>)((Ints<LANES>)v & 0x7fffffff);
}

// Four rows, or one row four times over: then row_step is 0. horizon >= LANES.
template <int LANES, class Terminal, bool IMPORTANCE, bool RETURNS, bool BYPASS>
__attribute__((always_inline)) inline void scan_tile(const Job& job, int64_t row, int64_t row_step) {
  using V = Floats<LANES>;
  constexpr auto LANE = std::make_integer_sequence<int, LANES>{};
  const float* const values = job.values + row * job.values_stride;
  const float* const rewards = job.rewards + row * job.rewards_stride;
  const Terminal* const terminals =
      static_cast<const Terminal*>(job.terminals) + row * job.terminals_stride;
  const float* const importance = IMPORTANCE ? job.importance + row * job.importance_stride : nullptr;
  float* const advantages = job.advantages + row * job.advantages_stride;
  float* const returns = RETURNS ? job.returns + row * job.returns_stride : nullptr;
  const int64_t values_stride = row_step * job.values_stride;
  const int64_t rewards_stride = row_step * job.rewards_stride;
  const int64_t terminals_stride = row_step * job.terminals_stride;
  const int64_t importance_stride = row_step * job.importance_stride;
  const int64_t advantages_stride = row_step * job.advantages_stride;
  const int64_t returns_stride = row_step * job.returns_stride;

  const int64_t ahead = 4 + AHEAD / job.horizon / 4 * 4;
  V sum{};
  // Does the steps [t, t + LANES), adds to the sum those from t + `uncounted` on.
  const auto block = [&](int64_t t, V handed_on, int64_t uncounted) __attribute__((always_inline)) {
    V offset[4], slope[4];
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      const float* const value = values + r * values_stride + t;
      // Never faults, so that it may reach past the last row. Not in a function of its own: GCC 12
      // finds such a one without effect and leaves it out.
      if (LANES >= LINE || t % LINE < LANES) {
        __builtin_prefetch(value + ahead * values_stride);
        __builtin_prefetch(rewards + (ahead + r) * rewards_stride + t);
        __builtin_prefetch(terminals + (ahead + r) * terminals_stride + t);
        if constexpr (IMPORTANCE) __builtin_prefetch(importance + (ahead + r) * importance_stride + t);
      }
      const V weight = IMPORTANCE ? load<V>(importance + r * importance_stride + t) : V{} + 1.0f;
      const auto steps = step(load<V>(value), load<V>(value + 1),
                              load<V>(rewards + r * rewards_stride + t),
                              load_terminals<LANES>(terminals + r * terminals_stride + t), weight,
                              job.settings);
      offset[r] = steps.offset;
      slope[r] = steps.slope;
    }
    transpose(offset, LANE);
    transpose(slope, LANE);
    Linear<V> group = {offset[3], slope[3]};
#pragma GCC unroll 3
    for (int j = 2; j >= 0; --j) {
      group = composed({offset[j], slope[j]}, group);
      offset[j] = group.offset;
      slope[j] = group.slope;
    }
    group = scanned<LANES>(group);
    V a[4];
    a[0] = group.offset + group.slope * handed_on;
    const V from_behind = shifted<4>(a[0], handed_on, LANE);
#pragma GCC unroll 3
    for (int j = 1; j < 4; ++j) a[j] = offset[j] + slope[j] * from_behind;
    const V first = a[0];
    if (uncounted == 0) {
      sum += (magnitude<LANES>(a[0]) + magnitude<LANES>(a[1])) +
             (magnitude<LANES>(a[2]) + magnitude<LANES>(a[3]));
    } else {
      for (int j = 0; j < 4; ++j) {
        for (int lane = 0; lane < LANES; ++lane) {
          if (lane / 4 * 4 + j >= uncounted) sum[lane] += __builtin_fabsf(a[j][lane]);
        }
      }
    }
    transpose(a, LANE);
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      float* const to = advantages + r * advantages_stride + t;
      if constexpr (BYPASS) {
        store_past_the_cache(to, a[r]);
      } else {
        store(to, a[r]);
      }
      if constexpr (RETURNS) {
        store(returns + r * returns_stride + t, a[r] + load<V>(values + r * values_stride + t));
      }
    }
    return spread_first(first, LANE);
  };

  // Where LANES does not divide the horizon the last two blocks share some steps.
  const int64_t whole = job.horizon - job.horizon % LANES;
  const int64_t shared = (LANES - job.horizon % LANES) % LANES;
  V handed_on = block(job.horizon - LANES, V{}, shared);
  int64_t t = whole - LANES;
  if (shared != 0) {
    t = whole;
    for (int lane = 0; lane < LANES; ++lane) handed_on[lane] = advantages[lane % 4 * advantages_stride + t];
  }
  for (t -= LANES; t >= 0; t -= LANES) handed_on = block(t, handed_on, 0);
  const V priorities = folded<LANES>(sum);
  __builtin_memcpy(job.priorities + row, &priorities, (row_step == 0 ? 1 : 4) * sizeof(float));
}

template <int LANES, class Terminal, bool IMPORTANCE, bool RETURNS, bool BYPASS>
void scan_tiles(const Job& asked, int64_t first, int64_t last) {
  // A copy of its own: the compiler sees that no store changes it, and keeps it in registers.
  const Job job = asked;
  int64_t row = first;
  for (; row + 4 <= last; row += 4) {
    scan_tile<LANES, Terminal, IMPORTANCE, RETURNS, BYPASS>(job, row, 1);
  }
  for (; row < last; ++row) {
    scan_tile<LANES, Terminal, IMPORTANCE, RETURNS, BYPASS>(job, row, 0);
  }
#ifdef __SSE2__
  if constexpr (BYPASS) _mm_sfence();
#endif
}

template <int LANES, class Terminal, bool IMPORTANCE, bool RETURNS>
void scan_rows(const Job& job, int64_t first, int64_t last) {
  // A store that bypasses the cache wants an aligned address, and none of its block written twice.
  if (job.past_the_cache && job.horizon % LANES == 0 && job.advantages_stride % LANES == 0 &&
      reinterpret_cast<uintptr_t>(job.advantages) % sizeof(Floats<LANES>) == 0) {
    return scan_tiles<LANES, Terminal, IMPORTANCE, RETURNS, true>(job, first, last);
  }
  scan_tiles<LANES, Terminal, IMPORTANCE, RETURNS, false>(job, first, last);
}

// Rows shorter than a vector.
template <class Terminal, bool IMPORTANCE, bool RETURNS>
void walk_rows(const Job& job, int64_t first, int64_t last) {
  for (int64_t row = first; row < last; ++row) {
    const float* values = job.values + row * job.values_stride;
    const float* rewards = job.rewards + row * job.rewards_stride;
    const Terminal* terminals =
        static_cast<const Terminal*>(job.terminals) + row * job.terminals_stride;
    const float* importance = IMPORTANCE ? job.importance + row * job.importance_stride : nullptr;
    float* advantages = job.advantages + row * job.advantages_stride;
    float* returns = RETURNS ? job.returns + row * job.returns_stride : nullptr;
    float a = 0.0f, sum = 0.0f;
    for (int64_t t = job.horizon - 1; t >= 0; --t) {
      const auto one = step(values[t], values[t + 1], rewards[t], float(terminals[t]),
                            IMPORTANCE ? importance[t] : 1.0f, job.settings);
      a = one.offset + one.slope * a;
      advantages[t] = a;
      if constexpr (RETURNS) returns[t] = a + values[t];
      sum += __builtin_fabsf(a);
    }
    job.priorities[row] = sum;
  }
}

template <class Terminal, bool IMPORTANCE, bool RETURNS>
void rows_of(const Job& job, int64_t first, int64_t last) {
  if constexpr (WIDEST >= 16) {
    // Not where the memory is what takes the time: rows begin anywhere, so that each load of a whole
    // cache line is one of two halves.
    if (job.horizon >= 16 && !job.past_the_cache) {
      return scan_rows<16, Terminal, IMPORTANCE, RETURNS>(job, first, last);
    }
  }
  if constexpr (WIDEST >= 8) {
    if (job.horizon >= 8) return scan_rows<8, Terminal, IMPORTANCE, RETURNS>(job, first, last);
  }
  if (job.horizon >= 4) return scan_rows<4, Terminal, IMPORTANCE, RETURNS>(job, first, last);
  walk_rows<Terminal, IMPORTANCE, RETURNS>(job, first, last);
}

template <class Terminal>
void rows_with(const Job& job, int64_t first, int64_t last) {
  if (job.importance != nullptr) {
    job.returns != nullptr ? rows_of<Terminal, true, true>(job, first, last)
                           : rows_of<Terminal, true, false>(job, first, last);
  } else {
    job.returns != nullptr ? rows_of<Terminal, false, true>(job, first, last)
                           : rows_of<Terminal, false, false>(job, first, last);
  }
}

}  // namespace

void VTRACE_NAMED(rows, VTRACE_SET)(const Job& job, int64_t first, int64_t last) {
  if (job.terminals_are_bytes) {
    rows_with<uint8_t>(job, first, last);
  } else {
    rows_with<float>(job, first, last);
  }
}

void VTRACE_NAMED(stream, VTRACE_SET)(const float* a, const float* b, const float* c,
                                      const float* d, float* out, int64_t n, bool past_the_cache) {
  using V = Floats<WIDEST>;
  int64_t i = 0;
  for (; i + WIDEST <= n; i += WIDEST) {
    const V sum = (load<V>(a + i) + load<V>(b + i)) + (load<V>(c + i) + load<V>(d + i));
    if (past_the_cache) {
      store_past_the_cache(out + i, sum);
    } else {
      store(out + i, sum);
    }
  }
  for (; i < n; ++i) out[i] = (a[i] + b[i]) + (c[i] + d[i]);
#ifdef __SSE2__
  if (past_the_cache) _mm_sfence();
#endif
}

}  // namespace vtrace
