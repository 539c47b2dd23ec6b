/* machine.c - read from /proc and /sys where they exist; empty texts elsewhere. */
#define _GNU_SOURCE
#include "machine.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sched.h>
#endif

/* The text behind the first "key : text" line of /proc/cpuinfo. */
static void cpuinfo(const char *key, char *text, size_t n) {
    char line[8192];
    FILE *file = fopen("/proc/cpuinfo", "r");
    text[0] = '\0';
    if (!file) return;
    while (!text[0] && fgets(line, sizeof(line), file)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, key, strlen(key)) || !colon) continue;
        colon += strspn(colon, ": \t");
        colon[strcspn(colon, "\n")] = '\0';
        snprintf(text, n, "%s", colon);
    }
    fclose(file);
}

static int usable_cpus(void) {
#ifdef __linux__
    cpu_set_t set;
    if (!sched_getaffinity(0, sizeof(set), &set)) return CPU_COUNT(&set);
#endif
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static void first_line(const char *path, char *text, size_t n) {
    FILE *file = fopen(path, "r");
    text[0] = '\0';
    if (!file) return;
    if (fgets(text, (int)n, file)) text[strcspn(text, "\n")] = '\0';
    fclose(file);
}

void machine_read(machine *m) {
    struct utsname name;
    time_t now = time(NULL);
    struct tm utc;
    *m = (machine){.cpus = usable_cpus()};
    cpuinfo("model name", m->cpu, sizeof(m->cpu));
    cpuinfo("flags", m->flags, sizeof(m->flags));
    if (!m->flags[0]) cpuinfo("Features", m->flags, sizeof(m->flags));
    if (!uname(&name)) {
        snprintf(m->system, sizeof(m->system), "%.40s %.70s", name.sysname, name.machine);
        if (!m->cpu[0]) snprintf(m->cpu, sizeof(m->cpu), "%.100s", name.machine);
    }
    first_line("/sys/kernel/mm/transparent_hugepage/enabled", m->huge_pages, sizeof(m->huge_pages));
    if (gmtime_r(&now, &utc)) strftime(m->time, sizeof(m->time), "%Y-%m-%dT%H:%M:%SZ", &utc);
}
