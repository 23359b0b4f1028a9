"""The thread team: `team_run` shares the parts of one region of work among this thread and helpers that stay between regions.

A region is published as one word, the ticket: how many helpers may join, and how many parts nobody has claimed. A thread claims a part by
counting the ticket down, and only then reads what the task is: it can't change before every claimed part is finished. So there are no
generations to compare, a helper that comes late finds nothing to claim, and one that the system has descheduled holds up one part at most.

Helpers never touch Python. Waiting threads spin for SPIN and then sleep, so idle helpers cost nothing, and nothing waits for them when the
process exits. When a neighbour has the processors, helpers are descheduled in the middle of a part and the caller sleeps until that is
done. Running alone for a while after such a wait gained nothing in measurements, with a spinning process on each of two processors.

One caller at a time has the helpers, others run alone on their own thread. Scratch is lent to callers from a few slots, not kept for each
thread: no thread's end leaks it. The state is static: cimport `team_run` in one module only, or there are several teams.
"""

from kernel cimport ROOM

cdef extern from *:
    """
    #include <stdint.h>
    #include <stdlib.h>
    #include <string.h>
    #include "pythread.h"

    #if defined(_WIN32)
      #ifndef WIN32_LEAN_AND_MEAN
        #define WIN32_LEAN_AND_MEAN
      #endif
      #ifndef NOMINMAX
        #define NOMINMAX
      #endif
      #include <windows.h>
      #include <malloc.h>
    #else
      #include <signal.h>
      #include <time.h>
    #endif
    #if defined(__x86_64__) || defined(_M_X64) || defined(__SSE2__)
      #include <immintrin.h>
      #define FASTNN_X86
    #endif

    /* ---- What the platforms call differently. All atomic operations are sequentially consistent. ---- */

    #if defined(_MSC_VER) && !defined(__clang__)
      typedef volatile LONG fastnn_word;
      static unsigned fastnn_load(fastnn_word* word) { return (unsigned)ReadAcquire(word); }
      static unsigned fastnn_swap(fastnn_word* word, unsigned value) { return (unsigned)InterlockedExchange(word, (LONG)value); }
      static unsigned fastnn_subtract(fastnn_word* word, unsigned value) {
          return (unsigned)InterlockedExchangeAdd(word, -(LONG)value) - value;
      }
      static int fastnn_replace(fastnn_word* word, unsigned* seen, unsigned value) {
          unsigned found = (unsigned)InterlockedCompareExchange(word, (LONG)value, (LONG)*seen);
          int replaced = found == *seen;
          *seen = found;
          return replaced;
      }
      static void* fastnn_swap_pointer(void* volatile* place, void* value) { return InterlockedExchangePointer(place, value); }
    #else
      typedef unsigned fastnn_word;
      static unsigned fastnn_load(fastnn_word* word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }
      static unsigned fastnn_swap(fastnn_word* word, unsigned value) { return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST); }
      static unsigned fastnn_subtract(fastnn_word* word, unsigned value) { return __atomic_sub_fetch(word, value, __ATOMIC_SEQ_CST); }
      static int fastnn_replace(fastnn_word* word, unsigned* seen, unsigned value) {
          return __atomic_compare_exchange_n(word, seen, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
      }
      static void* fastnn_swap_pointer(void* volatile* place, void* value) { return __atomic_exchange_n(place, value, __ATOMIC_SEQ_CST); }
    #endif

    static void fastnn_relax(void) {  /* one step of a spin */
    #if defined(FASTNN_X86)
        _mm_pause();
    #elif defined(_WIN32)
        YieldProcessor();
    #elif defined(__aarch64__)
        __asm__ __volatile__("isb" ::: "memory");  /* `yield` does nothing on most */
    #endif
    }

    static int64_t fastnn_now(void) {  /* nanoseconds */
    #if defined(_WIN32)
        LARGE_INTEGER ticks, per_second;
        QueryPerformanceCounter(&ticks);
        QueryPerformanceFrequency(&per_second);
        return (int64_t)((double)ticks.QuadPart * (1e9 / (double)per_second.QuadPart));
    #else
        struct timespec time;
        clock_gettime(CLOCK_MONOTONIC, &time);
        return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
    #endif
    }

    static void* fastnn_aligned(size_t bytes) {
    #if defined(_WIN32)
        return _aligned_malloc(bytes, 64);
    #else
        void* room;
        return posix_memalign(&room, 64, bytes) ? NULL : room;
    #endif
    }

    static void fastnn_release(void* room) {
    #if defined(_WIN32)
        _aligned_free(room);
    #else
        free(room);
    #endif
    }

    /* Treat denormals as zero, in this thread; returns the mode to restore. */
    static unsigned fastnn_denormals_flush(void) {
    #if defined(FASTNN_X86)
        unsigned mode = _mm_getcsr();
        _mm_setcsr(mode | 0x8040);
        return mode;
    #elif defined(__aarch64__) && defined(__GNUC__)
        uint64_t mode;
        __asm__ __volatile__("mrs %0, fpcr" : "=r"(mode) :: "memory");
        __asm__ __volatile__("msr fpcr, %0" :: "r"(mode | (1u << 24)) : "memory");
        return (unsigned)mode;
    #else
        return 0;
    #endif
    }

    static void fastnn_denormals_restore(unsigned mode) {
    #if defined(FASTNN_X86)
        _mm_setcsr(mode);
    #elif defined(__aarch64__) && defined(__GNUC__)
        __asm__ __volatile__("msr fpcr, %0" :: "r"((uint64_t)mode) : "memory");
    #else
        (void)mode;
    #endif
    }

    /* ---- The team ---- */

    typedef void (*fastnn_task)(void* context, int part, void* room);

    enum {
        FASTNN_TEAM = 64,               /* threads, the caller included */
        FASTNN_PARTS = (1 << 26) - 1,   /* the ticket's bits that count parts; those above count helpers */
        FASTNN_SPIN = 50000             /* ns of spinning before sleeping; waking a sleeper costs the caller some 15 us */
    };

    typedef struct {
        fastnn_word asleep;        /* set by the sleeper; whoever clears it owes `bell` one release */
        PyThread_type_lock bell;   /* held, but for the moment between a ring and the sleeper's waking */
        void* room;
        unsigned number;           /* 0 is the caller */
        char gap[128];             /* no two threads' words in one cache line, or in neighbours fetched together */
    } fastnn_member;

    static struct {
        fastnn_word taken;         /* a caller has the helpers; all that isn't atomic below is its own, but for the region */
        unsigned started;          /* helpers */
        int full;                  /* starting one more has failed, and isn't tried again */
        char gap0[128];
        fastnn_word ticket;        /* helpers that may join << 26 | parts to claim */
        unsigned parts;            /* the region, fixed until `unfinished` is 0 */
        fastnn_task task;
        void* context;
        char gap1[128];
        fastnn_word unfinished;    /* parts */
        char gap2[128];
        fastnn_member members[FASTNN_TEAM];
    } fastnn_team;

    static void* volatile fastnn_rooms[FASTNN_TEAM];

    static void* fastnn_take_room(size_t bytes) {
        void* room;
        int i;
        for (i = 0; i < FASTNN_TEAM; i++)
            if ((room = fastnn_swap_pointer(&fastnn_rooms[i], NULL)))
                return room;
        return fastnn_aligned(bytes);
    }

    static void fastnn_give_room(void* room) {
        int i;
        for (i = 0; i < FASTNN_TEAM && room; i++)  /* what a swap takes out goes on to the next slot */
            room = fastnn_swap_pointer(&fastnn_rooms[i], room);
        if (room)
            fastnn_release(room);
    }

    /* What a member waits for: a helper for a part to claim, the caller for the last part's end. */
    static int fastnn_ready(unsigned number) {
        unsigned ticket;
        if (number == 0)
            return fastnn_load(&fastnn_team.unfinished) == 0;
        ticket = fastnn_load(&fastnn_team.ticket);
        return (ticket & FASTNN_PARTS) && ticket / (FASTNN_PARTS + 1) >= number;
    }

    static void fastnn_sleep(fastnn_member* self) {
        fastnn_swap(&self->asleep, 1);
        if (!fastnn_ready(self->number) || !fastnn_swap(&self->asleep, 0))
            PyThread_acquire_lock(self->bell, WAIT_LOCK);
    }

    static void fastnn_wake(fastnn_member* member) {
        if (fastnn_load(&member->asleep) && fastnn_swap(&member->asleep, 0))
            PyThread_release_lock(member->bell);
    }

    static void fastnn_wait(fastnn_member* self) {
        int64_t until = fastnn_now() + FASTNN_SPIN;
        int i;
        for (;;) {
            for (i = 0; i < 16; i++) {
                if (fastnn_ready(self->number))
                    return;
                fastnn_relax();
            }
            if (fastnn_now() > until)
                fastnn_sleep(self);  /* may return early: a helper rings for the region before, late */
        }
    }

    /* Claim parts and run them until there are none; returns how many. */
    static unsigned fastnn_work(unsigned number, void* room) {
        unsigned done = 0, ticket = fastnn_load(&fastnn_team.ticket);
        while ((ticket & FASTNN_PARTS) && ticket / (FASTNN_PARTS + 1) >= number)
            if (fastnn_replace(&fastnn_team.ticket, &ticket, ticket - 1)) {
                fastnn_team.task(fastnn_team.context, (int)(fastnn_team.parts - (ticket & FASTNN_PARTS)), room);
                done++;
                ticket = fastnn_load(&fastnn_team.ticket);
            }
        return done;
    }

    static void fastnn_helper(void* member) {
        fastnn_member* self = (fastnn_member*)member;
        unsigned done;
    #if !defined(_WIN32)
        sigset_t signals;  /* are for the threads that run Python, but for those that a fault raises here */
        sigfillset(&signals);
        sigdelset(&signals, SIGSEGV);
        sigdelset(&signals, SIGBUS);
        sigdelset(&signals, SIGFPE);
        sigdelset(&signals, SIGILL);
        sigdelset(&signals, SIGABRT);
        pthread_sigmask(SIG_BLOCK, &signals, NULL);
    #endif
        fastnn_denormals_flush();
        for (;;) {
            fastnn_wait(self);
            done = fastnn_work(self->number, self->room);
            if (done && fastnn_subtract(&fastnn_team.unfinished, done) == 0)
                fastnn_wake(&fastnn_team.members[0]);
        }
    }

    /* Memory and lock of a member, kept once it has them; 0 when there is no memory. */
    static int fastnn_equip(fastnn_member* member, size_t bytes) {
        if (!member->bell && (member->bell = PyThread_allocate_lock()))
            PyThread_acquire_lock(member->bell, WAIT_LOCK);
        if (member->number && !member->room)
            member->room = fastnn_aligned(bytes);
        return member->bell && (member->room || !member->number);
    }

    /* See to it that there are that many helpers; returns how many there are of them. */
    static unsigned fastnn_start(unsigned helpers, size_t bytes) {
        fastnn_member* member = fastnn_team.members;
        if (!fastnn_equip(member, bytes))
            return 0;
        while (fastnn_team.started < helpers && !fastnn_team.full) {
            member = &fastnn_team.members[fastnn_team.started + 1];
            member->number = fastnn_team.started + 1;
            if (fastnn_equip(member, bytes) && PyThread_start_new_thread(fastnn_helper, member) != PYTHREAD_INVALID_THREAD_ID)
                fastnn_team.started++;
            else
                fastnn_team.full = 1;
        }
        return helpers < fastnn_team.started ? helpers : fastnn_team.started;
    }

    /* Run the region with the helpers, which this caller has. */
    static void fastnn_share(fastnn_task task, void* context, unsigned parts, unsigned helpers, void* room) {
        unsigned i;
        fastnn_team.task = task;
        fastnn_team.context = context;
        fastnn_team.parts = parts;
        fastnn_swap(&fastnn_team.unfinished, parts);
        fastnn_swap(&fastnn_team.ticket, helpers * (FASTNN_PARTS + 1u) + parts);
        for (i = 1; i <= helpers; i++)
            fastnn_wake(&fastnn_team.members[i]);
        i = fastnn_work(0, room);
        if (fastnn_subtract(&fastnn_team.unfinished, i) != 0)
            fastnn_wait(&fastnn_team.members[0]);
    }

    static int fastnn_team_run(fastnn_task task, void* context, int parts, int threads, size_t bytes) {
        int part = 0, helpers = (threads < parts ? threads : parts) - 1;
        void* room = fastnn_take_room(bytes);
        if (!room)
            return -1;
        if (helpers > FASTNN_TEAM - 1)
            helpers = FASTNN_TEAM - 1;
        if (helpers > 0 && parts <= FASTNN_PARTS && !fastnn_load(&fastnn_team.taken) && !fastnn_swap(&fastnn_team.taken, 1)) {
            if ((helpers = (int)fastnn_start((unsigned)helpers, bytes)) > 0) {
                fastnn_share(task, context, (unsigned)parts, (unsigned)helpers, room);
                part = parts;
            }
            fastnn_swap(&fastnn_team.taken, 0);
        }
        for (; part < parts; part++)
            task(context, part, room);
        fastnn_give_room(room);
        return 0;
    }

    static void fastnn_team_forget(void) { memset(&fastnn_team, 0, sizeof fastnn_team); }
    """
    ctypedef void (*team_task "fastnn_task")(void* context, int part, void* room) noexcept nogil
    int fastnn_team_run(team_task task, void* context, int parts, int threads, size_t bytes) noexcept nogil
    void team_forget "fastnn_team_forget"() noexcept nogil  # for a forked child, which has none of the threads
    unsigned denormals_flush "fastnn_denormals_flush"() noexcept nogil  # returns the mode to restore
    void denormals_restore "fastnn_denormals_restore"(unsigned mode) noexcept nogil


cdef inline int team_run(team_task task, void* context, int parts, int threads) noexcept nogil:
    """Run `task` on parts 0..parts-1 on up to `threads` threads, this one included; nonzero, and nothing has run, when there is no memory.

    Any thread may run any part. `room` is ROOM bytes of scratch, aligned to 64. Helpers flush denormals; the caller's mode is its own.
    """
    return fastnn_team_run(task, context, parts, threads, ROOM)
