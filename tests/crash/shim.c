/* Counts what a process does to the files of one folder, and stops it at a chosen point.

   Loaded before the C library. Nothing happens until `writ_arm` is called. From then on each write,
   sync, truncation, creation, renaming and removal below the folder is a point, counted from 1.
   Before the point that was chosen the process is killed, or the call fails with an error number,
   once or from there on. Each point that took place can be logged, with its bytes, so that what a
   disk holds after a power cut can be made again. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { WRITE = 1, SYNC, TRUNCATE, CREATE, RENAME, UNLINK };

static char folder[PATH_MAX];
static size_t folder_length;
static long chosen, count;
static int failure, always, log_file = -1;

/* `at` 0 only counts; `error` 0 kills; `lasting` lets every later point fail too. */
void writ_arm(const char *where, long at, int error, int lasting, int log)
{
    snprintf(folder, sizeof folder, "%s", where);
    folder_length = strlen(folder);
    chosen = at;
    failure = error;
    always = lasting;
    log_file = log;
    count = 0;
}

void writ_disarm(void)
{
    folder_length = 0;
}

long writ_count(void)
{
    return count;
}

static int inside(const char *path)
{
    /* "socket:" stands for all sockets, which have names like socket:[12]. */
    return folder_length && strncmp(path, folder, folder_length) == 0
           && (path[folder_length] == '/' || path[folder_length] == 0
               || folder[folder_length - 1] == ':');
}

static int named(int descriptor, char *path)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return inside(path);
}

static const char *absolute(int at, const char *path, char *buffer)
{
    char base[PATH_MAX];
    if (path[0] == '/' || !folder_length)
        return path;
    if (at == AT_FDCWD) {
        if (!getcwd(base, sizeof base))
            return path;
    } else {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        ssize_t length = readlink(link, base, sizeof base - 1);
        if (length < 0)
            return path;
        base[length] = 0;
    }
    snprintf(buffer, PATH_MAX, "%s/%s", base, path);
    return buffer;
}

/* Returns 0 where the call may take place, and -1 with errno where it fails. */
static int point(void)
{
    count++;
    if (!chosen || count < chosen || (count > chosen && !(failure && always)))
        return 0;
    if (!failure)
        kill(getpid(), SIGKILL);
    errno = failure;
    return -1;
}

static void put(const void *bytes, size_t length)
{
    const char *from = bytes;
    while (length) {
        long done = syscall(SYS_write, log_file, from, length);
        if (done <= 0)
            return;
        from += done;
        length -= (size_t)done;
    }
}

static void record(enum kind kind, const char *path, const char *to, int64_t offset,
                   const void *bytes, uint64_t length)
{
    if (log_file < 0)
        return;
    int kept = errno;
    uint8_t tag = (uint8_t)kind;
    uint16_t first = (uint16_t)strlen(path), second = (uint16_t)strlen(to);
    int64_t place = count;
    put(&tag, 1);
    put(&place, 8);
    put(&offset, 8);
    put(&length, 8);
    put(&first, 2);
    put(&second, 2);
    put(path, first);
    put(to, second);
    if (bytes)
        put(bytes, length);
    errno = kept;
}

/* ------------------------------------------------------------------------------ bytes */

static ssize_t written(int descriptor, const void *bytes, size_t size, off64_t offset, int placed)
{
    char path[PATH_MAX];
    int watched = named(descriptor, path);
    if (watched && point())
        return -1;
    if (!placed && watched) {
        int flags = fcntl(descriptor, F_GETFL);
        offset = lseek64(descriptor, 0, (flags & O_APPEND) ? SEEK_END : SEEK_CUR);
    }
    long done = placed ? syscall(SYS_pwrite64, descriptor, bytes, size, offset)
                       : syscall(SYS_write, descriptor, bytes, size);
    if (watched && done > 0)
        record(WRITE, path, "", offset, bytes, (uint64_t)done);
    return done;
}

ssize_t write(int descriptor, const void *bytes, size_t size)
{
    return written(descriptor, bytes, size, 0, 0);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t size, off_t offset)
{
    return written(descriptor, bytes, size, offset, 1);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t size, off64_t offset)
{
    return written(descriptor, bytes, size, offset, 1);
}

