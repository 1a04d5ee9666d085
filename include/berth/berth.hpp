/* berth.hpp: Berth for C++: scopes, owned blocks, allocators.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   request          a berth_request_t that is written as a sentence
 *   owner_scope      who pays, until the end of a C++ scope
 *   guard_scope      what is guarded against, until the end of a C++ scope
 *   unique_block     a block that frees itself; unique_ptr<T>: an object, or an array, that does
 *   allocator<T>     for containers: all that they hold is where the allocator says
 *   memory_resource  the same for std::pmr; from C++17 on
 *
 * C++11 to C++20, with or without exceptions and RTTI. Nothing here keeps state of its own: each is
 * told its manager, which must outlive it and whatever it allocated.
 *
 * A refusal is a null pointer where the caller can see one (make_block, make_unique). Where the
 * standard leaves no way to say no (allocator, memory_resource), it is std::bad_alloc; when built
 * without exceptions, std::terminate(), whose handler can ask berth_failure() why.
 *
 * Context, unless a function says otherwise: [task, boot].
 */
#ifndef BERTH_BERTH_HPP
#define BERTH_BERTH_HPP

#include "berth/berth.h"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#if __cplusplus >= 201703L
#define BERTH_NODISCARD [[nodiscard]]
#if __has_include(<memory_resource>)
#include <memory_resource>
#define BERTH_HAS_MEMORY_RESOURCE 1
#endif
#else
#define BERTH_NODISCARD
#endif

namespace berth
{

/* --- requests -------------------------------------------------------------------------------- */

/* A request that is written as a sentence, each verb a copy with one field set:
 *
 *     const auto other = berth::request(0).needs(BERTH_CAP_EXTERNAL);
 *     const auto tls = berth::request(16717).needs(BERTH_CAP_INTERNAL).leaves(20480)
 *                          .or_else(other);
 */
struct request : berth_request_t {
    /* Asks for so many bytes; of a hop 0: the same. [any] */
    explicit request(std::size_t bytes) : berth_request_t()
    {
        size = bytes;
    }

    /* Would do with fewer bytes, if no region has all. [any] */
    BERTH_NODISCARD request accepts(std::size_t bytes) const
    {
        return with(&berth_request_t::smallest, bytes);
    }

    /* Asks for an alignment, a power of two. [any] */
    BERTH_NODISCARD request aligned(std::uint32_t bytes) const
    {
        return with(&berth_request_t::align, bytes);
    }

    /* Demands that so many bytes are free in the region afterwards. [any] */
    BERTH_NODISCARD request leaves(std::uint32_t bytes) const
    {
        return with(&berth_request_t::left, bytes);
    }

    /* Demands caps, besides those demanded before. [any] */
    BERTH_NODISCARD request needs(berth_caps_t caps) const
    {
        return with(&berth_request_t::needed, needed | caps);
    }

    /* Prefers caps, besides those preferred before. [any] */
    BERTH_NODISCARD request prefers(berth_caps_t caps) const
    {
        return with(&berth_request_t::preferred, preferred | caps);
    }

    /* Names what to try next; it must outlive this. [any] */
    BERTH_NODISCARD request or_else(const berth_request_t &next) const
    {
        return with(&berth_request_t::otherwise, &next);
    }
    request or_else(const berth_request_t &&) const = delete;

    /* Names who pays. [any] */
    BERTH_NODISCARD request owned_by(berth_owner_t who) const
    {
        return with(&berth_request_t::owner, who);
    }

    /* Asks for bytes that are 0. [any] */
    BERTH_NODISCARD request zeroed() const
    {
        return with(&berth_request_t::is_zeroed, true);
    }

