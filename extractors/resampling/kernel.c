/* Antialiased bilinear resampling of 8-bit RGB images with the bits that Pillow gives.

   Pillow weighs with whole numbers of 22 bits, across first and then down, and rounds after each
   (src/libImaging/Resample.c; this is not its code). Here a weight is split into two halves of 11
   bits, which fit the processor's products of 16-bit pairs: the sums are the same whole numbers.
   Weights are not negative and add up to 2**22 but for their rounding, so that no sum leaves
   0..255 after the shift. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define WEIGHT_BITS 22
#define LOW_BITS 11
#define ROWS 4 /* taken across at once */

/* One direction: pixel `out` is the sum of `taps` pixels from first[out] on, weighed with
   high * 2**11 + low [out][taps]. */
typedef struct {
    int32_t out, taps;
    const int32_t *first;
    const int16_t *high, *low;
} axis;

AVX2 static inline __m256i two_rows(const uint8_t *one, const uint8_t *other)
{
    __m128i low = _mm_loadu_si128((const __m128i *)one);
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low),
                                   _mm_loadu_si128((const __m128i *)other), 1);
}

AVX2 static inline __m256i pair_of(const int16_t *weights)
{
    int32_t both;
    memcpy(&both, weights, sizeof both);
    return _mm256_set1_epi32(both);
}

AVX2 static inline __m256i with(__m256i sum, __m256i pixels, __m256i weights)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pixels, weights));
}

AVX2 static inline __m256i rounded(__m256i high, __m256i low)
{
    __m256i half = _mm256_set1_epi32(1 << (WEIGHT_BITS - 1));
    __m256i whole = _mm256_add_epi32(_mm256_slli_epi32(high, LOW_BITS), low);
    return _mm256_srli_epi32(_mm256_add_epi32(whole, half), WEIGHT_BITS);
}

/* Four rows across, a pixel at a time: each half of a register has one row's, its three colours side
   by side, two pixels in a pair. taps is a multiple of 4. */
AVX2 static void across(const uint8_t *rows, ptrdiff_t stride, const axis *x, uint8_t *target,
                        ptrdiff_t target_stride)
{
    const __m256i pixels01 = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1));
    const __m256i pixels23 = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1));
    for (int out = 0; out < x->out; out++) {
        __m256i high_a = _mm256_setzero_si256(), low_a = high_a, high_b = high_a, low_b = high_a;
        const uint8_t *at = rows + 3 * (ptrdiff_t)x->first[out];
        const int16_t *high = x->high + out * x->taps, *low = x->low + out * x->taps;
        for (int tap = 0; tap < x->taps; tap += 4, at += 12) {
            __m256i a = two_rows(at, at + stride), b = two_rows(at + 2 * stride, at + 3 * stride);
            __m256i a01 = _mm256_shuffle_epi8(a, pixels01), b01 = _mm256_shuffle_epi8(b, pixels01);
            __m256i a23 = _mm256_shuffle_epi8(a, pixels23), b23 = _mm256_shuffle_epi8(b, pixels23);
            __m256i high01 = pair_of(high + tap), high23 = pair_of(high + tap + 2);
            __m256i low01 = pair_of(low + tap), low23 = pair_of(low + tap + 2);
            high_a = with(with(high_a, a01, high01), a23, high23);
            high_b = with(with(high_b, b01, high01), b23, high23);
            low_a = with(with(low_a, a01, low01), a23, low23);
            low_b = with(with(low_b, b01, low01), b23, low23);
        }
        __m256i both = _mm256_packus_epi32(rounded(high_a, low_a), rounded(high_b, low_b));
        both = _mm256_packus_epi16(both, both);
        uint64_t rows02 = _mm256_extract_epi64(both, 0), rows13 = _mm256_extract_epi64(both, 2);
        uint32_t pixel[ROWS] = {rows02, rows13, rows02 >> 32, rows13 >> 32};
        for (int row = 0; row < ROWS; row++) /* the fourth byte is overwritten by the next pixel */
            memcpy(target + row * target_stride + 3 * out, pixel + row, 4);
    }
}

/* One row down, 16 colours at a time. taps is a multiple of 2. */
AVX2 static void down(const uint8_t *rows, ptrdiff_t stride, const axis *y, int out, int wide,
                      uint8_t *target)
{
    const int16_t *high = y->high + out * y->taps, *low = y->low + out * y->taps;
    rows += y->first[out] * stride;
    for (int at = 0; at < wide; at += 16) {
        __m256i high_a = _mm256_setzero_si256(), low_a = high_a, high_b = high_a, low_b = high_a;
        for (int tap = 0; tap < y->taps; tap += 2) {
            const uint8_t *from = rows + tap * stride + at;
            __m256i one = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)from));
            __m256i other = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(from + stride)));
            __m256i a = _mm256_unpacklo_epi16(one, other), b = _mm256_unpackhi_epi16(one, other);
            __m256i high_pair = pair_of(high + tap), low_pair = pair_of(low + tap);
            high_a = with(high_a, a, high_pair);
            high_b = with(high_b, b, high_pair);
            low_a = with(low_a, a, low_pair);
            low_b = with(low_b, b, low_pair);
        }
        __m256i both = _mm256_packus_epi32(rounded(high_a, low_a), rounded(high_b, low_b));
        both = _mm256_permute4x64_epi64(_mm256_packus_epi16(both, both), 0x08);
        _mm_storeu_si128((__m128i *)(target + at), _mm256_castsi256_si128(both));
    }
}

int aqa_usable(void) { return __builtin_cpu_supports("avx2") != 0; }

/* `row_bytes` of each of `count` rows -> target [y->out][x->out][3]. `line` has ROWS rows of
   `line_stride` bytes, `middle` count + ROWS + y->taps rows of `middle_stride`; both strides have 32
   bytes to spare behind the longest row and the taps that lie outside, whose weights are 0. */
void aqa_resample(const uint8_t *source, ptrdiff_t stride, int row_bytes, int count, const axis *x,
                  const axis *y, uint8_t *line, ptrdiff_t line_stride, uint8_t *middle,
                  ptrdiff_t middle_stride, uint8_t *target)
{
    for (int first = 0; first < count; first += ROWS) {
        for (int row = 0; row < ROWS; row++) {
            int from = first + row < count ? first + row : count - 1;
            memcpy(line + row * line_stride, source + from * stride, row_bytes);
        }
        across(line, line_stride, x, middle + first * middle_stride, middle_stride);
    }
    int wide = x->out * 3;
    for (int out = 0; out < y->out; out++) {
        down(middle, middle_stride, y, out, wide, line);
        memcpy(target + (ptrdiff_t)out * wide, line, wide);
    }
}

#else

int aqa_usable(void) { return 0; }

#endif
