/* test_cpp.cpp: does berth.hpp keep its sentences, in C++11 to C++20, with exceptions and without?
 * SPDX-License-Identifier: Apache-2.0
 */
#include "berth/berth.hpp"
#include "berth/fit.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <list>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#if defined(__cpp_exceptions) || defined(__EXCEPTIONS)
#define HAS_EXCEPTIONS 1
#else
#define HAS_EXCEPTIONS 0
#endif

static unsigned failures;

#define CHECK(claim) check((claim), #claim, __LINE__)

static void check(bool holds, const char *claim, int line)
{
    if (!holds) {
        std::printf("test_cpp.cpp:%d: not so: %s\n", line, claim);
        failures++;
    }
}

/* --- a board: two memories, a third so small that it runs out, and one task ------------------ */

static const berth_owner_t NET = 1;
static const berth_owner_t APP = 2;
static const berth_caps_t TINY = BERTH_CAP_PLACE(0);

alignas(4096) static unsigned char sram[65536];
alignas(4096) static unsigned char psram[262144];
alignas(4096) static unsigned char tiny[4096];
static berth_context_t task;

static uintptr_t port_lock(void * /* self */, berth_lock_t * /* lock */)
{
    return 0;
}

static void port_unlock(void * /* self */, berth_lock_t * /* lock */, uintptr_t /* key */)
{
}

static uint64_t port_now_us(void * /* self */)
{
    return 1;
}

static berth_context_t *port_context(void * /* self */)
{
    return &task;
}

static const berth_port_t port = {nullptr, nullptr,      port_lock, port_unlock, port_now_us,
                                  0,       port_context, nullptr,   nullptr};

static berth_region_t region_of(const char *name, unsigned char *base, size_t size,
                                berth_caps_t caps) noexcept
{
    berth_region_t region = berth_region_t();
    region.name = name;
    region.engine = &berth_fit_engine;
    region.base = base;
    region.address = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(base));
    region.size = static_cast<uint32_t>(size);
    region.caps[0] = BERTH_CAP_BYTES | caps;
    return region;
}

static berth_region_t regions[] = {
    region_of("sram", sram, sizeof sram, BERTH_CAP_INTERNAL | BERTH_CAP_DMA | BERTH_CAP_DEFAULT),
    region_of("psram", psram, sizeof psram, BERTH_CAP_EXTERNAL),
    region_of("tiny", tiny, sizeof tiny, TINY),
};
static const char *const owner_names[] = {"others", "net", "app"};

BERTH_DEFINE(heap, &port, regions, 3, owner_names, 64);

static bool lies_in(const void *pointer, const char *name)
{
    const berth_about_t about = berth_about(&heap, pointer);
    return about.region != nullptr && std::strcmp(about.region->name, name) == 0;
}

static uint32_t held_by(berth_owner_t owner, const char *name)
{
    uint32_t live = 0;
    for (berth_region_t &region : regions) {
        live += std::strcmp(region.name, name) == 0 ? berth_account(&heap, &region, owner).live : 0;
    }
    return live;
}

static uint32_t blocks_in_all()
{
    uint32_t count = 0;
    for (berth_region_t &region : regions) {
        for (const berth_owner_t owner : {NET, APP, static_cast<berth_owner_t>(BERTH_OTHERS)}) {
            count += berth_account(&heap, &region, owner).count;
        }
    }
    return count;
}

static berth_event_t last_alarm()
{
    berth_event_t event = berth_event_t();
    berth_event_t found = berth_event_t();
    while (berth_poll(&heap, &event, 1) == 1) {
        if (event.status != BERTH_OK || event.kind == BERTH_EVENT_VIOLATION) {
            found = event;
        }
    }
    return found;
}

template <class T> static bool is_aligned(const T *pointer)
{
    return reinterpret_cast<uintptr_t>(pointer) % alignof(T) == 0;
}

struct alignas(64) line {
    unsigned char bytes[64];
};