  private:
    template <class Field, class Value>
    request with(Field berth_request_t::*field, Value value) const
    {
        request changed = *this;
        changed.*field = value;
        return changed;
    }
};

namespace detail
{

/* The bytes of so many things; a product that overflows is more than any region has, so that the
 * manager refuses it, and records that. */
inline std::size_t bytes_of(std::size_t count, std::size_t size) noexcept
{
    return count > SIZE_MAX / size ? SIZE_MAX : count * size;
}

/* What cannot be named is no power of two: the manager refuses it. 1 is what any block has. */
inline std::uint32_t align_of(std::size_t align) noexcept
{
    const std::uint32_t named = static_cast<std::uint32_t>(align);
    return named != align ? UINT32_MAX : named == 1 ? 0 : named;
}

/* Serves a request for an object: each hop has its size and its alignment at least, and nothing
 * smaller would do. */
inline void *alloc_object(berth_t &manager, const berth_request_t &wanted, std::size_t size,
                          std::size_t align) noexcept
{
    berth_request_t hops[BERTH_HOPS + 1];
    const berth_request_t *from = &wanted;
    for (unsigned i = 0; from != nullptr && i <= BERTH_HOPS; i++) {
        hops[i] = *from;
        hops[i].size = 0;
        hops[i].smallest = 0;
        if (i > 0) {
            hops[i - 1].otherwise = &hops[i];
        }
        from = from->otherwise;
    }
    hops[0].size = size;
    if (align_of(align) > hops[0].align) {
        hops[0].align = align_of(align);
    }
    return berth_alloc(&manager, &hops[0]);
}

#if defined(__cpp_exceptions) || defined(__EXCEPTIONS) || defined(_CPPUNWIND)
[[noreturn]] inline void exhausted()
{
    throw std::bad_alloc();
}
#else
[[noreturn]] inline void exhausted() noexcept
{
    std::terminate();
}
#endif

/* What an allocator and a memory resource have in common: whose memory, which, and who pays. */
class source
{
  public:
    source(berth_t &manager, berth_caps_t needed, berth_caps_t preferred,
           berth_owner_t owner) noexcept
        : manager_(&manager), needed_(needed), preferred_(preferred), owner_(owner)
    {
    }

    void *alloc(std::size_t size, std::size_t align) const
    {
        berth_request_t wanted = berth_request_t();
        wanted.size = size;
        wanted.align = align_of(align);
        wanted.needed = needed_;
        wanted.preferred = preferred_;
        wanted.owner = owner_;
        void *block = berth_alloc(manager_, &wanted);
        if (block == nullptr) {
            exhausted();
        }
        return block;
    }

    void free(void *block) const noexcept
    {
        berth_free(manager_, block);
    }

    bool operator==(const source &other) const noexcept
    {
        return manager_ == other.manager_ && needed_ == other.needed_ &&
               preferred_ == other.preferred_ && owner_ == other.owner_;
    }

  private:
    berth_t *manager_;
    berth_caps_t needed_;
    berth_caps_t preferred_;
    berth_owner_t owner_;
};

/* Where the block of an object starts, if it was told by a pointer to one of its bases. */
template <class T> void *start_of(T *object, std::true_type /* is_polymorphic */) noexcept
{
    return const_cast<void *>(dynamic_cast<const volatile void *>(object));
}

template <class T> void *start_of(T *object, std::false_type /* is_polymorphic */) noexcept
{
    return const_cast<void *>(static_cast<const volatile void *>(object));
}

} // namespace detail

/* --- scopes ---------------------------------------------------------------------------------- */

/* Makes an owner pay for what the running context allocates without naming one, until the end of
 * the C++ scope. Scopes nest; one ends in the context that it began in. [task, ISR, boot] */
class owner_scope
{
  public:
    BERTH_NODISCARD owner_scope(berth_t &manager, berth_owner_t owner) noexcept
        : manager_(manager), before_(berth_owner_push(&manager, owner))
    {
    }
    ~owner_scope()
    {
        berth_owner_pop(&manager_, before_);
    }
    owner_scope(const owner_scope &) = delete;
    owner_scope &operator=(const owner_scope &) = delete;

