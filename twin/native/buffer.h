// Memory for large arrays that are filled by the caller, in huge pages where the system has them:
// a fresh page costs as much as much of the work that is done in it.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#ifdef __linux__
#include <sys/mman.h>
#endif

namespace twin {

template <typename Number>
class Buffer {
 public:
  explicit Buffer(int64_t count) {
    const size_t bytes = count * sizeof(Number);
    const size_t unit = bytes < kHuge ? 64 : kHuge;
    const size_t whole = (bytes + unit) / unit * unit;
    data_.reset(static_cast<Number*>(std::aligned_alloc(unit, whole)));
    if (!data_) throw std::bad_alloc();
#ifdef __linux__
    if (unit == kHuge) madvise(data_.get(), whole, MADV_HUGEPAGE);
#endif
  }

  Number* data() { return data_.get(); }
  const Number* data() const { return data_.get(); }
  Number& operator[](int64_t i) { return data_.get()[i]; }
  Number operator[](int64_t i) const { return data_.get()[i]; }

 private:
  static constexpr size_t kHuge = size_t(2) << 20;
  struct Free {
    void operator()(Number* p) const { std::free(p); }
  };
  std::unique_ptr<Number, Free> data_;
};

}  // namespace twin
