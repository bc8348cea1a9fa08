/* probe_cxx.cc - what a program in C++ asks of a malloc: new and delete of all sorts, containers, exceptions,
 * destructors of threads and of the program. Ends with "ok probe_cxx". */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#define CHECK(COND)                                                                        \
    do {                                                                                   \
        if (!(COND)) {                                                                     \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #COND);        \
            std::_Exit(1);                                                                 \
        }                                                                                  \
    } while (0)

static std::size_t hidden(std::size_t value) {
    volatile std::size_t it = value;
    return it;
}

static bool aligned(const void *at, std::size_t to) {
    return reinterpret_cast<std::uintptr_t>(at) % to == 0;
}

static void all_sorts_of_new(std::size_t size) {
    void *plain = ::operator new(size), *array = ::operator new[](size);
    void *quiet = ::operator new(size, std::nothrow);
    CHECK(plain && array && quiet);
    CHECK(aligned(plain, 16) && aligned(array, 16) && aligned(quiet, 16));
    std::memset(plain, 1, size);
    std::memset(array, 2, size);
    std::memset(quiet, 3, size);
    ::operator delete(plain);
    ::operator delete[](array);
    ::operator delete(quiet, std::nothrow);
    ::operator delete(::operator new(size), size);
    ::operator delete[](::operator new[](size), size);
    for (std::size_t alignment = 1; alignment <= 65536; alignment *= 2) {
        std::align_val_t to{alignment};
        void *one = ::operator new(size, to), *other = ::operator new[](size, to);
        void *third = ::operator new(size, to, std::nothrow);
        CHECK(one && other && third);
        CHECK(aligned(one, alignment) && aligned(other, alignment) && aligned(third, alignment));
        std::memset(one, 4, size);
        std::memset(other, 5, size);
        ::operator delete(one, to);
        ::operator delete[](other, size, to);
        ::operator delete(third, size, to);
    }
}

static void refused() {
    std::size_t much = hidden(PTRDIFF_MAX);
    bool thrown = false;
    try {
        ::operator delete(::operator new(much));
    } catch (const std::bad_alloc &) {
        thrown = true;
    }
    CHECK(thrown);
    CHECK(::operator new(much, std::nothrow) == nullptr);
    CHECK(::operator new[](much, std::nothrow) == nullptr);
    CHECK(::operator new(much, std::align_val_t{4096}, std::nothrow) == nullptr);
}

static int handled;
static void give_up() {
    if (++handled == 3) std::set_new_handler(nullptr);
}

/* The handler of new is called until it gives up. */
static void new_handler() {
    std::set_new_handler(give_up);
    CHECK(::operator new(hidden(PTRDIFF_MAX), std::nothrow) == nullptr);
    CHECK(handled == 3);
}

struct alignas(128) Wide {
    unsigned char bytes[384];
};

struct Kept {
    std::vector<std::string> texts;
    ~Kept() {
        for (const auto &text : texts) CHECK(text.size() > 20);
        texts.assign(100, "texts of a thread that ends, freed and made again");
    }
};
static thread_local Kept of_thread;
static Kept of_program;

static void containers(unsigned seed) {
    std::map<std::string, std::vector<int>> tree;
    std::unordered_map<unsigned, std::unique_ptr<Wide>> table;
    for (unsigned i = 0; i < 3000; i++) {
        std::ostringstream name;
        name << "a name that is too long to be kept in place " << (i * 7919 + seed) % 1000;
        tree[name.str()].push_back(static_cast<int>(i));
        auto wide = std::make_unique<Wide>();
        CHECK(aligned(wide.get(), 128));
        std::memset(wide->bytes, static_cast<int>(i), sizeof wide->bytes);
        table[(i * 31 + seed) % 500] = std::move(wide);
        if (i % 50 == 0) of_thread.texts.push_back(name.str());
    }
    CHECK(tree.size() == 1000);
    for (const auto &entry : tree) CHECK(entry.second.size() == 3);
    CHECK(table.size() <= 500);
}

static void exceptions() {
    for (int i = 0; i < 2000; i++) {
        try {
            throw std::runtime_error("an exception with a text that is allocated " + std::to_string(i));
        } catch (const std::exception &error) {
            CHECK(std::strstr(error.what(), "allocated"));
        }
    }
}

int main() {
    for (std::size_t size = 0; size < 300000; size = size * 2 + 1) all_sorts_of_new(size);
    refused();
    new_handler();
    for (unsigned round = 0; round < 10; round++) {
        std::vector<std::thread> threads;
        for (unsigned i = 0; i < 4; i++) threads.emplace_back([i] { containers(i), exceptions(); });
        for (auto &thread : threads) thread.join();
    }
    containers(5);
    of_program.texts = of_thread.texts;
    std::puts("ok probe_cxx");
    return 0;
}
