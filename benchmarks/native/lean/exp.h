// The exponential in plain arithmetic, which the compiler can turn into vector instructions.
#pragma once
#include <cstdint>
#include <cstring>

namespace pocketlm {

// e^x, to about 3e-7 relative, from e^-87 to e^87, which stand for what is beyond: 2^integer from the exponent's
// bits, times a polynomial of the fraction in [-0.5, 0.5] (Taylor's series of 2^f, whose next term is below 2e-7).
inline float exp_of(float x) {
  const float most = x < 87.0f ? x : 87.0f;
  const float powers = (most > -87.0f ? most : -87.0f) * 1.44269504f;  // NaN, of a bad model, becomes a number
  const int32_t whole = static_cast<int32_t>(powers + 127.5f) - 127;  // the nearest integer, as powers > -126
  const float f = powers - static_cast<float>(whole);
  const float fraction =
      1.0f + f * (0.693147181f +
                  f * (0.240226507f +
                       f * (0.0555041087f +
                            f * (0.00961812911f + f * (0.00133335581f + f * 0.000154035304f)))));
  const int32_t exponent = (whole + 127) << 23;
  float scale;
  memcpy(&scale, &exponent, sizeof scale);
  return fraction * scale;
}

}  // namespace pocketlm