ssize_t writev(int descriptor, const struct iovec *parts, int number)
{
    char path[PATH_MAX];
    if (!named(descriptor, path))
        return syscall(SYS_writev, descriptor, parts, number);
    ssize_t all = 0;
    for (int part = 0; part < number; part++) {
        ssize_t done = written(descriptor, parts[part].iov_base, parts[part].iov_len, 0, 0);
        if (done < 0)
            return all ? all : -1;
        all += done;
    }
    return all;
}

ssize_t send(int descriptor, const void *bytes, size_t size, int flags)
{
    char path[PATH_MAX];
    if (named(descriptor, path) && point())
        return -1;
    return syscall(SYS_sendto, descriptor, bytes, size, flags, NULL, 0);
}

static int truncated(int descriptor, off64_t size)
{
    char path[PATH_MAX];
    int watched = named(descriptor, path);
    if (watched && point())
        return -1;
    int done = (int)syscall(SYS_ftruncate, descriptor, size);
    if (watched && !done)
        record(TRUNCATE, path, "", size, NULL, 0);
    return done;
}

int ftruncate(int descriptor, off_t size)
{
    return truncated(descriptor, size);
}

int ftruncate64(int descriptor, off64_t size)
{
    return truncated(descriptor, size);
}

static int synced(int descriptor, long call)
{
    char path[PATH_MAX];
    int watched = named(descriptor, path);
    if (watched && point())
        return -1;
    int done = (int)syscall(call, descriptor);
    if (watched && !done)
        record(SYNC, path, "", 0, NULL, 0);
    return done;
}

int fsync(int descriptor)
{
    return synced(descriptor, SYS_fsync);
}

int fdatasync(int descriptor)
{
    return synced(descriptor, SYS_fdatasync);
}

/* ------------------------------------------------------------------------------ names */

static int opened(int at, const char *name, int flags, mode_t mode)
{
    char buffer[PATH_MAX];
    const char *path = absolute(at, name, buffer);
    struct stat found;
    int kept = errno;
    int there = inside(path) && syscall(SYS_newfstatat, AT_FDCWD, path, &found, 0) == 0;
    errno = kept;
    int creates = inside(path) && (flags & O_CREAT) && !there;
    int empties = (flags & O_TRUNC) && there && found.st_size > 0;
    if ((creates || empties) && point())
        return -1;
    int done = (int)syscall(SYS_openat, at, name, flags | O_LARGEFILE, mode);
    if (done >= 0 && creates)
        record(CREATE, path, "", 0, NULL, 0);
    if (done >= 0 && empties)
        record(TRUNCATE, path, "", 0, NULL, 0);
    return done;
}

#define MODE                                   \
    mode_t mode = 0;                           \
    if (flags & (O_CREAT | O_TMPFILE)) {       \
        va_list more;                          \
        va_start(more, flags);                 \
        mode = (mode_t)va_arg(more, unsigned); \
        va_end(more);                          \
    }

int open(const char *path, int flags, ...)
{
    MODE;
    return opened(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    MODE;
    return opened(AT_FDCWD, path, flags, mode);
}

int openat(int at, const char *path, int flags, ...)
{
    MODE;
    return opened(at, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...)
{
    MODE;
    return opened(at, path, flags, mode);
}

static int renamed(const char *from, const char *to)
{
    char first[PATH_MAX], second[PATH_MAX];
    const char *old = absolute(AT_FDCWD, from, first), *new = absolute(AT_FDCWD, to, second);
    int watched = inside(old) || inside(new);
    if (watched && point())
        return -1;
    int done = (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
    if (watched && !done)
        record(RENAME, old, new, 0, NULL, 0);
    return done;
}

int rename(const char *from, const char *to)
{
    return renamed(from, to);
}

int link(const char *from, const char *to)
{
    char first[PATH_MAX], second[PATH_MAX];
    const char *old = absolute(AT_FDCWD, from, first), *new = absolute(AT_FDCWD, to, second);
    int watched = inside(new);
    if (watched && point())
        return -1;
    int done = (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
    if (watched && !done)
        record(RENAME, old, new, 1, NULL, 0);
    return done;
}

int unlink(const char *name)
{
    char buffer[PATH_MAX];
    const char *path = absolute(AT_FDCWD, name, buffer);
    int watched = inside(path);
    if (watched && point())
        return -1;
    int done = (int)syscall(SYS_unlinkat, AT_FDCWD, name, 0);
    if (watched && !done)
        record(UNLINK, path, "", 0, NULL, 0);
    return done;
}