/* Counts the lives of its kind. */
class counted
{
  public:
    static int alive;

    explicit counted(int value) : value_(value)
    {
        alive++;
    }
    counted(const counted &) = delete;
    counted &operator=(const counted &) = delete;
    ~counted()
    {
        alive--;
    }

    int value() const
    {
        return value_;
    }

  private:
    int value_;
};

int counted::alive;

/* --- requests and scopes --------------------------------------------------------------------- */

static void test_request_says_what_is_asked()
{
    const berth::request other = berth::request(0).needs(BERTH_CAP_EXTERNAL);
    const berth::request asked = berth::request(16717)
                                     .accepts(100)
                                     .aligned(32)
                                     .leaves(20 * 1024)
                                     .needs(BERTH_CAP_DMA)
                                     .needs(BERTH_CAP_INTERNAL)
                                     .prefers(BERTH_CAP_FAST)
                                     .or_else(other)
                                     .owned_by(NET)
                                     .zeroed();
    CHECK(asked.size == 16717 && asked.smallest == 100 && asked.align == 32);
    CHECK(asked.left == 20480 && asked.needed == (BERTH_CAP_DMA | BERTH_CAP_INTERNAL));
    CHECK(asked.preferred == BERTH_CAP_FAST && asked.otherwise == &other);
    CHECK(asked.owner == NET && asked.is_zeroed && asked.site == 0);
    void *block = berth_alloc(&heap, &asked);
    CHECK(block != nullptr && lies_in(block, "sram") && berth_size(&heap, block) >= 16717);
    berth_free(&heap, block);
    const berth::unique_block large = berth::make_block(
        heap, berth::request(100000).needs(BERTH_CAP_INTERNAL).or_else(other).owned_by(NET));
    CHECK(large != nullptr && lies_in(large.get(), "psram") && held_by(NET, "psram") >= 100000);
}

static void test_owner_scopes_nest()
{
    CHECK(task.owner == 0);
    {
        const berth::owner_scope outer{heap, NET};
        CHECK(task.owner == NET);
        {
            const berth::owner_scope inner{heap, APP};
            const berth::unique_block block = berth::make_block(heap, berth::request(100));
            CHECK(held_by(APP, "sram") >= 100 && held_by(NET, "sram") == 0);
        }
        CHECK(task.owner == NET && held_by(APP, "sram") == 0);
    }
    CHECK(task.owner == 0);
}

static void test_guard_scopes_nest()
{
    {
        const berth::guard_scope outer{heap, BERTH_GUARD_NO_ALLOC};
        CHECK(task.guards == BERTH_GUARD_NO_ALLOC);
        {
            const berth::guard_scope inner{heap, BERTH_GUARD_CACHE_OFF};
            CHECK(task.guards == (BERTH_GUARD_NO_ALLOC | BERTH_GUARD_CACHE_OFF));
        }
        CHECK(task.guards == BERTH_GUARD_NO_ALLOC);
        CHECK(berth::make_unique<int>(heap, 0) == nullptr);
        CHECK(last_alarm().kind == BERTH_EVENT_VIOLATION);
        CHECK(berth_failure(&heap).status == BERTH_ERR_GUARD);
    }
    CHECK(task.guards == 0);
    CHECK(berth::make_unique<int>(heap, 0) != nullptr);
}

template <class T> static constexpr bool is_fixed()
{
    return !std::is_constructible<T, T &>::value && !std::is_constructible<T, T &&>::value &&
           !std::is_assignable<T &, T &>::value && !std::is_assignable<T &, T &&>::value;
}
static_assert(is_fixed<berth::owner_scope>() && is_fixed<berth::guard_scope>(), "scopes stay");

/* --- owned blocks ---------------------------------------------------------------------------- */

struct left {
    virtual ~left() = default;
};

struct right {
    virtual ~right() = default;
};

struct both final : left, right, counted {
    both() : counted(2)
    {
    }
};

