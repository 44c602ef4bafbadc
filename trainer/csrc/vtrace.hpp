// The recurrence of V-trace blended with GAE's lambda, once, for the CPU and for CUDA.
//
//   delta_t = rho_t * (r_t + gamma * (1 - d_t) * V_{t+1} - V_t)
//   A_t     = delta_t + gamma * lambda * c_t * (1 - d_t) * A_{t+1},   A_T = 0
//   rho_t   = min(importance_t, rho_clip),   c_t = min(importance_t, c_clip)
//
// Source: Espeholt et al. 2018, equation 1 and remark 1 (arXiv:1802.01561); lambda as in its remark 2.
//
// A_t is a linear function of A_{t+1}. Two such functions, one after the other, are a third one, so
// that a row is a scan, which need not go step by step: both backends scan a block of steps at once.
#pragma once

#ifdef __CUDACC__
#define VTRACE_INLINE __host__ __device__ __forceinline__
#else
#define VTRACE_INLINE inline __attribute__((always_inline))
#endif

namespace vtrace {

struct Settings {
  float gamma;
  float lambda;
  float rho_clip;
  float c_clip;
};

// Strides are from row to row, in elements; along a row elements are neighbours.
struct Job {
  const float* values;      // [segments, horizon + 1]
  const float* rewards;     // [segments, horizon]
  const void* terminals;    // [segments, horizon], float or one byte each
  const float* importance;  // [segments, horizon], or null: all ones
  float* advantages;        // [segments, horizon]
  float* returns;           // [segments, horizon], or null: not wanted
  float* priorities;        // [segments]
  long long values_stride;
  long long rewards_stride;
  long long terminals_stride;
  long long importance_stride;
  long long advantages_stride;
  long long returns_stride;
  long long segments;
  long long horizon;
  bool terminals_are_bytes;
  bool past_the_cache;  // CPU: what is written need not be kept in the cache
  Settings settings;
};

// A_t = offset + slope * A_{t+1}. Number is a float, or a vector of floats: as many steps.
template <class Number>
struct Linear {
  Number offset;
  Number slope;
};

// min, but a NaN stays one: a policy that has gone wrong must not look right.
template <class Number>
VTRACE_INLINE Number capped(Number x, float cap) {
  const Number limit = Number{} + cap;
  return limit < x ? limit : x;
}

template <class Number>
VTRACE_INLINE Linear<Number> step(Number value, Number next_value, Number reward, Number terminal,
                                  Number importance, const Settings& settings) {
  const Number discount = settings.gamma - settings.gamma * terminal;
  const Number rho = capped(importance, settings.rho_clip);
  const Number c = capped(importance, settings.c_clip);
  return {rho * (reward + discount * next_value - value), settings.lambda * discount * c};
}

// What leads from A after `later` to A before `earlier`.
template <class Number>
VTRACE_INLINE Linear<Number> composed(Linear<Number> earlier, Linear<Number> later) {
  return {earlier.offset + earlier.slope * later.offset, earlier.slope * later.slope};
}

}  // namespace vtrace
