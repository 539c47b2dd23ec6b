/* explain.c - what a plan says of itself. */
#include <stdio.h>
#include <string.h>

#include "plan.h"

pc_status pc_plan_get_info(const pc_plan *plan, pc_plan_info *info) {
    if (!plan || !info) return PC_ERR_NULL;
    memset(info, 0, sizeof *info);
    if (plan->is_pool) {
        static const char *const paths[] = {[PC_POOL_BLOCKS] = "blocks",       [PC_POOL_FLAT] = "flat planes",
                                            [PC_POOL_TILES] = "tiles",         [PC_POOL_ROWS] = "rows",
                                            [PC_POOL_PIXELS] = "pixels",       [PC_POOL_LAST_ROWS] = "rows of channels",
                                            [PC_POOL_GLOBAL] = "whole planes", [PC_POOL_MAXIMA] = "rows, any element",
                                            [PC_POOL_PLAIN] = "one window"};
        const pc_pool *p = &plan->as.pool;
        info->algo = p->desc.kind == PC_POOL_MAX ? "max_pool" : "average_pool";
        info->isa = pc_isa_name(p->kernels->isa);
        info->threads = p->threads;
        info->workspace_bytes_per_thread = p->workspace_per_thread;
        snprintf(info->tile, sizeof info->tile, "%s%s", p->turned ? "turned " : "", paths[p->path]);
    } else {
        const pc_conv *c = &plan->as.conv;
        info->algo = c->algo->name;
        info->isa = pc_isa_name(c->desc.isa);
        info->threads = c->threads;
        info->flops = c->flops;
        info->packed_bytes = c->packed_size;
        info->workspace_bytes_per_thread = c->workspace_per_thread;
        memcpy(info->tile, c->tile, sizeof info->tile);
    }
    info->workspace_bytes = pc_plan_workspace_size(plan);
    return PC_OK;
}

const char *pc_plan_refusal(const pc_plan *plan, int i) {
    const pc_algo *algo = pc_registry_at(i);
    if (!plan || plan->is_pool || !algo || algo == plan->as.conv.algo) return NULL;
    const pc_conv *c = plan->phases ? &plan->phase[0].conv : &plan->as.conv;
    const char *reason = pc_algo_refusal(algo, c);
    if (reason) return reason;
    if (plan->forced) return "another algorithm was asked for";
    reason = algo->defer(c);
    return reason ? reason : "an algorithm listed before it accepts";
}

size_t pc_plan_explain(const pc_plan *plan, char *text, size_t n) {
    char line[256], none;
    size_t length = 0;
    pc_plan_info info;
    if (!text || !n) {
        text = &none;
        n = 1;
    }
    text[0] = 0;
    if (pc_plan_get_info(plan, &info) != PC_OK) return 0;
    for (int i = -1; i < 0 || pc_algo_name(i); i++) {
        int written;
        if (i < 0) {
            written = snprintf(
                line, sizeof line,
                "%s on %s, tile %s, %d thread%s, workspace %zu bytes (%zu a thread), packed weights %zu bytes, "
                "%lld flops\n",
                info.algo, info.isa, info.tile, info.threads, info.threads == 1 ? "" : "s", info.workspace_bytes,
                info.workspace_bytes_per_thread, info.packed_bytes, (long long)info.flops);
        } else {
            const char *reason = pc_plan_refusal(plan, i);
            if (!reason) continue;
            written = snprintf(line, sizeof line, "not %s: %s\n", pc_algo_name(i), reason);
        }
        if (length + 1 < n) snprintf(text + length, n - length, "%s", line);
        length += (size_t)written;
    }
    return length;
}