static void test_unique_frees()
{
    {
        const berth::unique_ptr<counted> one =
            berth::make_unique<counted>(heap, BERTH_CAP_EXTERNAL, 42);
        CHECK(one != nullptr && one->value() == 42 && lies_in(one.get(), "psram"));
        CHECK(counted::alive == 1);
        berth::unique_ptr<const counted> two =
            berth::make_unique<const counted>(heap, berth::request(0).owned_by(NET), 43);
        CHECK(two != nullptr && lies_in(two.get(), "sram") && held_by(NET, "sram") > 0);
        two.reset();
        CHECK(counted::alive == 1 && held_by(NET, "sram") == 0);
    }
    CHECK(counted::alive == 0 && blocks_in_all() == 0);
    const berth::unique_ptr<counted> none;
    const auto moved = berth::make_unique<berth::unique_block>(
        heap, 0, berth::make_block(heap, berth::request(9)));
    CHECK(none == nullptr && *moved != nullptr && blocks_in_all() == 2);
}

static void test_unique_frees_by_a_base()
{
    {
        const berth::unique_ptr<right> second = berth::make_unique<both>(heap, 0);
        CHECK(second != nullptr &&
              static_cast<void *>(second.get()) != dynamic_cast<void *>(second.get()));
        CHECK(counted::alive == 1 && blocks_in_all() == 1);
    }
    CHECK(counted::alive == 0 && blocks_in_all() == 0);
    CHECK(last_alarm().status == BERTH_OK);
}

struct too_large {
    unsigned char bytes[2 * sizeof tiny];
};

static void test_unique_is_null_when_refused()
{
    const uint32_t before = berth_refusals(&heap);
    CHECK(berth::make_unique<too_large>(heap, TINY) == nullptr);
    CHECK(berth::make_unique<int[]>(heap, 0, SIZE_MAX / 2) == nullptr);
    CHECK(berth::make_unique<int[]>(heap, 0, 0) == nullptr);
    CHECK(berth::make_block(heap, berth::request(0)) == nullptr);
    CHECK(berth_refusals(&heap) == before + 4);
    CHECK(blocks_in_all() == 0);
}

/* An object is never cut short, whatever its request says of sizes. */
static void test_unique_has_room_in_every_hop()
{
    const berth::request fifth = berth::request(8).accepts(4).needs(BERTH_CAP_EXTERNAL);
    const berth::request fourth = berth::request(16).accepts(8).needs(TINY).or_else(fifth);
    const berth::request third = fourth.or_else(fourth);
    const berth::request second = fourth.or_else(third);
    const berth::request first = berth::request(1).accepts(1).needs(TINY).or_else(second);
    const berth::unique_ptr<too_large> object = berth::make_unique<too_large>(heap, first);
    CHECK(object != nullptr && lies_in(object.get(), "psram"));
    CHECK(berth_size(&heap, object.get()) >= sizeof(too_large));
}

static void test_unique_arrays()
{
    void *dirt = berth_malloc(&heap, 4096, BERTH_CAP_EXTERNAL);
    std::memset(dirt, 0xA5, 4096);
    berth_free(&heap, dirt);
    const berth::unique_ptr<uint32_t[]> words =
        berth::make_unique<uint32_t[]>(heap, BERTH_CAP_EXTERNAL, 1000);
    CHECK(words != nullptr && lies_in(words.get(), "psram"));
    CHECK(std::count(words.get(), words.get() + 1000, 0u) == 1000);
    const berth::unique_ptr<line[]> lines =
        berth::make_unique<line[]>(heap, berth::request(0).needs(BERTH_CAP_DMA), 3);
    CHECK(is_aligned(lines.get()) && lies_in(lines.get(), "sram"));
}

