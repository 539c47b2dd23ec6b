/* output.c - see output.h. */
#include "output.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "machine.h"
#include "peak.h"

enum { JSON_FORMAT = 1 }; /* raised when a field changes its meaning; bench/report.py checks it */

static const char *dtype_name(pc_dtype dtype) { return dtype == PC_F64 ? "f64" : "f32"; }

static const char *layout_name(pc_layout layout) { return layout == PC_NHWC ? "nhwc" : "nchw"; }

static int64_t moved_bytes(const bench_case *b) { return (int64_t)(b->src_bytes + b->wei_bytes + b->dst_bytes); }

static int64_t flops(const bench_case *b) { return b->config.mb * problem_flops(b->p); }

/* ---- beginning and end -------------------------------------------------------------------------------------- */

static void begin_json(output *out, const machine *m) {
    json *j = &out->j;
    json_open(j, NULL, '{');
    json_text(j, "program", "pyconv_bench");
    json_int(j, "format", JSON_FORMAT);
    json_text(j, "time", m->time);
    json_open(j, "machine", '{');
    json_text(j, "cpu", m->cpu);
    json_int(j, "cpus", m->cpus);
    json_text(j, "system", m->system);
    json_text(j, "transparent_huge_pages", m->huge_pages);
    json_text(j, "flags", m->flags);
    json_close(j, '}');
    json_text(j, "compiler", pc_compiler());
    json_text(j, "bench_compiler", __VERSION__);
    json_open(j, "versions", '{');
    json_text(j, "pyconv", pc_version());
    json_close(j, '}');
}

static void measure_copies(output *out) {
    if (out->j.file) json_open(&out->j, "copy_gbps", '{');
    for (int i = 0; i < out->o->thread_count; i++) {
        int threads = out->o->threads[i];
        double gbps = peak_copy(threads);
        char key[16];
        snprintf(key, sizeof(key), "%d", threads);
        if (out->j.file) json_number(&out->j, key, gbps);
        if (out->table)
            fprintf(out->table, "# copying large buffers, %d thread%s: %.1f GB/s read and written\n", threads,
                    threads == 1 ? "" : "s", gbps);
    }
    if (out->j.file) json_close(&out->j, '}');
}

static void print_header(FILE *f, const options *o) {
    if (o->peaks) return;
    fprintf(f, "%-22s %-38s %-13s %-14s %-27s %-7s %3s %10s %10s %8s %8s %6s %6s%s%s\n", "problem", "shape", "run",
            "algorithm", "tile", "isa", "thr", "us best", "us median", "GFLOP/s", "FMA peak", "of it", "GB/s",
            o->check ? "  check" : "", o->page_faults ? "      us malloc'ed     mapped  faults each" : "");
}

int output_begin(output *out, const options *o) {
    machine m;
    int to_stdout = o->json && !strcmp(o->json, "-");
    *out = (output){.o = o, .table = to_stdout ? NULL : stdout};
    if (o->json) {
        out->j.file = to_stdout ? stdout : fopen(o->json, "w");
        if (!out->j.file) {
            fprintf(stderr, "pyconv_bench: cannot write %s: %s\n", o->json, strerror(errno));
            return -1;
        }
    }
    machine_read(&m);
    if (out->table)
        fprintf(out->table, "# pyconv %s, %s; %s, %d CPUs usable; %s\n", pc_version(), pc_compiler(), m.cpu, m.cpus,
                m.time);
    if (out->j.file) begin_json(out, &m);
    measure_copies(out);
    if (out->j.file) json_open(&out->j, "results", '[');
    if (out->table) print_header(out->table, o);
    return 0;
}

static void end_json(output *out) {
    json *j = &out->j;
    json_close(j, ']');
    json_open(j, "peaks", '[');
    for (int i = 0; i < out->peak_count; i++) {
        const peak_slot *s = &out->peaks[i];
        json_open(j, NULL, '{');
        json_text(j, "isa", pc_isa_name(s->isa));
        json_text(j, "dtype", dtype_name(s->dtype));
        json_int(j, "threads", s->threads);
        json_number(j, "gflops", s->gflops);
        json_close(j, '}');
    }
    json_close(j, ']');
    json_close(j, '}');
}

static void print_summary(const output *out) {
    FILE *f = out->table;
    if (out->rows) fprintf(f, "# %d rows", out->rows);
    if (out->fractions)
        fprintf(f, "; geometric mean of the fraction of the FMA peak %.1f %%",
                100 * exp(out->log_fractions / out->fractions));
    fprintf(f, out->rows ? "\n# FMA peak:" : "# FMA peak:");
    for (int i = 0; i < out->peak_count; i++) {
        const peak_slot *s = &out->peaks[i];
        fprintf(f, "%s %s %s x%d %.1f GFLOP/s", i ? "," : "", pc_isa_name(s->isa), dtype_name(s->dtype), s->threads,
                s->gflops);
    }
    fputs(out->peak_count ? "\n" : " not measured\n", f);
}

int output_end(output *out) {
    int result = 0;
    if (out->table) print_summary(out);
    if (out->j.file) {
        end_json(out);
        result = ferror(out->j.file) ? -1 : 0;
        if (out->j.file != stdout && fclose(out->j.file)) result = -1;
    }
    if (result) fprintf(stderr, "pyconv_bench: writing %s failed\n", out->o->json);
    return result;
}

