// A doubly linked list whose links are in its members: adding and removing takes no memory. It owns nothing.
#pragma once

template <typename T>
struct ListLinks {
  T* previous = nullptr;
  T* next = nullptr;
  bool linked = false;
};

template <typename T, ListLinks<T> T::*Links>
class IntrusiveList {
 public:
  T* front() const { return first_; }
  bool empty() const { return first_ == nullptr; }
  static T* after(T* member) { return (member->*Links).next; }

  void pushBack(T* member) {
    ListLinks<T>& links = member->*Links;
    links = {last_, nullptr, true};
    (last_ == nullptr ? first_ : (last_->*Links).next) = member;
    last_ = member;
  }

  /// Does nothing where it is in no list. It must not be in another list with these links.
  void remove(T* member) {
    ListLinks<T>& links = member->*Links;
    if (!links.linked) return;
    (links.previous == nullptr ? first_ : (links.previous->*Links).next) = links.next;
    (links.next == nullptr ? last_ : (links.next->*Links).previous) = links.previous;
    links = {};
  }

 private:
  T* first_ = nullptr;
  T* last_ = nullptr;
};