  private:
    berth_t &manager_;
    const berth_owner_t before_;
};

/* Guards the running context until the end of the C++ scope. Guards nest; one ends in the context
 * that it began in. [task, ISR, boot] */
class guard_scope
{
  public:
    BERTH_NODISCARD guard_scope(berth_t &manager, berth_guard_t guard) noexcept
        : manager_(manager), before_(berth_guard_enter(&manager, guard))
    {
    }
    ~guard_scope()
    {
        berth_guard_leave(&manager_, before_);
    }
    guard_scope(const guard_scope &) = delete;
    guard_scope &operator=(const guard_scope &) = delete;

  private:
    berth_t &manager_;
    const std::uint8_t before_;
};

/* --- owned blocks ---------------------------------------------------------------------------- */

/* Ends an object and frees its block, for std::unique_ptr. A pointer to one of its bases will do if
 * that has a virtual destructor. Of an array only the block is freed. */
class deleter
{
  public:
    /* Deletes nothing but null pointers. [any] */
    deleter() noexcept : manager_(nullptr)
    {
    }
    /* Deletes what was allocated from this manager. [any] */
    explicit deleter(berth_t &manager) noexcept : manager_(&manager)
    {
    }

    /* Frees a block. */
    void operator()(void *block) const noexcept
    {
        berth_free(manager_, block);
    }

    /* Ends an object, and frees its block. */
    template <class T> void operator()(T *object) const noexcept
    {
        void *block = detail::start_of(object, std::is_polymorphic<T>());
        object->~T();
        berth_free(manager_, block);
    }

