// One thread at a time in an object: a second one is refused, not made to wait.
#ifndef WHEESHT_PYTHON_BUSY_H
#define WHEESHT_PYTHON_BUSY_H

#include <atomic>
#include <stdexcept>
#include <string>

struct InUse {
    const char *name; // of the object's class, for the error
    std::atomic_flag flag = ATOMIC_FLAG_INIT;
};

// A call that is going on.
class Busy {
public:
    explicit Busy(InUse &use) : use_(use)
    {
        if (use_.flag.test_and_set(std::memory_order_acquire))
            throw std::runtime_error(std::string(use_.name) +
                                     ": in use by another thread; give each its own");
    }
    ~Busy() { use_.flag.clear(std::memory_order_release); }
    Busy(const Busy &) = delete;
    Busy &operator=(const Busy &) = delete;

private:
    InUse &use_;
};

#endif