void output_peak(output *out, pc_isa isa, pc_dtype dtype, int threads, double gflops) {
    if (!(gflops > 0)) return;
    for (int i = 0; i < out->peak_count; i++) {
        peak_slot *s = &out->peaks[i];
        if (s->isa == isa && s->dtype == dtype && s->threads == threads) {
            s->gflops = gflops > s->gflops ? gflops : s->gflops;
            return;
        }
    }
    if (out->peak_count < PEAK_SLOTS) out->peaks[out->peak_count++] = (peak_slot){isa, dtype, threads, gflops};
}

/* ---- rows --------------------------------------------------------------------------------------------------- */

static void write_problem(json *j, const problem *p) {
    char shape[160], line[512];
    problem_shape(p, shape, sizeof(shape));
    problem_line(p, line, sizeof(line));
    json_text(j, "problem", p->name);
    json_text(j, "file", p->file);
    json_text(j, "kind", p->kind->name);
    json_text(j, "shape", shape);
    json_text(j, "line", line);
}

static void write_time(json *j, const bench_case *b, const timing *t) {
    double gflops = 1e-3 * (double)flops(b) / t->best;
    json_number(j, "us_best", t->best);
    json_number(j, "us_median", t->median);
    json_int(j, "samples", t->samples);
    json_int(j, "calls", t->calls);
    json_number(j, "gbps", 1e-3 * (double)moved_bytes(b) / t->best);
    if (flops(b)) json_number(j, "gflops", gflops);
    if (flops(b) && t->peak > 0) {
        json_number(j, "peak_gflops", t->peak);
        json_number(j, "fraction", gflops / t->peak);
    }
}

static void write_faults(json *j, const fault_cost *f) {
    const struct {
        const char *name;
        const timing *time;
        double faults;
    } ways[] = {{"reused", &f->reused, f->reused_faults},
                {"malloced", &f->malloced, f->malloced_faults},
                {"mapped", &f->mapped, f->mapped_faults}};
    json_open(j, "destination", '{');
    for (int w = 0; w < 3; w++) {
        json_open(j, ways[w].name, '{');
        json_number(j, "us_best", ways[w].time->best);
        json_number(j, "us_median", ways[w].time->median);
        json_number(j, "faults", ways[w].faults);
        json_close(j, '}');
    }
    json_close(j, '}');
}

static void write_row(json *j, const row *r) {
    const bench_case *b = r->b;
    json_open(j, NULL, '{');
    write_problem(j, b->p);
    json_text(j, "dtype", dtype_name(b->config.dtype));
    json_text(j, "layout", layout_name(b->config.layout));
    json_int(j, "batch", b->config.mb);
    json_int(j, "threads_asked", b->config.threads);
    json_int(j, "threads", b->info.threads);
    json_text(j, "precision", pc_precision_name(b->config.precision));
    json_text(j, "algo", b->info.algo);
    json_text(j, "tile", b->info.tile);
    json_text(j, "isa", b->info.isa);
    json_int(j, "flops", flops(b));
    json_int(j, "bytes", moved_bytes(b));
    json_int(j, "workspace_bytes", (int64_t)b->info.workspace_bytes);
    json_int(j, "packed_bytes", (int64_t)b->info.packed_bytes);
    if (r->check) json_text(j, "check", r->check);
    if (r->time) write_time(j, b, r->time);
    if (r->faults) write_faults(j, r->faults);
    json_close(j, '}');
}

static void print_number(FILE *f, int width, int decimals, double value) {
    if (value > 0)
        fprintf(f, " %*.*f", width, decimals, value);
    else
        fprintf(f, " %*s", width, "-");
}

static void print_row(FILE *f, const row *r) {
    const bench_case *b = r->b;
    char shape[160], run[48];
    double best = r->time ? r->time->best : 0, peak = r->time && flops(b) ? r->time->peak : 0;
    double gflops = best > 0 ? 1e-3 * (double)flops(b) / best : 0;
    problem_shape(b->p, shape, sizeof(shape));
    snprintf(run, sizeof(run), "%s %s n%lld", dtype_name(b->config.dtype), layout_name(b->config.layout),
             (long long)b->config.mb);
    fprintf(f, "%-22s %-38s %-13s %-14s %-27s %-7s %3d", b->p->name, shape, run, b->info.algo, b->info.tile,
            b->info.isa, b->info.threads);
    print_number(f, 10, 2, best);
    print_number(f, 10, 2, r->time ? r->time->median : 0);
    print_number(f, 8, 1, gflops);
    print_number(f, 8, 1, peak);
    if (peak > 0)
        fprintf(f, " %5.1f%%", 100 * gflops / peak);
    else
        fprintf(f, " %6s", "-");
    print_number(f, 6, 1, best > 0 && !flops(b) ? 1e-3 * (double)moved_bytes(b) / best : 0);
    if (r->check) fprintf(f, "  %s", r->check);
    if (r->faults)
        fprintf(f, "  %16.2f %10.2f %12.1f", r->faults->malloced.best, r->faults->mapped.best,
                r->faults->mapped_faults);
    fputc('\n', f);
    fflush(f);
}

void output_row(output *out, const row *r) {
    const bench_case *b = r->b;
    out->rows++;
    if (r->time && flops(b) && r->time->peak > 0) {
        out->log_fractions += log(1e-3 * (double)flops(b) / r->time->best / r->time->peak);
        out->fractions++;
    }
    if (r->time) output_peak(out, b->isa, b->config.dtype, b->info.threads, r->time->peak);
    if (out->table) print_row(out->table, r);
    if (out->j.file) write_row(&out->j, r);
}

void output_note(output *out, const problem *p, const char *what, const char *why) {
    FILE *f = out->table ? out->table : stderr;
    fprintf(f, "%-22s %s: %s\n", p->name, what, why);
    fflush(f);
}
