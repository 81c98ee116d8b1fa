// Sums and moments of the columns of a matrix whose rows lie side by side: rows in chunks that stay in the second
// cache, two results for each chunk and column, in double, which are then merged in a tree.
#pragma once
#include "cpu/moments.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// `images` matrices of (rows, columns), one after the other.
struct ColumnChunks {
  std::int64_t images, rows, columns, step, chunks;  // rows of a chunk, chunks of an image
  double* results = nullptr;                         // (images, chunks, 2, columns)

  ColumnChunks(std::int64_t images_, std::int64_t rows_, std::int64_t columns_, std::int64_t item_size)
      : images(images_), rows(rows_), columns(columns_) {
    constexpr std::int64_t kCache = 1 << 18, kFewest = 32, kMost = kPieceTerms / 2;
    step = most(kFewest, least(kMost, kCache / most(1, columns * item_size)));
    chunks = divide_up(rows, step);
  }
  void take(Workspace& workspace) { results = workspace.take<double>(images * chunks * 2 * columns); }
  FASTNETS_INLINE double* result(std::int64_t image, std::int64_t chunk, int which) const {
    return results + ((image * chunks + chunk) * 2 + which) * columns;
  }
};

// Calls f(rows as a constant, first row) for rows four at a time, then one at a time.
template <class F>
FASTNETS_INLINE void each_four(std::int64_t rows, const F& f) {
  std::int64_t r = 0;
  for (; r + 4 <= rows; r += 4) f(std::integral_constant<int, 4>(), r);
  for (; r < rows; ++r) f(std::integral_constant<int, 1>(), r);
}
// ((a₀ + a₁) + (a₂ + a₃)), or a₀.
template <int kRows, class V>
FASTNETS_INLINE V sum_of(const V (&a)[kRows]) {
  if constexpr (kRows == 4)
    return (a[0] + a[1]) + (a[2] + a[3]);
  else
    return a[0];
}
// Calls f(column, n) for vectors of columns.
template <class Acc, class F>
FASTNETS_INLINE void each_column_vector(std::int64_t columns, const F& f) {
  constexpr std::int64_t L = Vec<Acc>::lanes;
  std::int64_t c = 0;
  for (; c + L <= columns; c += L) f(c, static_cast<int>(L));
  if (c < columns) f(c, static_cast<int>(columns - c));
}

// The means of a chunk's columns and the sums of squared distances from them; see moments.h for the corrections.
template <class T>
void column_moments(const T* x, std::int64_t rows, std::int64_t columns, double* mean, double* square) {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  Acc* about = static_cast<Acc*>(scratch(static_cast<std::size_t>(3 * columns) * sizeof(Acc), 1));
  Acc *rest = about + columns, *squares = rest + columns;
  for (std::int64_t c = 0; c < 3 * columns; ++c) about[c] = 0;
  each_four(rows, [&]<int kRows>(std::integral_constant<int, kRows>, std::int64_t r) FASTNETS_INLINE_LAMBDA {
    const T* row = x + r * columns;
    each_column_vector<Acc>(columns, [&](std::int64_t c, int n) FASTNETS_INLINE_LAMBDA {
      V value[kRows];
      for (int i = 0; i < kRows; ++i) value[i] = read(row + i * columns + c, n);
      write(about + c, read(about + c, n) + sum_of(value), n);
    });
  });
  const Acc count = static_cast<Acc>(rows);
  for (std::int64_t c = 0; c < columns; ++c) about[c] /= count;
  each_four(rows, [&]<int kRows>(std::integral_constant<int, kRows>, std::int64_t r) FASTNETS_INLINE_LAMBDA {
    const T* row = x + r * columns;
    each_column_vector<Acc>(columns, [&](std::int64_t c, int n) FASTNETS_INLINE_LAMBDA {
      const V center = read(about + c, n);
      V d[kRows], squared[kRows];
      for (int i = 0; i < kRows; ++i) d[i] = read(row + i * columns + c, n) - center, squared[i] = d[i] * d[i];
      write(rest + c, read(rest + c, n) + sum_of(d), n);
      write(squares + c, read(squares + c, n) + sum_of(squared), n);
    });
  });
  for (std::int64_t c = 0; c < columns; ++c) {
    const double r = rest[c], n = static_cast<double>(rows);
    mean[c] = r - r == 0 ? about[c] + r / n : about[c];
    square[c] = squares[c] - r * (r / n);
  }
}

