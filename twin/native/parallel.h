// Threads that may join in but are never waited for: the caller can do all of the work alone.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace twin {

// Starts a task on some other thread, now or later or never.
using Schedule = std::function<void(std::function<void()>)>;

// A crew works off numbered chunks. A helper that another process keeps from running takes no
// chunk, so only a chunk already begun is ever waited for.
class Crew {
 public:
  Crew(int helpers, const Schedule& schedule) : shared_(std::make_shared<Shared>()) {
    helpers_ = helpers;
    for (int i = 0; i < helpers; ++i)
      schedule([shared = shared_, rank = i + 1] { help(*shared, rank); });
  }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  ~Crew() {
    shared_->closed.store(true);
    wake();
  }

  int size() const { return helpers_ + 1; }

  // work(chunk, rank) for each chunk in [0, chunks); rank < size() is the thread's own number.
  template <typename Work>
  void run(int64_t chunks, const Work& work) {
    if (helpers_ == 0 || chunks <= 1) {
      for (int64_t chunk = 0; chunk < chunks; ++chunk) work(chunk, 0);
      return;
    }
    Shared& s = *shared_;
    const uint64_t epoch = (s.ticket.load(std::memory_order_relaxed) >> 32) + 1;
    s.ticket.store((epoch - 1) << 32 | kNone);  // nobody may take a chunk of what is half written
    s.context.store(&work, std::memory_order_relaxed);
    s.call.store(&invoke<Work>, std::memory_order_relaxed);
    s.chunks.store(chunks, std::memory_order_relaxed);
    s.finished.store(0, std::memory_order_relaxed);
    s.ticket.store(epoch << 32);
    if (s.sleeping.load() > 0) wake();
    take_chunks(s, 0);
    for (int turn = 0; s.finished.load(std::memory_order_acquire) != chunks; ++turn)
      if (turn < kSpins) pause(); else std::this_thread::yield();
  }

 private:
  static constexpr int kSpins = 2000;
  static constexpr uint64_t kNone = 0xffffffffu;

  struct Shared {
    std::atomic<uint64_t> ticket{0};  // epoch in the upper half, next chunk in the lower
    std::atomic<int64_t> chunks{0}, finished{0};
    std::atomic<const void*> context{nullptr};
    std::atomic<void (*)(const void*, int64_t, int)> call{nullptr};
    std::atomic<bool> closed{false};
    std::atomic<int> sleeping{0};
    std::mutex mutex;
    std::condition_variable changed;
  };

  template <typename Work>
  static void invoke(const void* work, int64_t chunk, int rank) {
    (*static_cast<const Work*>(work))(chunk, rank);
  }

  static void pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
  }

  void wake() {
    std::lock_guard<std::mutex> lock(shared_->mutex);
    shared_->changed.notify_all();
  }

  static void take_chunks(Shared& s, int rank) {
    uint64_t ticket = s.ticket.load(std::memory_order_acquire);
    for (;;) {
      const int64_t chunk = static_cast<int64_t>(ticket & kNone);
      const auto* context = s.context.load(std::memory_order_relaxed);
      auto* call = s.call.load(std::memory_order_relaxed);
      if (chunk >= s.chunks.load(std::memory_order_relaxed)) return;
      // Success proves that the epoch, and with it what was just read, is still the same.
      if (!s.ticket.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel)) continue;
      call(context, chunk, rank);
      s.finished.fetch_add(1, std::memory_order_release);
      ticket = s.ticket.load(std::memory_order_acquire);
    }
  }

  static void help(Shared& s, int rank) {
    uint64_t seen = 0;
    for (int idle = 0; !s.closed.load(std::memory_order_acquire);) {
      const uint64_t epoch = s.ticket.load(std::memory_order_acquire) >> 32;
      if (epoch != seen) {
        take_chunks(s, rank);
        seen = epoch;
        idle = 0;
      } else if (++idle < kSpins) {
        pause();
      } else {
        sleep(s, seen);
        idle = 0;
      }
    }
  }

  static void sleep(Shared& s, uint64_t seen) {
    std::unique_lock<std::mutex> lock(s.mutex);
    s.sleeping.fetch_add(1);
    s.changed.wait(lock, [&] { return s.closed.load() || s.ticket.load() >> 32 != seen; });
    s.sleeping.fetch_sub(1);
  }

  std::shared_ptr<Shared> shared_;
  int helpers_;
};

}  // namespace twin