static void test_over_aligned()
{
    const berth::unique_ptr<char> before = berth::make_unique<char>(heap, 0, 'x');
    const berth::unique_ptr<line> one = berth::make_unique<line>(heap, 0);
    CHECK(one != nullptr && is_aligned(one.get()));
    const berth::unique_ptr<line> more =
        berth::make_unique<line>(heap, berth::request(0).aligned(1024));
    CHECK(more != nullptr && reinterpret_cast<uintptr_t>(more.get()) % 1024 == 0);
    std::vector<line, berth::allocator<line>> lines{berth::allocator<line>(heap)};
    for (int i = 0; i < 20; i++) {
        lines.push_back(line());
        CHECK(is_aligned(lines.data()));
    }
    std::list<line, berth::allocator<line>> nodes{berth::allocator<line>(heap)};
    nodes.push_back(line());
    nodes.push_back(line());
    CHECK(is_aligned(&nodes.front()) && is_aligned(&nodes.back()));
}

/* --- containers ------------------------------------------------------------------------------ */

using ints = std::vector<int, berth::allocator<int>>;
using text = std::basic_string<char, std::char_traits<char>, berth::allocator<char>>;
using traits = std::allocator_traits<berth::allocator<int>>;

static_assert(std::is_same<traits::rebind_alloc<line>, berth::allocator<line>>::value, "rebind");
static_assert(!traits::propagate_on_container_copy_assignment::value, "stays");
static_assert(!traits::propagate_on_container_move_assignment::value, "stays");
static_assert(traits::propagate_on_container_swap::value, "swapped");
static_assert(std::is_convertible<berth::allocator<int>, berth::allocator<line>>::value, "a copy");

static const char *const LONG = "a text that no small string has room for: more than a few words";

static void test_containers_lie_where_they_should()
{
    const berth::allocator<int> outside(heap, BERTH_CAP_EXTERNAL, NET);
    {
        ints numbers(outside);
        for (int i = 0; i < 1000; i++) {
            numbers.push_back(i);
        }
        CHECK(lies_in(numbers.data(), "psram") && numbers[999] == 999);
        std::map<int, text, std::less<int>, berth::allocator<std::pair<const int, text>>> texts(
            std::less<int>(), outside);
        for (int i = 0; i < 50; i++) {
            texts.emplace(i, text(LONG, outside));
        }
        CHECK(lies_in(&*texts.begin(), "psram") && lies_in(texts.at(49).data(), "psram"));
        CHECK(texts.at(49) == LONG);
        std::unordered_map<int, int, std::hash<int>, std::equal_to<int>,
                           berth::allocator<std::pair<const int, int>>>
            squares(8, std::hash<int>(), std::equal_to<int>(), outside);
        for (int i = 0; i < 50; i++) {
            squares[i] = i * i;
        }
        CHECK(lies_in(&*squares.begin(), "psram") && squares[7] == 49);
        const std::shared_ptr<int> shared = std::allocate_shared<int>(outside, 5);
        CHECK(lies_in(shared.get(), "psram") && *shared == 5);
        CHECK(held_by(NET, "psram") > 4000 && held_by(NET, "sram") == 0);
    }
    CHECK(held_by(NET, "psram") == 0 && blocks_in_all() == 0);
}

static void test_allocator_pays_by_scope_and_prefers()
{
    const berth::owner_scope scope{heap, APP};
    const ints scoped(100, 0, berth::allocator<int>(heap));
    CHECK(held_by(APP, "sram") >= 400);
    const berth::allocator<int> preferring(heap, 0, NET, BERTH_CAP_EXTERNAL);
    const ints preferred(100, 0, preferring);
    CHECK(lies_in(preferred.data(), "psram") && held_by(NET, "psram") >= 400);
    const berth::unique_block hog = berth::make_block(
        heap, berth::request(262000).accepts(1000).needs(BERTH_CAP_EXTERNAL).owned_by(APP));
    const ints fallen(10000, 0, preferring);
    CHECK(lies_in(fallen.data(), "sram") && held_by(NET, "sram") >= 40000);
}