// first[c] = sum over rows of dy, second[c] = of dy · (x − mean[c])
template <class T>
void column_sums(const T* dy, const T* x, const Accumulator<T>* mean, std::int64_t rows, std::int64_t columns,
                 double* first, double* second) {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  Acc* sums = static_cast<Acc*>(scratch(static_cast<std::size_t>(2 * columns) * sizeof(Acc), 1));
  Acc* products = sums + columns;
  for (std::int64_t c = 0; c < 2 * columns; ++c) sums[c] = 0;
  each_four(rows, [&]<int kRows>(std::integral_constant<int, kRows>, std::int64_t r) FASTNETS_INLINE_LAMBDA {
    const std::int64_t row = r * columns;
    each_column_vector<Acc>(columns, [&](std::int64_t c, int n) FASTNETS_INLINE_LAMBDA {
      const V center = read(mean + c, n);
      V g[kRows], product[kRows];
      for (int i = 0; i < kRows; ++i) {
        g[i] = read(dy + row + i * columns + c, n);
        product[i] = g[i] * (read(x + row + i * columns + c, n) - center);
      }
      write(sums + c, read(sums + c, n) + sum_of(g), n);
      write(products + c, read(products + c, n) + sum_of(product), n);
    });
  });
  for (std::int64_t c = 0; c < columns; ++c) first[c] = sums[c], second[c] = products[c];
}

// How two chunks become one: a pair of vectors (first, second) of na rows and one of nb.
struct MergeSums {
  using V = Vec<double>;
  FASTNETS_INLINE static void apply(V& a, V& a2, V b, V b2, double, double) { a = a + b, a2 = a2 + b2; }
};
struct MergeMoments {
  using V = Vec<double>;
  FASTNETS_INLINE static void apply(V& mean, V& square, V b_mean, V b_square, double na, double nb) {
    const V distance = b_mean - mean;
    square = fma(distance * distance, splat(na * nb / (na + nb)), square + b_square);
    mean = select(is_nan(distance - distance), mean + b_mean, fma(distance, splat(nb / (na + nb)), mean));
  }
};

// Merges the chunks of columns [begin, end) of an image in pairs, pairs of pairs, …; the first chunk holds the result.
template <class Merge>
void merge_chunks(const ColumnChunks& k, std::int64_t image, std::int64_t begin, std::int64_t end) {
  for (std::int64_t width = 1; width < k.chunks; width *= 2)
    for (std::int64_t i = 0; i + width < k.chunks; i += 2 * width) {
      const auto na = static_cast<double>(width * k.step);
      const auto nb = static_cast<double>(least(width * k.step, k.rows - (i + width) * k.step));
      double *a = k.result(image, i, 0) + begin, *a2 = k.result(image, i, 1) + begin;
      const double *b = k.result(image, i + width, 0) + begin, *b2 = k.result(image, i + width, 1) + begin;
      each_column_vector<double>(end - begin, [&](std::int64_t c, int n) FASTNETS_INLINE_LAMBDA {
        auto first = read(a + c, n), second = read(a2 + c, n);
        Merge::apply(first, second, read(b + c, n), read(b2 + c, n), na, nb);
        write(a + c, first, n);
        write(a2 + c, second, n);
      });
    }
}

// fill(first row of all images', how many, first, second) computes the results of a chunk; then
// finish(image, begin, end) sees the merged results of some columns.
template <class Merge, class Fill, class Finish>
void reduce_columns(const ColumnChunks& k, const Fill& fill, const Finish& finish) {
  const auto chunk = [&](std::int64_t t) {  // t = (image, chunk)
    const std::int64_t image = t / k.chunks, i = t % k.chunks, row = i * k.step;
    fill(image * k.rows + row, least(k.step, k.rows - row), k.result(image, i, 0), k.result(image, i, 1));
  };
  parallel(k.images * k.chunks, chunk);
  const std::int64_t block = most(64, round_up(4096 / most(1, k.chunks), 64));
  const std::int64_t blocks = divide_up(k.columns, block);
  const auto merge_block = [&](std::int64_t t) {  // t = (image, block)
    const std::int64_t image = t / blocks, begin = t % blocks * block, end = least(k.columns, begin + block);
    merge_chunks<Merge>(k, image, begin, end);
    finish(image, begin, end);
  };
  parallel(k.images * blocks, merge_block);
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
