#define _GNU_SOURCE
#include "guard.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SLACK = 0xA5 };

static const char *volatile watched;

static void write_text(const char *text) {
    if (write(STDOUT_FILENO, text, strlen(text)) < 0) _exit(2);
}

static void on_fault(int signal_number) {
    (void)signal_number;
    write_text("FAILED memory touched outside its buffer: ");
    write_text(watched);
    write_text("\n");
    _exit(1);
}

void guard_watch(const char *what) {
    watched = what;
    signal(SIGSEGV, on_fault);
    signal(SIGBUS, on_fault);
}

guard_buffer guard_create(size_t bytes, guard_side side) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), inner = (bytes + page - 1) / page * page;
    guard_buffer b = {.map_bytes = inner + 2 * page, .bytes = bytes};
    b.map = mmap(NULL, b.map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (b.map == MAP_FAILED || (inner && mprotect(b.map + page, inner, PROT_READ | PROT_WRITE))) {
        perror("guard_create");
        exit(2);
    }
    b.data = b.map + page + (side == GUARD_AFTER ? inner - bytes : 0);
    memset(b.map + page, SLACK, inner);
    memset(b.data, 0xFF, bytes);
    return b;
}

void guard_destroy(guard_buffer *buffer) {
    munmap(buffer->map, buffer->map_bytes);
    *buffer = (guard_buffer){0};
}

void guard_read_only(const guard_buffer *b) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (b->map_bytes > 2 * page && mprotect(b->map + page, b->map_bytes - 2 * page, PROT_READ)) {
        perror("guard_read_only");
        exit(2);
    }
}

int guard_intact(const guard_buffer *b) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (const unsigned char *p = b->map + page; p < b->map + b->map_bytes - page; p++) {
        if ((p < b->data || p >= b->data + b->bytes) && *p != SLACK) return 0;
    }
    return 1;
}