static void test_allocators_are_equal_by_all_they_hold()
{
    const berth::allocator<int> one(heap, BERTH_CAP_EXTERNAL, NET);
    CHECK(one == berth::allocator<int>(heap, BERTH_CAP_EXTERNAL, NET));
    CHECK(one == berth::allocator<line>(one) && !(one != berth::allocator<line>(one)));
    CHECK(one != berth::allocator<int>(heap, BERTH_CAP_EXTERNAL, APP));
    CHECK(one != berth::allocator<int>(heap, BERTH_CAP_INTERNAL, NET));
    CHECK(one != berth::allocator<int>(heap, BERTH_CAP_EXTERNAL, NET, BERTH_CAP_FAST));
    berth_t other = berth_t();
    CHECK(one != berth::allocator<int>(other, BERTH_CAP_EXTERNAL, NET));
    berth::allocator<int> empty = one;
    empty.deallocate(empty.allocate(0), 0);
}

/* Memory for DMA stays memory for DMA, whatever is assigned to its container. */
static void test_containers_stay_where_they_are()
{
    const berth::allocator<int> inside(heap, BERTH_CAP_DMA);
    const berth::allocator<int> outside(heap, BERTH_CAP_EXTERNAL);
    ints for_dma(10, 1, inside);
    ints large(500, 2, outside);
    for_dma = large;
    CHECK(lies_in(for_dma.data(), "sram") && for_dma == large && for_dma.get_allocator() == inside);
    for_dma.assign(1, 1);
    for_dma = std::move(large);
    CHECK(lies_in(for_dma.data(), "sram") && for_dma.size() == 500 && for_dma[499] == 2);
    const int *data = for_dma.data();
    ints twin(inside);
    twin = std::move(for_dma);
    CHECK(twin.data() == data);
    CHECK(lies_in(ints(twin).data(), "sram"));
    ints swapped(3, 3, outside);
    swapped.swap(twin);
    CHECK(swapped.data() == data && lies_in(twin.data(), "psram"));
    CHECK(swapped.get_allocator() == inside && twin.get_allocator() == outside);
}

static void test_memory_resource()
{
#ifdef BERTH_HAS_MEMORY_RESOURCE
    berth::memory_resource outside(heap, BERTH_CAP_EXTERNAL, NET);
    berth::memory_resource same(heap, BERTH_CAP_EXTERNAL, NET);
    CHECK(outside.is_equal(outside) && !outside.is_equal(same));
    {
        std::pmr::vector<std::pmr::string> texts(&outside);
        for (int i = 0; i < 20; i++) {
            texts.emplace_back(LONG);
        }
        CHECK(lies_in(texts.data(), "psram") && lies_in(texts[19].data(), "psram"));
        std::pmr::vector<line> lines(3, &outside);
        CHECK(is_aligned(lines.data()) && lies_in(lines.data(), "psram"));
        CHECK(held_by(NET, "psram") > 20 * std::strlen(LONG));
        void *nothing = outside.allocate(0, 1);
        CHECK(nothing != nullptr);
        outside.deallocate(nothing, 0, 1);
        void *page = outside.allocate(10, 4096);
        CHECK(reinterpret_cast<uintptr_t>(page) % 4096 == 0);
        outside.deallocate(page, 10, 4096);
    }
    CHECK(held_by(NET, "psram") == 0 && blocks_in_all() == 0);
#else
    static_assert(__cplusplus < 201703L, "this library has std::pmr");
#endif
}

/* --- when memory runs out -------------------------------------------------------------------- */

#if HAS_EXCEPTIONS

template <class Work> static bool is_refused(const Work &work)
{
    const uint32_t before = berth_refusals(&heap);
    try {
        work();
    } catch (const std::bad_alloc &) {
        return berth_refusals(&heap) == before + 1;
    }
    return false;
}