  private:
    berth_t *manager_;
};

/* A block that frees itself. */
using unique_block = std::unique_ptr<void, deleter>;

/* An object, or an array of such that need no destructor, whose block frees itself. */
template <class T> using unique_ptr = std::unique_ptr<T, deleter>;

/* Returns a block that satisfies the request, or null: berth_failure() says why. */
BERTH_NODISCARD inline unique_block make_block(berth_t &manager, const berth_request_t &wanted)
{
    return unique_block(berth_alloc(&manager, &wanted), deleter(manager));
}

/* Returns a T made of `args`, where the request wants it, or null: berth_failure() says why. The
 * size is T's and the alignment T's at least, in each hop. */
template <class T, class... Args>
BERTH_NODISCARD typename std::enable_if<!std::is_array<T>::value, unique_ptr<T>>::type
make_unique(berth_t &manager, const berth_request_t &wanted, Args &&...args)
{
    unique_block block(detail::alloc_object(manager, wanted, sizeof(T), alignof(T)),
                       deleter(manager));
    if (block == nullptr) {
        return unique_ptr<T>(nullptr, deleter(manager));
    }
    T *object = ::new (block.get()) T(std::forward<Args>(args)...);
    static_cast<void>(block.release());
    return unique_ptr<T>(object, deleter(manager));
}

/* Returns `count` elements, each made of nothing (numbers are 0), or null; a count of 0 is refused.
 * make_unique<unsigned char[]>(...) is a buffer. */
template <class T>
BERTH_NODISCARD typename std::enable_if<std::is_array<T>::value, unique_ptr<T>>::type
make_unique(berth_t &manager, const berth_request_t &wanted, std::size_t count)
{
    using element = typename std::remove_extent<T>::type;
    static_assert(std::extent<T>::value == 0, "an array's length is told as an argument: T[]");
    static_assert(std::is_trivially_destructible<element>::value,
                  "nobody knows how many elements there are to end: use a container");
    unique_block block(detail::alloc_object(manager, wanted,
                                            detail::bytes_of(count, sizeof(element)),
                                            alignof(element)),
                       deleter(manager));
    element *first = static_cast<element *>(block.get());
    for (std::size_t i = 0; first != nullptr && i < count; i++) {
        ::new (static_cast<void *>(first + i)) element();
    }
    static_cast<void>(block.release());
    return unique_ptr<T>(first, deleter(manager));
}

/* The same for caps alone; 0: any region with BERTH_CAP_DEFAULT. */
template <class T, class... Args>
BERTH_NODISCARD typename std::enable_if<!std::is_array<T>::value, unique_ptr<T>>::type
make_unique(berth_t &manager, berth_caps_t needed, Args &&...args)
{
    const berth_request_t &wanted = request(0).needs(needed);
    return berth::make_unique<T>(manager, wanted, std::forward<Args>(args)...);
}
template <class T>
BERTH_NODISCARD typename std::enable_if<std::is_array<T>::value, unique_ptr<T>>::type
make_unique(berth_t &manager, berth_caps_t needed, std::size_t count)
{
    const berth_request_t &wanted = request(0).needs(needed);
    return berth::make_unique<T>(manager, wanted, count);
}

/* --- containers ------------------------------------------------------------------------------ */

/* Allocates for a container from what can do `needed`, first from what can do `preferred` too. An
 * owner of 0 is the context's at each allocation.
 *
 * A container stays where it was told to be: assignment leaves each its allocator, and moves the
 * elements one by one unless these are equal: the same manager, caps and owner. Swapping swaps the
 * allocators too, for nothing else is defined. */
template <class T> class allocator
{
  public:
    using value_type = T;
    using propagate_on_container_copy_assignment = std::false_type;
    using propagate_on_container_move_assignment = std::false_type;
    using propagate_on_container_swap = std::true_type;
    using is_always_equal = std::false_type;

    /* Allocates from this manager from now on. [any] */
    explicit allocator(berth_t &manager, berth_caps_t needed = 0, berth_owner_t owner = 0,
                       berth_caps_t preferred = 0) noexcept
        : source_(manager, needed, preferred, owner)
    {
    }

    /* Allocates as another does. [any] */
    template <class U> allocator(const allocator<U> &other) noexcept : source_(other.source_)
    {
    }

    /* Returns room for `count` elements, or never: std::bad_alloc, or std::terminate(). */
    BERTH_NODISCARD T *allocate(std::size_t count)
    {
        // NOLINTNEXTLINE(bugprone-sizeof-expression): T may well be a pointer
        const std::size_t bytes = detail::bytes_of(count, sizeof(T));
        return count == 0 ? nullptr : static_cast<T *>(source_.alloc(bytes, alignof(T)));
    }

    /* Frees it. */
    void deallocate(T *block, std::size_t /* count */) noexcept
    {
        source_.free(block);
    }

    /* Tells whether both allocate the same memory for the same owner. [any] */
    template <class U> bool operator==(const allocator<U> &other) const noexcept
    {
        return source_ == other.source_;
    }
    template <class U> bool operator!=(const allocator<U> &other) const noexcept
    {
        return !(source_ == other.source_);
    }

  private:
    template <class U> friend class allocator;
    detail::source source_;
};

#ifdef BERTH_HAS_MEMORY_RESOURCE

/* Allocates for std::pmr as allocator<T> does. It must outlive the containers that it serves; it is
 * equal to itself alone. */
class memory_resource final : public std::pmr::memory_resource
{
  public:
    /* Allocates from this manager from now on. [any] */
    explicit memory_resource(berth_t &manager, berth_caps_t needed = 0, berth_owner_t owner = 0,
                             berth_caps_t preferred = 0) noexcept
        : source_(manager, needed, preferred, owner)
    {
    }
    memory_resource(const memory_resource &) = delete;
    memory_resource &operator=(const memory_resource &) = delete;

  private:
    /* The standard wants a pointer for 0 bytes, too. */
    void *do_allocate(std::size_t bytes, std::size_t align) override
    {
        return source_.alloc(bytes == 0 ? 1 : bytes, align);
    }

    void do_deallocate(void *block, std::size_t /* bytes */, std::size_t /* align */) override
    {
        source_.free(block);
    }

    bool do_is_equal(const std::pmr::memory_resource &other) const noexcept override
    {
        return this == &other;
    }

    const detail::source source_;
};

#endif

} // namespace berth

#endif /* BERTH_BERTH_HPP */
