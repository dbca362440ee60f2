/* What a machine does to a process: its clock jumps, its threads and its ports are used up.
 *
 * Preloaded into a service. MACHINE names a file of three numbers of 64 bits, which the test changes while the process
 * runs: seconds that the clock is ahead, whether there are no more threads, whether there are no more ports.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t none[3];

static const volatile int64_t *machine(void) {
    static const volatile int64_t *mapped;
    if (!mapped) {
        const char *path = getenv("MACHINE");
        int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        void *found = file < 0 ? MAP_FAILED : mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, file, 0);
        mapped = found == MAP_FAILED ? none : found;
        if (file >= 0)
            close(file);
    }
    return mapped;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        real = REAL(clock_gettime);
    int done = real(clock, time);
    if (done == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        time->tv_sec += machine()[0];
    return done;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *where) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (where)
        *where = now.tv_sec;
    return now.tv_sec;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*start)(void *), void *with) {
    return machine()[1] ? EAGAIN : REAL(pthread_create)(thread, how, start, with);
}

int connect(int socket, const struct sockaddr *to, socklen_t length) {
    if (machine()[2] && to->sa_family == AF_INET) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    return REAL(connect)(socket, to, length);
}