static void test_exhaustion_is_bad_alloc()
{
    ints numbers(berth::allocator<int>(heap, TINY, NET));
    CHECK(is_refused([&numbers] {
        for (;;) {
            numbers.push_back(static_cast<int>(numbers.size()));
        }
    }));
    CHECK(numbers.size() > 100 && numbers.size() <= sizeof tiny / sizeof(int));
    for (size_t i = 0; i < numbers.size(); i++) {
        CHECK(numbers[i] == static_cast<int>(i));
    }
    CHECK(last_alarm().status == BERTH_ERR_NOMEM && held_by(NET, "tiny") > 0);
    numbers = ints(numbers.get_allocator());
    CHECK(held_by(NET, "tiny") == 0);
    berth::allocator<line> lines(heap);
    CHECK(is_refused([&lines] { static_cast<void>(lines.allocate(SIZE_MAX / 2)); }));
    CHECK(is_refused([&lines] { static_cast<void>(lines.allocate(SIZE_MAX / sizeof(line) + 2)); }));
}

static void test_scopes_end_by_exceptions()
{
    ints numbers(4, 7, berth::allocator<int>(heap));
    CHECK(is_refused([&numbers] {
        const berth::owner_scope owner{heap, NET};
        const berth::guard_scope guard{heap, BERTH_GUARD_NO_ALLOC};
        numbers.push_back(8);
    }));
    CHECK(task.owner == 0 && task.guards == 0);
    CHECK(last_alarm().status == BERTH_ERR_GUARD && numbers.size() == 4 && numbers[3] == 7);
    numbers.push_back(8);
    CHECK(numbers[4] == 8);
}

struct thrower {
    explicit thrower(int what)
    {
        throw what;
    }
};

static void test_unique_frees_what_throws()
{
    int caught = 0;
    try {
        static_cast<void>(berth::make_unique<thrower>(heap, 0, 5));
    } catch (int what) {
        caught = what;
    }
    CHECK(caught == 5 && blocks_in_all() == 0);
}

static void test_exhausted_resource_is_bad_alloc()
{
#ifdef BERTH_HAS_MEMORY_RESOURCE
    berth::memory_resource little(heap, TINY);
    std::pmr::string growing(&little);
    CHECK(is_refused([&growing] {
        for (;;) {
            growing += LONG;
        }
    }));
    CHECK(growing.size() > 500 && growing.compare(0, std::strlen(LONG), LONG) == 0);
    size_t most = SIZE_MAX / 2 + 1;
    CHECK(is_refused([&little] { static_cast<void>(little.allocate(sizeof tiny, 8)); }));
    CHECK(is_refused([&little, most] { static_cast<void>(little.allocate(8, most)); }));
#endif
}

static void test_exhaustion()
{
    test_exhaustion_is_bad_alloc();
    test_scopes_end_by_exceptions();
    test_unique_frees_what_throws();
    test_exhausted_resource_is_bad_alloc();
}

#else

static void *wanted;

/* The handler that berth.hpp promises, which does not return: the end of the test. */
[[noreturn]] static void terminated()
{
    CHECK(wanted == nullptr && berth_failure(&heap).status == BERTH_ERR_NOMEM);
    std::printf("test_cpp: %u failures, without exceptions\n", failures);
    std::_Exit(failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void test_exhaustion()
{
    std::set_terminate(terminated);
    berth::allocator<int> little(heap, TINY);
    wanted = little.allocate(sizeof tiny);
    CHECK(wanted == nullptr); /* never comes here */
}

#endif

int main()
{
    test_request_says_what_is_asked();
    test_owner_scopes_nest();
    test_guard_scopes_nest();
    test_unique_frees();
    test_unique_frees_by_a_base();
    test_unique_is_null_when_refused();
    test_unique_has_room_in_every_hop();
    test_unique_arrays();
    test_over_aligned();
    test_containers_lie_where_they_should();
    test_allocator_pays_by_scope_and_prefers();
    test_allocators_are_equal_by_all_they_hold();
    test_containers_stay_where_they_are();
    test_memory_resource();
    test_exhaustion();
    CHECK(blocks_in_all() == 0);
    std::printf("test_cpp: %u failures\n", failures);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
