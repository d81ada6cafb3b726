// Room for many objects of one kind, in pieces of 64, recycled. It owns the memory, not the objects; what was
// taken may be given back to another slab of the same kind, and memory is freed with the slab that made it:
// all slabs end together.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

template <typename T>
class Slab {
 public:
  /// Null where there is no memory.
  template <typename... Args>
  T* make(Args&&... args) {
    if (free_.empty() && !grow()) return nullptr;
    void* place = free_.back();
    free_.pop_back();
    return new (place) T(std::forward<Args>(args)...);
  }
  void destroy(T* object) {
    object->~T();
    free_.push_back(object);
  }

 private:
  static constexpr size_t kPiece = 64;
  struct alignas(T) Place {
    unsigned char bytes[sizeof(T)];
  };

  bool grow() {
    std::unique_ptr<Place[]> piece(new (std::nothrow) Place[kPiece]);
    if (piece == nullptr) return false;
    for (size_t i = kPiece; i > 0; i--) free_.push_back(&piece[i - 1]);
    pieces_.push_back(std::move(piece));
    return true;
  }

  std::vector<void*> free_;
  std::vector<std::unique_ptr<Place[]>> pieces_;
};
